#include "process/notify_socket.h"
#include "support.h"

#include <csignal>
#include <fcntl.h>
#include <functional>
#include <iterator>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

using namespace swathe;
using namespace swathe::test;
using namespace std::chrono_literals;

namespace {

struct Heard {
    NotifySocket::Sender from;
    Notification what;
    std::vector<UniqueFd> fds; ///< empty unless the fixture keeps them
};

struct Refusal {
    pid_t pid = 0;
    std::string why;
};

struct Pipe {
    UniqueFd read, write;
};

Pipe pipe_pair() {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// A notify socket with all that came in.
struct Fixture {
    TempDir dir;
    Loop loop = std::move(*Loop::create());
    std::string path = dir / "notify";
    std::vector<Heard> heard;
    std::vector<Refusal> refused;
    bool keep_fds = false;
    std::function<void()> while_handled = [] {}; ///< before the handler lets go of descriptors
    NotifySocket socket = open();

    NotifySocket open() {
        auto opened = NotifySocket::open(
            loop, path,
            [this](const NotifySocket::Sender& who, Notification&& what, std::vector<UniqueFd> fds) {
                while_handled();
                if (!keep_fds) fds.clear();
                UniqueFd pidfd = keep_fds ? copy_of(who.pidfd) : UniqueFd();
                heard.push_back({{who.pid, who.uid, std::move(pidfd), who.cgroups}, std::move(what), std::move(fds)});
            },
            [this](const NotifySocket::Sender& who, const Error& why) { refused.push_back({who.pid, why.to_string()}); });
        if (!opened) FAIL(opened.error().to_string());
        return std::move(*opened);
    }

    static UniqueFd copy_of(const UniqueFd& fd) { return fd ? UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)) : UniqueFd(); }

    template <class Done> bool run_until(Done done) {
        const Monotonic deadline = now() + 10s;
        while (!done() && now() < deadline)
            if (!loop.run_once(10ms)) return false;
        return done();
    }

    /// Runs `work` in a child process whose NOTIFY_SOCKET is ours, and the loop until it ends. Returns its pid; it must return 0.
    pid_t in_child(const std::function<int()>& work) {
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            (void)::setenv("NOTIFY_SOCKET", path.c_str(), 1);
            ::_exit(work());
        }
        int status = -1;
        bool ended = false;
        CHECK(run_until([&] { return ended = ended || ::waitpid(pid, &status, WNOHANG) == pid; }));
        CHECK(status == 0);
        socket.drain();
        return pid;
    }

    /// One datagram with these descriptors, as it stands.
    void send(const std::string& text, const std::vector<int>& fds = {}) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        REQUIRE(path.size() < sizeof to.sun_path);
        path.copy(to.sun_path, path.size());
        const UniqueFd from(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        std::string body = text;
        iovec part{body.data(), body.size()};
        msghdr header{};
        header.msg_name = &to;
        header.msg_namelen = sizeof to;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 253)] = {};
        if (!fds.empty()) {
            header.msg_control = control;
            header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
            cmsghdr* const c = CMSG_FIRSTHDR(&header);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
            std::copy(fds.begin(), fds.end(), reinterpret_cast<int*>(CMSG_DATA(c)));
        }
        REQUIRE(::sendmsg(from.get(), &header, 0) == static_cast<ssize_t>(text.size()));
    }
};

} // namespace

TEST_CASE("notify socket: the sender is whom the kernel says, and libsystemd's messages are understood") {
    Fixture f;
    const pid_t pid = f.in_child([] { return sd_notify(0, "READY=1\nSTATUS=Serving.\nMAINPID=1") > 0 ? 0 : 1; });
    REQUIRE(f.heard.size() == 1);
    CHECK(f.heard[0].from.pid == pid); // though it was dead when it was read
    CHECK(f.heard[0].from.uid == ::getuid());
    CHECK(f.heard[0].what.ready);
    CHECK(f.heard[0].what.status == "Serving.");
    CHECK(f.refused.empty());
}

TEST_CASE("notify socket: sd_notify_barrier returns once all that was said before has been handled") {
    Fixture f;
    f.in_child([] {
        for (int i = 0; i < 5; ++i)
            if (sd_notify(0, "STATUS=x") <= 0) return 1;
        if (sd_notify(0, "READY=1") <= 0) return 2;
        return sd_notify_barrier(0, 5'000'000) > 0 ? 0 : 3;
    });
    REQUIRE(f.heard.size() == 6); // the barrier itself is answered, not heard
    CHECK(f.heard[5].what.ready);
}

