#include "socket/flow_inject.h"

#include "socket/flow_packet.h"

#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>

namespace swathe {
namespace {

/// The kernel's softirqs may be behind, and then wait for a processor like everybody else (ksoftirqd).
constexpr Duration kDeliveryPatience = std::chrono::milliseconds(100);
constexpr Duration kShortPatience = std::chrono::milliseconds(1);

/// IPPROTO_RAW: the header is ours, and no datagram is ever received.
Result<UniqueFd> open_raw(int family) {
    UniqueFd fd{::socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW)};
    if (!fd) return system_failure("raw socket");
    return fd;
}

SocketAddress loopback(Family family) {
    if (family == Family::ipv4) return {Address::v4(0x7f000001), 0};
    return {{Family::ipv6, {0, 1}}, 0};
}

} // namespace

Duration FlowInjector::patience() const noexcept { return vanishing_ ? kShortPatience : kDeliveryPatience; }

Result<FlowInjector> FlowInjector::open(const NetNamespace& ns) {
    FlowInjector injector;
    auto done = ns.inside([&]() -> Status {
        auto ipv4 = open_raw(AF_INET);
        if (!ipv4) return Failure(std::move(ipv4).error());
        injector.ipv4_ = std::move(*ipv4);
        auto ipv6 = open_raw(AF_INET6);
        if (!ipv6 && ipv6.error().errno_value != EAFNOSUPPORT) return Failure(std::move(ipv6).error());
        if (ipv6) injector.ipv6_ = std::move(*ipv6);
        return {};
    });
    if (!done) return Failure(std::move(done).error());
    return injector;
}

/// IPv6's largest datagrams exceed the 65,536 bytes that loopback takes, and an administrator may have given it less.
Status FlowInjector::send(const Datagram& datagram) {
    const Family family = datagram.flow.client.address.family;
    auto sent = send_packet(family, whole_packet(datagram));
    if (sent || sent.error().errno_value != EMSGSIZE) return sent;
    const std::uint32_t id = next_id_;
    next_id_ = next_id_ % 0xffff + 1; // what IPv4 has room for, without 0
    for (const Packet& packet : fragments(datagram, id))
        if (auto part = send_packet(family, packet); !part) return part;
    return {};
}

Status FlowInjector::send_packet(Family family, const std::vector<std::uint8_t>& packet) const {
    sockaddr_storage raw{};
    const socklen_t size = loopback(family).to_sockaddr(raw);
    const int fd = family == Family::ipv4 ? ipv4_.get() : ipv6_.get();
    if (::sendto(fd, packet.data(), packet.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&raw), size) < 0)
        return system_failure("send of a datagram to its flow");
    return {};
}

} // namespace swathe
