#pragma once

#include "base/error.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace swathe {

enum class Family : std::uint8_t { ipv4, ipv6 };
enum class Protocol : std::uint8_t { tcp, udp };

[[nodiscard]] const char* to_string(Family family) noexcept;     ///< "IPv4", "IPv6"
[[nodiscard]] const char* to_string(Protocol protocol) noexcept; ///< "tcp", "udp"
[[nodiscard]] Result<Protocol> parse_protocol(std::string_view text);

/// 32 for IPv4, 128 for IPv6.
[[nodiscard]] constexpr unsigned width_of(Family family) noexcept { return family == Family::ipv4 ? 32 : 128; }

/// A 128-bit unsigned number, in host order; what prefixes and ranges are computed with.
struct U128 {
    std::uint64_t hi = 0;
    std::uint64_t lo = 0;
    friend constexpr auto operator<=>(const U128&, const U128&) noexcept = default;

    friend constexpr U128 operator&(U128 a, U128 b) noexcept { return {a.hi & b.hi, a.lo & b.lo}; }
    friend constexpr U128 operator|(U128 a, U128 b) noexcept { return {a.hi | b.hi, a.lo | b.lo}; }
    friend constexpr U128 operator~(U128 a) noexcept { return {~a.hi, ~a.lo}; }
    [[nodiscard]] constexpr U128 next() const noexcept { return {lo == ~0ULL ? hi + 1 : hi, lo + 1}; }     ///< wraps at the top
    [[nodiscard]] constexpr U128 previous() const noexcept { return {lo == 0 ? hi - 1 : hi, lo - 1}; }     ///< wraps at zero
    /// The lowest `n` bits set, 0 <= n <= 128.
    [[nodiscard]] static constexpr U128 low_bits(unsigned n) noexcept {
        if (n >= 128) return {~0ULL, ~0ULL};
        if (n >= 64) return {n == 64 ? 0 : ~0ULL >> (128 - n), ~0ULL};
        return {0, n == 0 ? 0 : ~0ULL >> (64 - n)};
    }
};

/// An IPv4 or IPv6 address without zone. IPv4 addresses stand in the low 32 bits of `bits`, host order.
struct Address {
    Family family = Family::ipv4;
    U128 bits;

    [[nodiscard]] static Address v4(std::uint32_t host_order) noexcept { return {Family::ipv4, {0, host_order}}; }
    [[nodiscard]] static Address from_v6_bytes(const std::uint8_t (&network_order)[16]) noexcept;
    [[nodiscard]] static Address any(Family family) noexcept { return {family, {}}; }

    [[nodiscard]] std::uint32_t v4_bits() const noexcept { return static_cast<std::uint32_t>(bits.lo); }
    void v6_bytes(std::uint8_t (&network_order)[16]) const noexcept;
    [[nodiscard]] bool is_v4_mapped() const noexcept; ///< ::ffff:0:0/96
    [[nodiscard]] std::string to_string() const;      ///< RFC 5952 for IPv6, no brackets

    friend auto operator<=>(const Address&, const Address&) noexcept = default;
};

/// Reads "192.0.2.1" or "2001:db8::1". Refuses zones, IPv4-mapped IPv6 (DESIGN: nothing matches them), and
/// anything inet_pton(3) refuses; brackets are the caller's.
[[nodiscard]] Result<Address> parse_address(std::string_view text);

/// An address and a port as the socket calls want them.
struct SocketAddress {
    Address address;
    std::uint16_t port = 0; ///< host order

    /// Fills `out` and returns its length. `map_v4`: write an IPv4 address as ::ffff:a.b.c.d for an AF_INET6 socket.
    [[nodiscard]] socklen_t to_sockaddr(sockaddr_storage& out, bool map_v4 = false) const noexcept;
    /// Reads AF_INET and AF_INET6; IPv4-mapped addresses come back as IPv4. Errors: another family.
    [[nodiscard]] static Result<SocketAddress> from_sockaddr(const sockaddr_storage& in);
    [[nodiscard]] std::string to_string() const; ///< "192.0.2.1:80", "[2001:db8::1]:80"

    friend auto operator<=>(const SocketAddress&, const SocketAddress&) noexcept = default;
};

/// Reads "192.0.2.1:80" or "[2001:db8::1]:80".
[[nodiscard]] Result<SocketAddress> parse_socket_address(std::string_view text);

} // namespace swathe