TEST_CASE("notify socket: a barrier falls only once the message before it was handled") {
    Fixture f;
    auto [mine, theirs] = pipe_pair();
    const auto fallen = [end = mine.get()] {
        pollfd wait{end, 0, 0};
        return ::poll(&wait, 1, 0) == 1 && (wait.revents & POLLHUP) != 0;
    };
    f.send("READY=1");
    f.send("BARRIER=1", {theirs.get()});
    theirs.reset();
    bool fell_early = true;
    f.while_handled = [&] { fell_early = fallen(); };
    f.socket.drain();
    CHECK_FALSE(fell_early);
    CHECK(fallen());
    CHECK(f.heard.size() == 1);
    CHECK(f.refused.empty());
}

TEST_CASE("notify socket: a barrier with more beside it, or without its one descriptor, is refused whole") {
    Fixture f;
    const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
    f.send("BARRIER=1");
    f.send("BARRIER=1", {event.get(), event.get()});
    f.send("BARRIER=1\nREADY=1", {event.get()});
    f.socket.drain();
    CHECK(f.heard.empty());
    REQUIRE(f.refused.size() == 3);
    CHECK(f.refused[0].why == "notification with BARRIER=1, but not with one descriptor");
    CHECK(f.refused[1].why == f.refused[0].why);
    CHECK(f.refused[2].why == "notification with BARRIER=1 beside other keys");
}

TEST_CASE("notify socket: the descriptors of a message are its handler's, in order and closed on exec") {
    Fixture f;
    f.keep_fds = true;
    const UniqueFd first(::eventfd(7, EFD_CLOEXEC));
    const UniqueFd second(::eventfd(8, EFD_CLOEXEC));
    f.send("FDSTORE=1\nFDNAME=pair", {first.get(), second.get()});
    f.send("READY=1");
    f.socket.drain();
    REQUIRE(f.heard.size() == 2);
    CHECK(f.heard[0].what.stored_name() == "pair");
    REQUIRE(f.heard[0].fds.size() == 2);
    CHECK(f.heard[1].fds.empty());
    std::uint64_t count = 0;
    for (const std::uint64_t expected : {7U, 8U}) {
        const int fd = f.heard[0].fds[expected - 7].get();
        CHECK(::fcntl(fd, F_GETFD) == FD_CLOEXEC);
        CHECK(::read(fd, &count, sizeof count) == sizeof count);
        CHECK(count == expected);
    }
}

TEST_CASE("notify socket: the sender's pidfd is given where the kernel has one, and is no descriptor of the message") {
    Fixture f;
    f.keep_fds = true;
    const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
    f.send("READY=1", {event.get()});
    f.socket.drain();
    REQUIRE(f.heard.size() == 1);
    CHECK(f.heard[0].fds.size() == 1);
    const UniqueFd probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    constexpr int kPassPidfd = 76; // SO_PASSPIDFD, Linux 6.5
    const int on = 1;
    const bool kernel_can = ::setsockopt(probe.get(), SOL_SOCKET, kPassPidfd, &on, sizeof on) == 0;
    REQUIRE(static_cast<bool>(f.heard[0].from.pidfd) == kernel_can);
    if (!kernel_can) return;
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(f.heard[0].from.pidfd.get()));
    const std::string text{std::istreambuf_iterator<char>(info), {}};
    CHECK(text.find("Pid:\t" + std::to_string(::getpid()) + "\n") != text.npos);
}

TEST_CASE("notify socket: 4096 bytes are heard, one more is refused, and the next one is heard again") {
    Fixture f;
    f.send("STATUS=" + std::string(kLongestNotification - 7, 'a'));
    f.send("STATUS=" + std::string(kLongestNotification - 6, 'b'));
    f.send("READY=1");
    f.send("");
    f.send(std::string("READY=1\0X", 9));
    CHECK(f.run_until([&] { return f.heard.size() + f.refused.size() == 5; }));
    REQUIRE(f.heard.size() == 3);
    CHECK(f.heard[0].what.status == std::string(4089, 'a'));
    CHECK(f.heard[1].what.ready);
    REQUIRE(f.refused.size() == 2);
    CHECK(f.refused[0].why == "notification is too long, or has more descriptors than may be opened");
    CHECK(f.refused[0].pid == ::getpid());
    CHECK(f.refused[1].why == "notification with a NUL character");
}

