#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace swathe {

/// A number as systemd reads one in a unit: with the base 16 behind "0x", 8 behind "0" or "0o", 2 behind "0b", else 10; a "+" may stand in
/// front (strtoul(3), and systemd's own prefixes). Nothing: it is no such number, or more than 64 bits have room for.
[[nodiscard]] std::optional<std::uint64_t> parse_unsigned(std::string_view text) noexcept;

/// The digits of a number and nothing else, not even a sign.
[[nodiscard]] std::optional<std::uint64_t> parse_digits(std::string_view text, int base = 10) noexcept;

/// As parse_unsigned(), with a "-" in front or not.
[[nodiscard]] std::optional<std::int64_t> parse_signed(std::string_view text) noexcept;

} // namespace swathe
