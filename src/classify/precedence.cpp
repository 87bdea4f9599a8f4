#include "classify/precedence.h"

#include <algorithm>

namespace swathe {

std::strong_ordering operator<=>(const Precision& a, const Precision& b) noexcept {
    if (const auto order = b.destination_length <=> a.destination_length; order != 0) return order;
    if (const auto order = a.port_count <=> b.port_count; order != 0) return order;
    if (const auto order = b.has_interface <=> a.has_interface; order != 0) return order;
    return b.source_length <=> a.source_length;
}

std::optional<std::uint8_t> matching_source(const RuleSet& rules, const Rule& rule, const Address& source) noexcept {
    if (is_among(rules.source_sets[rule.strangers], source)) return std::nullopt;
    if (rule.sources == 0) return std::uint8_t{0};
    std::optional<std::uint8_t> longest;
    for (const Prefix& p : rules.source_sets[rule.sources])
        if (p.contains(source) && (!longest || *longest < p.length)) longest = p.length;
    return longest;
}

bool is_among(const std::vector<Prefix>& sources, const Address& source) noexcept {
    return std::any_of(sources.begin(), sources.end(), [&](const Prefix& p) { return p.contains(source); });
}

bool same_target(const Target& a, const Target& b) noexcept {
    return a.verdict == b.verdict && (a.verdict != Verdict::steer || a.listener == b.listener);
}

} // namespace swathe