TEST_CASE("notify socket: descriptors that come along are closed, with what is heard and with what is refused") {
    Fixture f;
    const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
    const std::vector<int> before = open_fds();
    f.send("READY=1\nFDSTORE=1", {event.get(), event.get(), event.get()});
    f.send("READY=1", std::vector<int>(253, event.get()));                  // as many as can be sent
    f.send(std::string(kLongestNotification + 1, 'x'), {event.get(), event.get()});
    CHECK(f.run_until([&] { return f.heard.size() + f.refused.size() == 3; }));
    CHECK(f.heard.size() == 2);
    CHECK(open_fds() == before);
}

TEST_CASE("notify socket: descriptors that find no room are refused with their message, and those that found it are closed") {
    Fixture f;
    const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
    const std::vector<int> before = open_fds();
    f.send("READY=1", std::vector<int>(50, event.get()));
    rlimit old{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
    const rlimit low{static_cast<rlim_t>(before.back()) + 20, old.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    CHECK(f.run_until([&] { return f.heard.size() + f.refused.size() == 1; }));
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
    CHECK(f.refused.size() == 1);
    CHECK(open_fds() == before);
}

TEST_CASE("notify socket: a flood is heard in turns, so that others have theirs") {
    Fixture f;
    const UniqueFd mine(::eventfd(1, EFD_CLOEXEC));
    int turns = 0;
    auto other = IoSource::watch(f.loop, mine.get(), EPOLLIN, [&](std::uint32_t) { ++turns; });
    REQUIRE(other);
    const pid_t flood = ::fork();
    REQUIRE(flood >= 0);
    if (flood == 0) {
        (void)::setenv("NOTIFY_SOCKET", f.path.c_str(), 1);
        for (;;) (void)sd_notify(0, "STATUS=me me me");
    }
    CHECK(f.run_until([&] { return f.heard.size() > 2000; }));
    CHECK(turns >= static_cast<int>(f.heard.size()) / kNotificationsPerTurn / 2);
    f.socket.drain(); // ends though the flood does not
    CHECK(::kill(flood, SIGKILL) == 0);
    CHECK(::waitpid(flood, nullptr, 0) == flood);
}

TEST_CASE("notify socket: drain hears the last words at once") {
    Fixture f;
    for (int i = 0; i < 5; ++i) f.send("STATUS=" + std::to_string(i));
    f.socket.drain();
    REQUIRE(f.heard.size() == 5);
    CHECK(f.heard[4].what.status == "4");
}

TEST_CASE("notify socket: everybody may write, whatever the umask; a stale socket is replaced; the path goes with the object") {
    TempDir dir;
    Loop loop = std::move(*Loop::create());
    const std::string path = dir / "notify";
    const auto open = [&](const std::string& where) {
        return NotifySocket::open(loop, where, [](const auto&, auto&&, auto) {}, [](const auto&, const auto&) {});
    };
    const mode_t old = ::umask(0077);
    {
        auto first = open(path);
        REQUIRE(first);
        struct stat status {};
        REQUIRE(::stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0666);
        CHECK(first->path() == path);
        NotifySocket moved = std::move(*first);
        CHECK(std::filesystem::exists(path));
    }
    CHECK_FALSE(std::filesystem::exists(path));
    ::umask(old);

    const UniqueFd stale(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    REQUIRE(::bind(stale.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    CHECK(open(path));
}

TEST_CASE("notify socket: what is no stale socket stays, and a link is not followed") {
    TempDir dir;
    Loop loop = std::move(*Loop::create());
    const auto refusal = [&](const std::string& where) {
        auto opened = NotifySocket::open(loop, where, [](const auto&, auto&&, auto) {}, [](const auto&, const auto&) {});
        return opened ? 0 : opened.error().errno_value;
    };
    const std::string file = dir / "file";
    std::ofstream(file) << "precious";
    CHECK(refusal(file) == EEXIST);
    CHECK(std::filesystem::file_size(file) == 8);
    std::filesystem::create_symlink(dir / "nowhere", dir / "link");
    CHECK(refusal(dir / "link") == EEXIST);
    CHECK(std::filesystem::is_symlink(dir / "link"));
    CHECK_FALSE(std::filesystem::exists(dir / "nowhere"));
    CHECK(refusal(dir / "no/such/directory") == ENOENT);
    CHECK(refusal(dir / std::string(108, 'x')) == ENAMETOOLONG);
    CHECK(refusal("") == ENAMETOOLONG);
    std::string longest = dir / "";
    longest += std::string(107 - longest.size(), 'x');
    CHECK(refusal(longest) == 0);
}
