#include "socket/revive.h"

#include "socket/backlog.h"

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace swathe {
namespace {

/// Of a datagram socket nothing takes shutdown(2) back; of a TCP socket disconnecting does (tcp_disconnect). A UNIX socket stays in LISTEN.
bool is_shut(int fd) noexcept {
    pollfd poll{fd, POLLRDHUP, 0};
    return ::poll(&poll, 1, 0) == 1 && (poll.revents & (POLLRDHUP | POLLHUP)) != 0;
}

Result<SocketAddress> name_of(int fd, int (*get)(int, sockaddr*, socklen_t*)) {
    sockaddr_storage raw{};
    socklen_t size = sizeof raw;
    if (get(fd, reinterpret_cast<sockaddr*>(&raw), &size) < 0) return system_failure("name of a socket");
    return SocketAddress::from_sockaddr(raw);
}

Status disconnect(int fd) {
    sockaddr none{};
    none.sa_family = AF_UNSPEC;
    if (::connect(fd, &none, sizeof none) < 0) return system_failure("disconnect");
    return {};
}

/// Without SOCK_BINDPORT_LOCK, which is set only where bind(2) was given a port, the kernel takes the port away from a socket
/// that is closed or disconnected (tcp_set_state, __udp_disconnect), though getsockname(2) may still tell it.
Status bind_home(const BoundSocket& socket) {
    sockaddr_storage raw{};
    const socklen_t size = socket.home.to_sockaddr(raw, socket.takes_ipv6);
    const bool bound = ::bind(socket.fd.get(), reinterpret_cast<const sockaddr*>(&raw), size) == 0;
    if (!bound && errno != EINVAL) return system_failure(fmt::format("bind {} again", socket.home.to_string())); // EINVAL: it is bound
    return {};
}

/// Elsewhere it would be reached by who is not meant to reach it.
Status check_home(const BoundSocket& socket) {
    const auto name = name_of(socket.fd.get(), ::getsockname);
    if (!name) return Failure(name.error());
    if (*name == socket.home) return {};
    return failure(fmt::format("it is bound to {} instead of {}", name->to_string(), socket.home.to_string()));
}

} // namespace

std::string why_unusable(int fd, Protocol protocol) {
    if (protocol == Protocol::tcp) return is_listening(fd) && !is_shut(fd) ? "" : "it was shut down and listens no more";
    if (const auto peer = name_of(fd, ::getpeername); peer) return fmt::format("it is connected to {}", peer->to_string());
    return is_shut(fd) ? "it was shut down, which cannot be taken back" : "";
}

Result<bool> revive(const BoundSocket& socket, Protocol protocol, int backlog) {
    const int fd = socket.fd.get();
    if (why_unusable(fd, protocol).empty()) return false;
    if (auto free = disconnect(fd); !free) return Failure(std::move(free).error());
    if (auto bound = bind_home(socket); !bound) return Failure(std::move(bound).error());
    if (auto home = check_home(socket); !home) return Failure(std::move(home).error());
    if (protocol == Protocol::tcp && ::listen(fd, backlog) < 0)
        return system_failure(fmt::format("listen {} again", socket.home.to_string()));
    if (const std::string why = why_unusable(fd, protocol); !why.empty()) return failure(why);
    return true;
}

void set_backlog(int fd, int backlog) noexcept {
    if (is_listening(fd)) (void)::listen(fd, backlog); // in LISTEN it only sets the number (af_inet.c, __inet_listen_sk)
}

} // namespace swathe
