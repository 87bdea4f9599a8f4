#include "socket/flow_packet.h"

#include <algorithm>
#include <netinet/in.h>
#include <span>

namespace swathe {
namespace {

constexpr std::uint8_t kHopLimit = 64, kUdp = IPPROTO_UDP, kFragment = IPPROTO_FRAGMENT;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kPiece = 1232; ///< of a fragment: a multiple of 8, and with IPv6's two headers 1280 bytes
constexpr std::uint16_t kMoreFragments4 = 0x2000;
constexpr std::uint16_t kMoreFragments6 = 1;

using Bytes = std::span<const std::uint8_t>;

void put8(Packet& out, unsigned value) { out.push_back(static_cast<std::uint8_t>(value)); }
void put16(Packet& out, std::size_t value) {
    put8(out, static_cast<unsigned>(value >> 8));
    put8(out, static_cast<unsigned>(value & 0xff));
}
void put32(Packet& out, std::uint32_t value) {
    put16(out, value >> 16);
    put16(out, value & 0xffff);
}
void put(Packet& out, Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void put(Packet& out, const Address& address) {
    if (address.family == Family::ipv4) return put32(out, address.v4_bits());
    std::uint8_t bytes[16];
    address.v6_bytes(bytes);
    put(out, bytes);
}

/// The ones' complement sum of big-endian words, not folded yet (RFC 1071). 64 KiB of them fit by far.
std::uint32_t sum_of(Bytes bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    if (bytes.size() % 2 != 0) sum += static_cast<std::uint32_t>(bytes.back() << 8);
    return sum;
}

/// With the pseudo header, which is the same sum for both families: the upper half of IPv6's length is 0.
std::uint16_t checksum(const UdpFlow& flow, Bytes segment) {
    Packet ends;
    put(ends, flow.client.address);
    put(ends, flow.asked.address);
    std::uint32_t sum = sum_of(ends) + kUdp + static_cast<std::uint32_t>(segment.size()) + sum_of(segment);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    const auto check = static_cast<std::uint16_t>(~sum);
    return check == 0 ? 0xffff : check; // 0 stands for none
}

Packet udp_segment(const Datagram& datagram) {
    const std::size_t length = kUdpHeader + datagram.payload.size();
    Packet out;
    out.reserve(length);
    put16(out, datagram.flow.client.port);
    put16(out, datagram.flow.asked.port);
    put16(out, length);
    put16(out, 0);
    put(out, datagram.payload);
    const std::uint16_t check = checksum(datagram.flow, out);
    out[6] = static_cast<std::uint8_t>(check >> 8);
    out[7] = static_cast<std::uint8_t>(check & 0xff);
    return out;
}

/// Where a part of the segment belongs.
struct Piece {
    Bytes bytes;
    std::size_t offset = 0; ///< a multiple of 8
    bool last = true;
    std::uint32_t id = 0;   ///< 0 = it is the whole
};

Packet ipv4_packet(const UdpFlow& flow, const Piece& piece) {
    constexpr std::size_t kHeader = 20;
    Packet out;
    out.reserve(kHeader + piece.bytes.size());
    put8(out, 0x45); // version 4, five words
    put8(out, 0);
    put16(out, kHeader + piece.bytes.size());
    put16(out, piece.id & 0xffff);
    put16(out, piece.offset / 8 | (piece.last ? 0 : kMoreFragments4));
    put8(out, kHopLimit);
    put8(out, kUdp);
    put16(out, 0);
    put(out, flow.client.address);
    put(out, flow.asked.address);
    put(out, piece.bytes);
    return out;
}

Packet ipv6_packet(const UdpFlow& flow, const Piece& piece) {
    constexpr std::size_t kHeader = 40, kFragmentHeader = 8;
    const std::size_t extra = piece.id != 0 ? kFragmentHeader : 0;
    Packet out;
    out.reserve(kHeader + extra + piece.bytes.size());
    put32(out, 0x60000000); // version 6
    put16(out, extra + piece.bytes.size());
    put8(out, piece.id != 0 ? kFragment : kUdp);
    put8(out, kHopLimit);
    put(out, flow.client.address);
    put(out, flow.asked.address);
    if (piece.id != 0) {
        put8(out, kUdp);
        put8(out, 0);
        put16(out, piece.offset | (piece.last ? 0 : kMoreFragments6));
        put32(out, piece.id);
    }
    put(out, piece.bytes);
    return out;
}

Packet packet(const UdpFlow& flow, const Piece& piece) {
    return flow.client.address.family == Family::ipv4 ? ipv4_packet(flow, piece) : ipv6_packet(flow, piece);
}

} // namespace

Packet whole_packet(const Datagram& datagram) {
    const Packet segment = udp_segment(datagram);
    return packet(datagram.flow, {segment});
}

std::vector<Packet> fragments(const Datagram& datagram, std::uint32_t id) {
    const Packet segment = udp_segment(datagram);
    std::vector<Packet> out;
    for (std::size_t offset = 0; offset < segment.size(); offset += kPiece) {
        const std::size_t size = std::min(kPiece, segment.size() - offset);
        out.push_back(packet(datagram.flow, {Bytes(segment).subspan(offset, size), offset, offset + size == segment.size(), id}));
    }
    return out;
}

} // namespace swathe
