#include "process/notify_socket.h"

#include "process/cgroup_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace swathe {
namespace {

constexpr std::size_t kMostFds = 253;                 // SCM_MAX_FD, unix(7): more cannot come in one datagram
constexpr int kReceiveBufferBytes = 8 * 1024 * 1024;  // as systemd's

// Linux 6.5, which the headers of an older distribution do not know: include/uapi/asm-generic/socket.h, include/linux/socket.h
constexpr int kPassPidfd = 76;
constexpr int kScmPidfd = 4;

/// One datagram with what the kernel says about it.
struct Received {
    std::string_view text;
    NotifySocket::Sender sender;
    bool has_sender = false;
    bool truncated = false;
    std::vector<UniqueFd> fds;
};

template <class T> T payload(const cmsghdr* c) {
    T value{};
    std::memcpy(&value, CMSG_DATA(c), sizeof value);
    return value;
}

void read_control(msghdr& header, Received& received) {
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET) continue;
        if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(ucred))) {
            const auto who = payload<ucred>(c);
            received.sender.pid = who.pid;
            received.sender.uid = who.uid;
            received.has_sender = who.pid > 0; // 0: from a pid namespace that is none of ours
        } else if (c->cmsg_type == kScmPidfd && c->cmsg_len == CMSG_LEN(sizeof(int))) {
            received.sender.pidfd = UniqueFd(std::max(payload<int>(c), -1)); // below 0: why there is none
        } else if (c->cmsg_type == SCM_RIGHTS) {
            for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
                int fd = -1;
                std::memcpy(&fd, reinterpret_cast<const char*>(c) + at, sizeof fd);
                received.fds.emplace_back(fd);
            }
        }
    }
}

/// False: nothing waits.
bool receive(int fd, char (&buffer)[kLongestNotification], Received& received) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(int) * kMostFds)];
    iovec part{buffer, sizeof buffer};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    ssize_t length = 0;
    do
        length = ::recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (length < 0 && errno == EINTR);
    if (length < 0) return false; // EAGAIN; a datagram socket that sends nothing has no errors to report
    received.text = {buffer, static_cast<std::size_t>(length)};
    received.truncated = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    read_control(header, received);
    if (received.has_sender) received.sender.cgroups = cgroups_of(received.sender.pid);
    return true;
}

/// A socket that a predecessor left behind goes; whatever else stands there stays.
Status remove_stale(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT ? Status{} : Status(system_failure(path));
    if (!S_ISSOCK(status.st_mode)) return failure(path + " exists and is not a socket", EEXIST);
    if (::unlink(path.c_str()) != 0) return system_failure("unlink " + path);
    return {};
}

Result<UniqueFd> bind_socket(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) return failure(path, ENAMETOOLONG);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return system_failure("socket");
    const int on = 1; // before bind: no message may come without credentials
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) return system_failure("SO_PASSCRED");
    (void)::setsockopt(fd.get(), SOL_SOCKET, kPassPidfd, &on, sizeof on); // an older kernel has none
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes, sizeof kReceiveBufferBytes) != 0) // needs CAP_NET_ADMIN
        (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);     // as far as it may
    if (auto ok = remove_stale(path); !ok) return Failure(std::move(ok).error());
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return system_failure("bind " + path);
    if (::chmod(path.c_str(), 0666) != 0) return system_failure("chmod " + path); // bind obeyed the umask
    return fd;
}

} // namespace

struct NotifySocket::State {
    std::string path;
    Handler handler;
    Refused refused;
    UniqueFd fd;
    std::optional<IoSource> source; // declared last: destroyed first

    ~State() {
        if (fd) (void)::unlink(path.c_str());
    }

    void drain(int most) {
        char buffer[kLongestNotification];
        for (int count = 0; count < most; ++count) {
            Received received;
            if (!receive(fd.get(), buffer, received)) return;
            handle(received);
        }
    }

    void handle(Received& received) {
        const auto refuse = [&](const char* why) { refused(received.sender, Error{why, 0, std::nullopt}); };
        if (!received.has_sender) return refuse("notification from an unknown process");
        if (received.truncated) return refuse("notification is too long, or has more descriptors than may be opened");
        auto said = parse_notification(received.text);
        if (!said) return refused(received.sender, said.error());
        if (said->barrier && received.fds.size() != 1) return refuse("notification with BARRIER=1, but not with one descriptor");
        if (said->barrier) return; // all before it was handled, and its descriptor closes: that is the answer
        handler(received.sender, std::move(*said), std::move(received.fds));
    }
};

Result<NotifySocket> NotifySocket::open(Loop& loop, const std::string& path, Handler handler, Refused refused) {
    auto fd = bind_socket(path);
    if (!fd) return Failure(std::move(fd).error().within("notify socket"));
    NotifySocket socket(std::make_unique<State>());
    State& state = *socket.state_;
    state.path = path;
    state.handler = std::move(handler);
    state.refused = std::move(refused);
    state.fd = std::move(*fd);
    auto source = IoSource::watch(loop, state.fd.get(), EPOLLIN, [raw = &state](std::uint32_t) { raw->drain(kNotificationsPerTurn); });
    if (!source) return Failure(std::move(source).error());
    state.source = std::move(*source);
    return socket;
}

const std::string& NotifySocket::path() const noexcept { return state_->path; }

void NotifySocket::drain() { state_->drain(kNotificationsPerDrain); }

NotifySocket::NotifySocket(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
NotifySocket::NotifySocket(NotifySocket&&) noexcept = default;
NotifySocket& NotifySocket::operator=(NotifySocket&&) noexcept = default;
NotifySocket::~NotifySocket() = default;

} // namespace swathe
