#pragma once

#include "base/address.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace swathe {

/// The datagrams between one client and one address and port that it asked: what a connection is of TCP. Both ends are of one family.
struct UdpFlow {
    SocketAddress client, asked;
    std::uint32_t zone = 0; ///< of a client with a link-local address the index of the interface; else 0
    friend auto operator<=>(const UdpFlow&, const UdpFlow&) noexcept = default;
};

/// Differs from process to process, so that nobody can send flows that have the same one.
struct UdpFlowHash {
    [[nodiscard]] std::size_t operator()(const UdpFlow& flow) const noexcept;
};

using Payload = std::vector<std::uint8_t>; ///< what a datagram carries; may be empty
using Payloads = std::vector<Payload>;     ///< in the order of their arrival

struct Datagram {
    UdpFlow flow;
    Payload payload;
};

/// Of a payload, by IPv6 (RFC 8200); by IPv4 the header takes 20 bytes more.
inline constexpr std::size_t kLargestPayload = 65527;

} // namespace swathe
