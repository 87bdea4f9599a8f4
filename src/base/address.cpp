#include "base/address.h"

#include "base/port_range.h"

#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <iterator>
#include <netinet/in.h>

#include <fmt/format.h>

namespace swathe {
namespace {

std::uint64_t read_be64(const std::uint8_t* bytes) noexcept {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
    return value;
}

void write_be64(std::uint64_t value, std::uint8_t* bytes) noexcept {
    for (int i = 7; i >= 0; --i, value >>= 8) bytes[i] = static_cast<std::uint8_t>(value);
}

constexpr std::uint64_t kMappedTag = 0xffffULL << 32; // the low half of ::ffff:0:0/96

} // namespace

const char* to_string(Family family) noexcept { return family == Family::ipv4 ? "IPv4" : "IPv6"; }
const char* to_string(Protocol protocol) noexcept { return protocol == Protocol::tcp ? "tcp" : "udp"; }

Result<Protocol> parse_protocol(std::string_view text) {
    if (text == "tcp") return Protocol::tcp;
    if (text == "udp") return Protocol::udp;
    return failure("expected \"tcp\" or \"udp\"");
}

Address Address::from_v6_bytes(const std::uint8_t (&network_order)[16]) noexcept {
    return {Family::ipv6, {read_be64(network_order), read_be64(network_order + 8)}};
}

void Address::v6_bytes(std::uint8_t (&network_order)[16]) const noexcept {
    write_be64(bits.hi, network_order);
    write_be64(bits.lo, network_order + 8);
}

bool Address::is_v4_mapped() const noexcept {
    return family == Family::ipv6 && bits.hi == 0 && (bits.lo & ~0xffffffffULL) == kMappedTag;
}

std::string Address::to_string() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (family == Family::ipv4) { // inet_ntop() calls sprintf(), and each connection has four of them
        char* at = text;
        for (unsigned shift = 32; shift > 0;) {
            shift -= 8;
            at = std::to_chars(at, std::end(text), (v4_bits() >> shift) & 0xffU).ptr;
            if (shift > 0) *at++ = '.';
        }
        return {text, at};
    }
    std::uint8_t bytes[16];
    v6_bytes(bytes);
    (void)inet_ntop(AF_INET6, bytes, text, sizeof text);
    return text;
}

Result<Address> parse_address(std::string_view text) {
    char copy[INET6_ADDRSTRLEN] = "";
    if (text.empty()) return failure("address missing");
    if (text.size() < sizeof copy && text.find('\0') == text.npos) {
        std::memcpy(copy, text.data(), text.size());
        in_addr v4{};
        if (inet_pton(AF_INET, copy, &v4) == 1) return Address::v4(ntohl(v4.s_addr));
        std::uint8_t bytes[16];
        if (inet_pton(AF_INET6, copy, bytes) == 1) {
            const Address v6 = Address::from_v6_bytes(bytes);
            if (v6.is_v4_mapped())
                return failure(fmt::format("IPv4-mapped address; write it as {}",
                                           Address::v4(static_cast<std::uint32_t>(v6.bits.lo)).to_string()));
            return v6;
        }
    }
    if (text.find('%') != text.npos) return failure("zones (\"%...\") are not supported; use interface");
    return failure("not an IPv4 or IPv6 address");
}

socklen_t SocketAddress::to_sockaddr(sockaddr_storage& out, bool map_v4) const noexcept {
    out = {};
    if (address.family == Family::ipv4 && !map_v4) {
        auto* in4 = reinterpret_cast<sockaddr_in*>(&out);
        in4->sin_family = AF_INET;
        in4->sin_port = htons(port);
        in4->sin_addr.s_addr = htonl(address.v4_bits());
        return sizeof *in4;
    }
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&out);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    Address wide = address;
    if (address.family == Family::ipv4) wide = {Family::ipv6, {0, kMappedTag | address.v4_bits()}};
    wide.v6_bytes(in6->sin6_addr.s6_addr);
    return sizeof *in6;
}

Result<SocketAddress> SocketAddress::from_sockaddr(const sockaddr_storage& in) {
    if (in.ss_family == AF_INET) {
        const auto* in4 = reinterpret_cast<const sockaddr_in*>(&in);
        return SocketAddress{Address::v4(ntohl(in4->sin_addr.s_addr)), ntohs(in4->sin_port)};
    }
    if (in.ss_family != AF_INET6) return failure("not an IPv4 or IPv6 socket address");
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&in);
    Address address = Address::from_v6_bytes(in6->sin6_addr.s6_addr);
    if (address.is_v4_mapped()) address = Address::v4(static_cast<std::uint32_t>(address.bits.lo));
    return SocketAddress{address, ntohs(in6->sin6_port)};
}

std::string SocketAddress::to_string() const {
    return address.family == Family::ipv4 ? fmt::format("{}:{}", address.to_string(), port)
                                          : fmt::format("[{}]:{}", address.to_string(), port);
}

Result<SocketAddress> parse_socket_address(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos) return failure("expected ADDRESS:PORT");
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    auto address = parse_address(host);
    if (!address) return Failure(std::move(address).error());
    if (bracketed != (address->family == Family::ipv6)) return failure("expected ADDRESS:PORT or [IPV6-ADDRESS]:PORT");
    auto port = parse_port(text.substr(colon + 1));
    if (!port) return Failure(std::move(port).error());
    return SocketAddress{*address, *port};
}

} // namespace swathe
