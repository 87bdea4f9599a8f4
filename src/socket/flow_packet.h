#pragma once

#include "socket/flow.h"

namespace swathe {

// The packets that carry a datagram from its client to what it asked, as a raw socket sends them (raw(7), IP_HDRINCL). Pure. RFC 791, 768,
// 8200. The checksum of UDP is right; that of an IPv4 header is the kernel's to write. Hop limit, traffic class, options and the source's
// way of cutting it are not those of the packet that the client sent: nothing that a datagram socket was read from knows them.

using Packet = std::vector<std::uint8_t>;

/// In one piece. Requires that IP can carry it.
[[nodiscard]] Packet whole_packet(const Datagram& datagram);

/// In fragments of at most 1280 bytes, the least that a link of IPv6 takes. `id`: not that of another one under way, nor 0.
[[nodiscard]] std::vector<Packet> fragments(const Datagram& datagram, std::uint32_t id);

} // namespace swathe
