#include "socket/flow_packet.h"

#include <algorithm>
#include <numeric>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

UdpFlow flow(const char* client, const char* asked) { return {parse_socket_address(client).value(), parse_socket_address(asked).value()}; }

Datagram datagram(const UdpFlow& of, std::size_t size) {
    Payload payload(size);
    std::iota(payload.begin(), payload.end(), std::uint8_t{1});
    return {of, payload};
}

unsigned word(const Packet& packet, std::size_t at) { return static_cast<unsigned>(packet[at] << 8 | packet[at + 1]); }

/// The sum that a receiver makes of the pseudo header and all of the segment: 0xffff if it is whole. RFC 1071.
unsigned receivers_sum(const Packet& addresses, const Packet& segment) {
    Packet all = addresses;
    for (const std::size_t value : {std::size_t{17}, segment.size()}) {
        all.push_back(static_cast<std::uint8_t>(value >> 8));
        all.push_back(static_cast<std::uint8_t>(value & 0xff));
    }
    all.insert(all.end(), segment.begin(), segment.end());
    if (all.size() % 2 != 0) all.push_back(0);
    unsigned sum = 0;
    for (std::size_t i = 0; i < all.size(); i += 2) {
        sum += word(all, i);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

Packet part(const Packet& packet, std::size_t from, std::size_t size) {
    const auto begin = packet.begin() + static_cast<std::ptrdiff_t>(from);
    return {begin, begin + static_cast<std::ptrdiff_t>(std::min(size, packet.size() - from))};
}

const UdpFlow kFlow4 = flow("203.0.113.2:40000", "192.0.2.7:5000");
const UdpFlow kFlow6 = flow("[2001:db8:2::2]:40000", "[2001:db8:1::7]:5000");

} // namespace

TEST_CASE("flow packet: an IPv4 datagram, byte by byte") {
    const Packet expected{0x45, 0, 0, 31, 0, 0, 0, 0, 64, 17, 0, 0, 203, 0, 113, 2, 192, 0, 2, 7, // the header
                          0x9c, 0x40, 0x13, 0x88, 0, 11, 0x8d, 0xa2, 'a', 'b', 'c'};
    CHECK(whole_packet({kFlow4, {'a', 'b', 'c'}}) == expected);
}

TEST_CASE("flow packet: an empty IPv6 datagram has its addresses, ports and lengths") {
    const Packet packet = whole_packet({kFlow6, {}});
    REQUIRE(packet.size() == 48);
    CHECK(part(packet, 0, 8) == Packet{0x60, 0, 0, 0, 0, 8, 17, 64});
    CHECK(part(packet, 8, 4) == Packet{0x20, 0x01, 0x0d, 0xb8});
    CHECK(packet[23] == 2);
    CHECK(packet[39] == 7);
    CHECK(part(packet, 40, 6) == Packet{0x9c, 0x40, 0x13, 0x88, 0, 8});
}

TEST_CASE("flow packet: the checksum satisfies a receiver at every length, odd and even, up to the largest") {
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 2, 3, 1471, 1472, 65506, 65507}) {
        CAPTURE(size);
        const Packet four = whole_packet(datagram(kFlow4, size));
        CHECK(receivers_sum(part(four, 12, 8), part(four, 20, four.size())) == 0xffff);
        const Packet six = whole_packet(datagram(kFlow6, size));
        CHECK(receivers_sum(part(six, 8, 32), part(six, 40, six.size())) == 0xffff);
    }
}

TEST_CASE("flow packet: a checksum of 0 is written as 0xffff, for 0 stands for none") {
    Datagram d{kFlow4, {0, 0}};
    const Packet first = whole_packet(d);
    const unsigned check = word(first, 26); // in its place, it makes the sum of the rest complete
    d.payload = {static_cast<std::uint8_t>(check >> 8), static_cast<std::uint8_t>(check & 0xff)};
    CHECK(word(whole_packet(d), 26) == 0xffff);
}

TEST_CASE("flow packet: the fragments fit any link of IPv6, and are the whole when they are put together") {
    for (const UdpFlow& of : {kFlow4, kFlow6}) {
        for (const std::size_t size : {std::size_t{0}, std::size_t{1224}, std::size_t{1225}, std::size_t{3000}, kLargestPayload}) {
            CAPTURE(size);
            if (of == kFlow4 && size > 65507) continue;
            const std::size_t header = of == kFlow4 ? 20 : 48;
            Packet segment;
            bool more = true;
            for (const Packet& piece : fragments(datagram(of, size), 0xabcd)) {
                REQUIRE(more);
                CHECK(piece.size() <= 1280);
                const unsigned place = word(piece, of == kFlow4 ? 6 : 42);
                more = (place & (of == kFlow4 ? 0x2000 : 1)) != 0;
                CHECK((of == kFlow4 ? (place & 0x1fff) * 8 : place & 0xfff8) == segment.size());
                CHECK(word(piece, of == kFlow4 ? 4 : 46) == 0xabcd);
                CHECK(word(piece, of == kFlow4 ? 2 : 4) == piece.size() - (of == kFlow4 ? 0 : 40));
                const Packet bytes = part(piece, header, piece.size());
                segment.insert(segment.end(), bytes.begin(), bytes.end());
            }
            CHECK_FALSE(more);
            const Packet whole = size == kLargestPayload ? Packet{} : whole_packet(datagram(of, size));
            if (!whole.empty()) CHECK(segment == part(whole, of == kFlow4 ? 20 : 40, whole.size()));
            CHECK(segment.size() == size + 8);
        }
    }
}
