#include "classify/rule_index.h"

#include "classify/precedence.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace swathe {
namespace {

auto group_key(const Rule& r) {
    const ListenerRef listener = r.target.verdict == Verdict::steer ? r.target.listener : ListenerRef{};
    return std::tuple(r.protocol, r.destination.family(), r.ports, r.sources, r.ifname, r.holes, r.target.verdict, listener);
}

} // namespace

RuleIndex::RuleIndex(const RuleSet& rules) {
    std::map<decltype(group_key(std::declval<const Rule&>())), std::uint32_t> groups;
    group_of_.reserve(rules.rules.size());
    for (RuleId id = 0; id < rules.rules.size(); ++id) {
        const Rule& rule = rules.rules[id];
        if (id > 0 && group_key(rule) == group_key(rules.rules[id - 1])) { // the rules of one listener follow each other
            group_of_.push_back(group_of_.back());
            continue;
        }
        const auto [known, added] = groups.try_emplace(group_key(rule), static_cast<std::uint32_t>(groups.size()));
        if (added) first_of_.push_back(id);
        group_of_.push_back(known->second);
    }

    begins_.assign(groups.size() + 1, 0);
    for (const std::uint32_t group : group_of_) ++begins_[group + 1];
    for (std::size_t i = 1; i < begins_.size(); ++i) begins_[i] += begins_[i - 1];
    filled_.assign(begins_.begin(), begins_.end() - 1);
    entries_.resize(rules.rules.size());
}

void RuleIndex::add(std::span<const PlaneRule> rules) {
    for (const PlaneRule& rule : rules) entries_[filled_[rule.group]++] = {rule.destination.address.bits, rule.rule, rule.destination.length};
}

void RuleIndex::set_choice(std::uint32_t choice, std::uint32_t group) {
    if (group_of_choice_.size() <= choice) group_of_choice_.resize(choice + 1, kNoGroup);
    group_of_choice_[choice] = group;
}

std::optional<RuleId> RuleIndex::rule_of(std::uint32_t choice, const Address& destination) const {
    const std::uint32_t group = group_of_choice(choice);
    if (group == kNoGroup) return std::nullopt;
    const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(begins_[group]);
    const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(begins_[group + 1]);
    for (int length = static_cast<int>(width_of(destination.family)); length >= 0; --length) {
        const Prefix wanted = prefix_of(destination, static_cast<unsigned>(length));
        const auto key = std::tie(wanted.address.bits, wanted.length);
        const auto at = std::lower_bound(begin, end, key, [](const Entry& e, const auto& k) { return std::tie(e.first, e.length) < k; });
        if (at != end && std::tie(at->first, at->length) == key) return at->rule;
    }
    return std::nullopt;
}

} // namespace swathe
