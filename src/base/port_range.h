#pragma once

#include "base/error.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// Ports from `first` to `last`, both inclusive, host order.
struct PortRange {
    std::uint16_t first = 1;
    std::uint16_t last = 65535;

    [[nodiscard]] static constexpr PortRange all() noexcept { return {1, 65535}; } ///< port 0 is no one's to claim
    [[nodiscard]] constexpr std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(last) - first + 1U; }
    [[nodiscard]] constexpr bool contains(std::uint16_t port) const noexcept { return first <= port && port <= last; }
    [[nodiscard]] constexpr bool overlaps(const PortRange& other) const noexcept {
        return first <= other.last && other.first <= last;
    }
    [[nodiscard]] std::string to_string() const; ///< "80", "8000-8999", "all"

    friend constexpr auto operator<=>(const PortRange&, const PortRange&) noexcept = default;
};

[[nodiscard]] Result<std::uint16_t> parse_port(std::string_view text); ///< decimal, 1-65535, digits only

/// Reads "80", "8000-8999", "all" or "*".
[[nodiscard]] Result<PortRange> parse_port_range(std::string_view text);

/// "80,443,8000-8999"
[[nodiscard]] std::string to_string(const std::vector<PortRange>& ports);

} // namespace swathe
