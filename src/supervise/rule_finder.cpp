#include "supervise/rule_finder.h"

namespace swathe {
namespace {

/// Appends the set that `index` names, and makes it name the copy.
template <class Set> void bring(std::uint32_t& index, const std::vector<Set>& from, std::vector<Set>& to) {
    to.push_back(from.at(index));
    index = static_cast<std::uint32_t>(to.size() - 1);
}

/// A rule set of these rules alone.
RuleSet only(const RuleSet& rules, const std::vector<RuleId>& ids) {
    RuleSet some;
    some.source_sets.resize(1);
    some.interfaces.resize(1);
    some.hole_sets.resize(1);
    for (const RuleId id : ids) {
        Rule rule = rules.rules.at(id);
        bring(rule.ports, rules.port_sets, some.port_sets);
        if (rule.sources != 0) bring(rule.sources, rules.source_sets, some.source_sets);
        if (rule.ifname != 0) bring(rule.ifname, rules.interfaces, some.interfaces);
        if (rule.holes != 0) bring(rule.holes, rules.hole_sets, some.hole_sets);
        some.rules.push_back(rule);
    }
    return some;
}

} // namespace

std::vector<RuleId> matching_rules(const RuleSet& rules, const RuleIndex& index, const Flow& flow, const InterfaceIndex& interface_index) {
    const std::vector<RuleId> candidates = index.around(flow); // ascending: the oracle's last resort is the order of the rules
    const Decision decision = decide_by_rules(only(rules, candidates), flow, interface_index);
    std::vector<RuleId> matches;
    if (decision.rule) matches.push_back(candidates[*decision.rule]);
    for (const RuleId other : decision.others) matches.push_back(candidates[other]);
    return matches;
}

} // namespace swathe
