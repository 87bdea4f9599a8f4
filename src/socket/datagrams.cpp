#include "socket/datagrams.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>

namespace swathe {
namespace {

constexpr std::size_t kBatch = 16;       ///< of one recvmmsg(2)
constexpr std::size_t kRoom = 64 * 1024; ///< more than kLargestPayload
constexpr int kIpv6OrigDstAddr = 74;     // linux/in6.h has it, but cannot be included beside netinet/in.h

/// Control messages: both kinds of PKTINFO and of ORIGDSTADDR, and a timestamp where the listener asks for it.
constexpr std::size_t kControlRoom = 256;

std::uint8_t* scratch() {
    // pages that nobody uses cost nothing
    static thread_local const auto room = std::make_unique_for_overwrite<std::uint8_t[]>(kBatch * kRoom);
    return room.get();
}

template <class T> T value_of(const cmsghdr& message) noexcept {
    T value{};
    std::memcpy(&value, CMSG_DATA(&message), sizeof value);
    return value;
}

template <class T> std::optional<SocketAddress> address_in(const cmsghdr& message) {
    const T value = value_of<T>(message);
    sockaddr_storage raw{};
    std::memcpy(&raw, &value, sizeof value);
    auto address = SocketAddress::from_sockaddr(raw);
    return address ? std::optional(*address) : std::nullopt;
}

bool is_link_local(const Address& a) noexcept { return a.family == Family::ipv6 && a.bits.hi >> 54 == 0xfe80ULL >> 6; }

/// Port 0 would match every port of the client (net/ipv4/udp.c, compute_score), and an unspecified address is no address.
bool can_be_a_flow(const UdpFlow& flow) noexcept {
    return flow.client.port != 0 && flow.asked.port != 0 && flow.client.address.bits != U128{} &&
           flow.client.address.family == flow.asked.address.family;
}

std::optional<UdpFlow> flow_of(msghdr& header, const sockaddr_storage& from) {
    auto client = SocketAddress::from_sockaddr(from);
    if (!client) return std::nullopt;
    UdpFlow flow{*client, {}};
    std::optional<SocketAddress> asked;
    for (cmsghdr* m = CMSG_FIRSTHDR(&header); m != nullptr; m = CMSG_NXTHDR(&header, m)) {
        if (m->cmsg_level == IPPROTO_IP && m->cmsg_type == IP_ORIGDSTADDR) asked = address_in<sockaddr_in>(*m);
        if (m->cmsg_level == IPPROTO_IPV6 && m->cmsg_type == kIpv6OrigDstAddr) asked = address_in<sockaddr_in6>(*m);
    }
    if (is_link_local(client->address)) flow.zone = reinterpret_cast<const sockaddr_in6&>(from).sin6_scope_id;
    if (!asked) return std::nullopt;
    flow.asked = *asked;
    return can_be_a_flow(flow) ? std::optional(flow) : std::nullopt;
}

/// The arguments of one recvmmsg(2).
struct Batch {
    std::array<mmsghdr, kBatch> messages{};
    std::array<iovec, kBatch> rooms{};
    std::array<sockaddr_storage, kBatch> froms{};
    alignas(cmsghdr) std::array<std::array<char, kControlRoom>, kBatch> controls;

    explicit Batch(std::uint8_t* room) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            rooms[i] = {room + i * kRoom, kRoom};
            msghdr& header = messages[i].msg_hdr;
            header.msg_iov = &rooms[i];
            header.msg_iovlen = 1;
            header.msg_name = &froms[i];
            header.msg_namelen = sizeof froms[i];
            header.msg_control = controls[i].data();
            header.msg_controllen = kControlRoom;
        }
    }
};

} // namespace

bool read_datagrams(int listener, std::size_t most, const std::function<void(Datagram&&)>& take, const std::function<void()>& stray) {
    std::uint8_t* const room = scratch();
    for (std::size_t got = 0; got < most;) {
        Batch batch(room);
        const auto wanted = static_cast<unsigned>(std::min(kBatch, most - got));
        const int n = ::recvmmsg(listener, batch.messages.data(), wanted, MSG_DONTWAIT, nullptr);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return true;
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
            const auto* const bytes = room + i * kRoom;
            if (auto flow = flow_of(batch.messages[i].msg_hdr, batch.froms[i]))
                take({*flow, Payload(bytes, bytes + batch.messages[i].msg_len)});
            else
                stray();
        }
        got += static_cast<std::size_t>(n);
    }
    return false;
}

/// An error that the client's host has sent comes first, once.
Payloads read_payloads(int fd, std::size_t most) {
    Payloads out;
    std::uint8_t* const room = scratch();
    for (std::size_t i = 0; i < most; ++i) {
        const ssize_t n = ::recv(fd, room, kRoom, MSG_DONTWAIT);
        if (n >= 0) out.emplace_back(room, room + n);
        else if (errno == EAGAIN) break;
    }
    return out;
}

} // namespace swathe
