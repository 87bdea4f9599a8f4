#include "socket/accepted.h"

#include "socket/options.h"

#include <cerrno>
#include <cstddef>

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace swathe {
namespace {

constexpr int kCloseWait = 8, kLastAck = 9, kClosing = 11; // TCP_..., net/tcp_states.h: the other side has sent all that it will
constexpr int kMostSkipped = 64; // a filter of system calls, or a security module, may give one of these errors for ever
constexpr int kPeerPidfd = 77; // SO_PEERPIDFD, asm-generic/socket.h from Linux 6.5

/// accept(2): errors of a connection that is gone, or of the network on its way, are not the listener's.
bool is_of_the_connection(int error) noexcept {
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH: return true;
    default: return false;
    }
}

AcceptedSocket::Outcome outcome_of(int error) noexcept {
    switch (error) {
    case EAGAIN: return AcceptedSocket::Outcome::nobody;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return AcceptedSocket::Outcome::exhausted;
    default: return AcceptedSocket::Outcome::failed;
    }
}

using NameCall = int (*)(int, sockaddr*, socklen_t*);

Result<SocketAddress> name_of(int fd, NameCall call, const char* what) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (call(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return system_failure(what);
    return SocketAddress::from_sockaddr(storage);
}

/// unix(7): an abstract name begins with a NUL, and may have more of them; what a variable cannot hold ends it.
Result<std::string> unix_name_of(int fd) {
    sockaddr_un address{};
    socklen_t size = sizeof address;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return system_failure("getpeername");
    const std::size_t length = size > offsetof(sockaddr_un, sun_path) ? size - offsetof(sockaddr_un, sun_path) : 0;
    const bool abstract = length > 1 && address.sun_path[0] == '\0';
    const std::string_view text(address.sun_path + (abstract ? 1 : 0), length - (abstract ? 1 : 0));
    const std::string_view name = text.substr(0, text.find('\0'));
    return (abstract ? "@" : "") + std::string(name);
}

std::uint64_t pidfd_id_of_peer(int fd) noexcept {
    int raw = -1;
    socklen_t size = sizeof raw;
    if (::getsockopt(fd, SOL_SOCKET, kPeerPidfd, &raw, &size) != 0) return 0;
    const UniqueFd pidfd(raw);
    struct stat status {};
    return ::fstat(pidfd.get(), &status) == 0 ? status.st_ino : 0;
}

Status add_unix_ends(int fd, ConnectionEnds& ends) {
    auto name = unix_name_of(fd);
    if (!name) return Failure(std::move(name).error());
    ends.path = std::move(*name);
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return system_failure("SO_PEERCRED");
    ends.pid = who.pid;
    ends.uid = who.uid;
    if (who.pid > 0) ends.pidfd_id = pidfd_id_of_peer(fd);
    return {};
}

Status add_ip_ends(int fd, ConnectionEnds& ends) {
    auto remote = name_of(fd, &::getpeername, "getpeername");
    if (!remote) return Failure(std::move(remote).error());
    auto local = name_of(fd, &::getsockname, "getsockname");
    if (!local) return Failure(std::move(local).error());
    ends.remote = *remote;
    ends.local = *local;
    return {};
}

bool is_unix(SocketKind kind) noexcept {
    switch (kind) {
    case SocketKind::tcp:
    case SocketKind::udp: return false;
    case SocketKind::unix_stream:
    case SocketKind::unix_datagram:
    case SocketKind::unix_seqpacket: return true;
    }
    return false;
}

} // namespace

AcceptedSocket accept_next(int listener) noexcept {
    int error = 0;
    for (int skipped = 0; skipped < kMostSkipped; ++skipped) {
        UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (fd) return {AcceptedSocket::Outcome::taken, std::move(fd), 0};
        error = errno;
        if (!is_of_the_connection(error)) return {outcome_of(error), UniqueFd(), error};
    }
    return {AcceptedSocket::Outcome::failed, UniqueFd(), error};
}

Result<ConnectionEnds> ends_of(int fd, SocketKind kind) {
    ConnectionEnds ends;
    ends.kind = kind;
    if (auto added = is_unix(kind) ? add_unix_ends(fd, ends) : add_ip_ends(fd, ends); !added) return Failure(std::move(added).error());
    socklen_t size = sizeof ends.cookie;
    if (::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &ends.cookie, &size) != 0) return system_failure("SO_COOKIE");
    return ends;
}

Status set_accepted_options(int fd, const Listener& listener, const ConnectionEnds& ends) {
    if (listener.options() == SocketOptions{}) return {};
    const bool ipv4 = !listener.is_unix() && ends.local.address.family == Family::ipv4;
    return set_options(fd, listener, {ipv4, !listener.is_unix() && !ipv4});
}

void make_non_blocking(int fd) noexcept {
    if (const int flags = ::fcntl(fd, F_GETFL); flags >= 0 && (flags & O_NONBLOCK) == 0) (void)::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void send_at_once(int fd, std::string_view text) noexcept {
    while (!text.empty()) {
        const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
}

std::optional<TransferredBytes> transferred(int fd) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    if (size < offsetof(tcp_info, tcpi_bytes_retrans) + sizeof info.tcpi_bytes_retrans) return std::nullopt; // before 4.19
    const bool finished = info.tcpi_state == kCloseWait || info.tcpi_state == kLastAck || info.tcpi_state == kClosing;
    const std::uint64_t received = info.tcpi_bytes_received - (finished && info.tcpi_bytes_received > 0 ? 1 : 0); // the end counts as one
    return TransferredBytes{received, info.tcpi_bytes_sent - info.tcpi_bytes_retrans};
}

} // namespace swathe
