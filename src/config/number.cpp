#include "config/number.h"

#include <array>
#include <charconv>
#include <limits>

namespace swathe {
namespace {

struct Prefix {
    std::string_view text;
    int base;
};
constexpr std::array kPrefixes{Prefix{"0x", 16}, Prefix{"0X", 16}, Prefix{"0o", 8}, Prefix{"0O", 8},
                              Prefix{"0b", 2},  Prefix{"0B", 2},  Prefix{"0", 8}};

/// Without a sign.
std::optional<std::uint64_t> magnitude_of(std::string_view text) noexcept {
    int base = 10;
    for (const Prefix& prefix : kPrefixes)
        if (text.size() > prefix.text.size() && text.starts_with(prefix.text)) {
            base = prefix.base;
            text.remove_prefix(prefix.text.size());
            break;
        }
    return parse_digits(text, base);
}

} // namespace

std::optional<std::uint64_t> parse_digits(std::string_view text, int base) noexcept {
    std::uint64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, base);
    return error == std::errc{} && stop == end ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) noexcept {
    return magnitude_of(text.substr(text.starts_with('+') ? 1 : 0));
}

std::optional<std::int64_t> parse_signed(std::string_view text) noexcept {
    const bool negative = text.starts_with('-');
    const auto value = negative ? magnitude_of(text.substr(1)) : parse_unsigned(text);
    if (!value || *value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    return negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
}

} // namespace swathe
