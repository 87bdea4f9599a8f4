#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <span>
#include <sys/socket.h>

namespace swathe::tools {

/// An address of either family, or none. Never one that is mapped.
union Endpoint {
    sockaddr_storage room; ///< first, so that {} clears all
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;

    [[nodiscard]] sa_family_t family() const noexcept { return any.sa_family; }
    [[nodiscard]] std::uint16_t port() const noexcept; ///< host order; 0 = none
    [[nodiscard]] socklen_t size() const noexcept { return family() == AF_INET ? sizeof v4 : sizeof v6; }
};

/// ::ffff:a.b.c.d as a.b.c.d, as a dual-stack socket's peers have to be for a socket of IPv4.
[[nodiscard]] Endpoint unmapped(const Endpoint& endpoint) noexcept;

/// Where a datagram was sent to, by its control messages. ip(7), IP_PKTINFO and IP_RECVORIGDSTADDR; ipv6(7).
struct Asked {
    Endpoint at{};        ///< family AF_UNSPEC = not known
    unsigned device = 0;  ///< on which it came; 0 = not known
    bool to_many = false; ///< multicast or broadcast
};
[[nodiscard]] Asked asked_by(const msghdr& message) noexcept;

/// Makes the kernel send those messages along; and lets IPv6 answer from addresses that only a route makes ours.
void ask_for_destination(int fd) noexcept;

/// Sends `answer` through `fd` with `asked.at`'s address as its source; the port is the socket's. -1 = errno says why.
[[nodiscard]] ssize_t send_from(int fd, const Asked& asked, std::span<const char> answer, const Endpoint& to) noexcept;

/// A socket that is bound to `asked.at`; for one answer, since what others send there must go where it went before. -1 = errno says why:
/// EACCES for a port below 1024 without CAP_NET_BIND_SERVICE, ENONET where `network` (SO_NETNS_COOKIE) is not the one we are in.
[[nodiscard]] int open_at(const Asked& asked, std::uint64_t network) noexcept;
[[nodiscard]] std::uint64_t network_of(int fd) noexcept; ///< SO_NETNS_COOKIE; 0 where Linux has none (before 5.14)

} // namespace swathe::tools
