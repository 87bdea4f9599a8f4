#include "socket/flow_socket.h"

#include "socket/options.h"

#include <algorithm>
#include <cerrno>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr int kLoopbackIndex = 1;       // in every namespace: include/net/net_namespace.h, LOOPBACK_IFINDEX
constexpr int kIpv6Freebind = 78;       // linux/in6.h has it, but cannot be included beside netinet/in.h
constexpr int kReceiveBufferForce = 33; // asm-generic/socket.h

Status set(int fd, int level, int name, int value, const char* text) {
    if (::setsockopt(fd, level, name, &value, sizeof value) < 0) return system_failure(text);
    return {};
}

int get(int fd, int name) noexcept {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : 0;
}

Result<UniqueFd> new_flow_socket(const Listener& listener, Family family) {
    const Families families{family == Family::ipv4, family == Family::ipv6};
    auto fd = new_socket(listener, families);
    if (!fd) return fd;
    auto done = families.ipv4 ? set(fd->get(), IPPROTO_IP, IP_FREEBIND, 1, "IP_FREEBIND")
                              : set(fd->get(), IPPROTO_IPV6, kIpv6Freebind, 1, "IPV6_FREEBIND");
    if (done && families.ipv6) done = set(fd->get(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
    if (done) done = set_options(fd->get(), listener, families);
    if (done) done = set(fd->get(), SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"); // with the other flows there, and nobody else's sockets
    if (!done) return Failure(std::move(done).error());
    return fd;
}

Status bind_once(int fd, const SocketAddress& asked) {
    sockaddr_storage raw{};
    const socklen_t size = asked.to_sockaddr(raw);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&raw), size) < 0) return system_failure(fmt::format("bind {}", asked.to_string()));
    return {};
}

/// The listener itself may have its home there. Two sockets with SO_REUSEADDR get by each other; anybody's would with them, so it is for
/// the moment of this call only.
Status bind_to(int fd, const SocketAddress& asked, const BoundSocket& from) {
    auto bound = bind_once(fd, asked);
    if (bound || bound.error().errno_value != EADDRINUSE || from.home != asked) return bound;
    const int before = get(from.fd.get(), SO_REUSEADDR);
    bound = set(from.fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    if (bound) bound = set(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    if (bound) bound = bind_once(fd, asked);
    (void)set(fd, SOL_SOCKET, SO_REUSEADDR, 0, "SO_REUSEADDR");
    (void)set(from.fd.get(), SOL_SOCKET, SO_REUSEADDR, before, "SO_REUSEADDR");
    return bound;
}

Status connect_to(int fd, const UdpFlow& flow) {
    sockaddr_storage raw{};
    const socklen_t size = flow.client.to_sockaddr(raw);
    if (flow.zone != 0) reinterpret_cast<sockaddr_in6&>(raw).sin6_scope_id = flow.zone; // binds it to that interface, too
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&raw), size) < 0)
        return system_failure(fmt::format("connect {}", flow.client.to_string()));
    return {};
}

Status bind_to_device(int fd, int index) { return set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, index, "SO_BINDTOIFINDEX"); }

} // namespace

Result<FlowSocket> FlowSocket::open(const Listener& listener, const UdpFlow& flow, const NetNamespace& ns, const BoundSocket& from) {
    FlowSocket socket;
    auto done = ns.inside([&]() -> Status {
        auto fd = new_flow_socket(listener, flow.asked.address.family);
        if (!fd) return Failure(std::move(fd).error());
        if (auto bound = bind_to(fd->get(), flow.asked, from); !bound) return bound;
        socket.fd_ = std::move(*fd);
        (void)socket.activity();
        return connect_to(socket.fd(), flow);
    });
    if (!done) return Failure(std::move(done).error());
    socket.device_ = get(socket.fd(), SO_BINDTOIFINDEX);
    socket.receive_buffer_ = get(socket.fd(), SO_RCVBUF);
    return socket;
}

Status FlowSocket::hide() const { return bind_to_device(fd(), kLoopbackIndex); }
Status FlowSocket::show() const { return bind_to_device(fd(), device_); }

FlowActivity FlowSocket::activity() const noexcept {
    FlowActivity seen;
    struct { std::int64_t seconds, nanoseconds; } read{};
    constexpr std::int64_t kSecond_ns = 1'000'000'000;
    if (::ioctl(fd(), SIOCGSTAMPNS_NEW, &read) == 0) // ENOENT: nothing was read
        seen.read_ns = read.seconds * kSecond_ns + read.nanoseconds;
    std::uint32_t memory[SK_MEMINFO_VARS]{};
    socklen_t size = sizeof memory;
    if (::getsockopt(fd(), SOL_SOCKET, SO_MEMINFO, memory, &size) == 0) {
        seen.unread_bytes = memory[SK_MEMINFO_RMEM_ALLOC];
        seen.dropped = memory[SK_MEMINFO_DROPS];
    }
    seen.is_told = get(fd(), SO_TIMESTAMP) == 0 && get(fd(), SO_TIMESTAMPNS) == 0 && get(fd(), SO_TIMESTAMPING) == 0;
    return seen;
}

/// One that was shut down always looks as if an empty datagram waited. An error that the client's host has sent comes first, once.
bool FlowSocket::has_unread() const noexcept {
    if (activity().unread_bytes == 0) return false;
    char byte = 0;
    const auto peek = [&] { return ::recv(fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0; };
    return peek() || (errno != EAGAIN && peek());
}

/// What each takes up beside its bytes is the kernel's matter (include/linux/skbuff.h, SKB_TRUESIZE); this is more than that. It doubles
/// the value, too.
void FlowSocket::make_room(const Payloads& for_these) const noexcept {
    constexpr std::size_t kEach_bytes = 2048, kMost_bytes = 256 * 1024 * 1024;
    std::size_t needed = activity().unread_bytes;
    for (const Payload& payload : for_these) needed += 2 * payload.size() + kEach_bytes;
    const auto usual = static_cast<std::size_t>(receive_buffer_);
    if (needed <= usual / 2) return;
    (void)set(fd(), SOL_SOCKET, kReceiveBufferForce, static_cast<int>(std::min(needed + usual, kMost_bytes) / 2), "SO_RCVBUFFORCE");
}

/// To a client that there is not, at the discard service of this host, which there is a route to. Bound to another interface there is none.
Status FlowSocket::turn_away() const {
    if (auto hidden = hide(); !hidden) return hidden;
    const bool ipv6 = get(fd(), SO_DOMAIN) == AF_INET6;
    const Address here = ipv6 ? Address{Family::ipv6, {0, 1}} : Address::v4(0x7f000001);
    constexpr std::uint16_t kDiscard = 9;
    return connect_to(fd(), {{here, kDiscard}, {}});
}

} // namespace swathe
