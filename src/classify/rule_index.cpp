#include "classify/rule_index.h"

#include "classify/precedence.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace swathe {
namespace {

auto group_key(const RuleTerms& r, bool ipv6) {
    const ListenerRef listener = r.target.verdict == Verdict::steer ? r.target.listener : ListenerRef{};
    return std::tuple(r.protocol, ipv6, r.ports, r.sources, r.strangers, r.blocked, r.ifname, r.holes, r.target.verdict, listener);
}

std::size_t plane_number(Family family, Protocol protocol) { return DISPATCH_PLANE(family == Family::ipv6, protocol == Protocol::udp); }

} // namespace

RuleIndex::RuleIndex(const RuleSet& rules) : rules_(rules.rules), groups_of_block_(rules_.blocks(), {kNoGroup, kNoGroup}) {
    std::map<decltype(group_key({}, false)), std::uint32_t> known;
    for (RuleId id = 0; id < rules_.size(); ++id) {
        const std::uint32_t block = rules_.block_of(id);
        const bool ipv6 = is_ipv6(id);
        std::uint32_t& group = groups_of_block_[block][ipv6];
        if (group == kNoGroup) {
            const auto [same, added] = known.try_emplace(group_key(rules_.terms(block), ipv6), groups());
            group = same->second;
            if (added) groups_.push_back({id, 0});
        }
        ++groups_[group].size;
    }
}

void RuleIndex::add(const Plane& plane) {
    PlaneOrder& order = orders_[plane_number(plane.family, plane.protocol)];
    order.rules.reserve(plane.rules.size());
    for (const PlaneRule& rule : plane.rules) {
        order.rules.push_back(rule.rule);
        order.lengths.set(rule.destination.length);
    }
}

void RuleIndex::set_choice(std::uint32_t choice, std::uint32_t group) {
    if (group_of_choice_.size() <= choice) group_of_choice_.resize(choice + 1, kNoGroup);
    group_of_choice_[choice] = group;
}

const RuleIndex::PlaneOrder& RuleIndex::order_of(const Flow& flow) const {
    return orders_[plane_number(flow.local.address.family, flow.protocol)];
}

/// The rules of this prefix, by group.
std::span<const RuleId> RuleIndex::rules_at(const PlaneOrder& order, const Prefix& prefix) const {
    const auto key_of = [](const Prefix& p) { return std::tuple(p.address.bits, p.length); };
    const auto first = std::lower_bound(order.rules.begin(), order.rules.end(), key_of(prefix),
                                        [&](RuleId id, const auto& key) { return key_of(rules_.destination(id)) < key; });
    const auto last = std::upper_bound(first, order.rules.end(), key_of(prefix),
                                       [&](const auto& key, RuleId id) { return key < key_of(rules_.destination(id)); });
    return {first, last};
}

std::optional<RuleId> RuleIndex::rule_of(std::uint32_t choice, const Flow& flow) const {
    const std::uint32_t group = group_of_choice(choice);
    if (group == kNoGroup) return std::nullopt;
    const PlaneOrder& order = order_of(flow);
    for (unsigned length = width_of(flow.local.address.family) + 1; length-- > 0;) {
        if (!order.lengths.test(length)) continue;
        const auto here = rules_at(order, prefix_of(flow.local.address, length));
        const auto at = std::lower_bound(here.begin(), here.end(), group,
                                         [&](RuleId id, std::uint32_t wanted) { return group_of(id) < wanted; });
        if (at != here.end() && group_of(*at) == group) return *at;
    }
    return std::nullopt;
}

std::vector<RuleId> RuleIndex::around(const Flow& flow) const {
    const PlaneOrder& order = order_of(flow);
    std::vector<RuleId> found;
    for (unsigned length = 0; length <= width_of(flow.local.address.family); ++length) {
        if (!order.lengths.test(length)) continue;
        const auto here = rules_at(order, prefix_of(flow.local.address, length));
        found.insert(found.end(), here.begin(), here.end());
    }
    std::sort(found.begin(), found.end());
    return found;
}

} // namespace swathe
