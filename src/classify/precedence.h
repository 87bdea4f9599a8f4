#pragma once

#include "classify/rules.h"

#include <compare>

namespace swathe {

/// How precisely a rule names a packet it matches. The order of DESIGN 2, swathe-dispatch(7): what sorts first wins; two
/// rules that are equal in all four and have different targets must not match the same packet.
struct Precision {
    std::uint8_t destination_length = 0; ///< longer wins
    std::uint32_t port_count = 0;        ///< then fewer ports
    bool has_interface = false;          ///< then a rule with `interface`
    std::uint8_t source_length = 0;      ///< then the longer source; no `from` counts as /0

    friend std::strong_ordering operator<=>(const Precision& a, const Precision& b) noexcept;
    friend bool operator==(const Precision&, const Precision&) noexcept = default;
};

/// The length of the longest prefix of the rule's `from` that contains `source`, 0 if it has no `from`; nothing if none does, or
/// one of its `except_from` does, be it shorter or longer.
[[nodiscard]] std::optional<std::uint8_t> matching_source(const RuleSet& rules, const Rule& rule, const Address& source) noexcept;

[[nodiscard]] bool is_among(const std::vector<Prefix>& sources, const Address& source) noexcept;

/// Do the two lead to the same? Rules that do never conflict.
[[nodiscard]] bool same_target(const Target& a, const Target& b) noexcept;

} // namespace swathe
