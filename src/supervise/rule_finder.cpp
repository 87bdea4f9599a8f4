#include "supervise/rule_finder.h"

namespace swathe {

std::vector<RuleId> matching_rules(const RuleSet& rules, const RuleIndex& index, const Flow& flow, const InterfaceIndex& interface_index) {
    const std::vector<RuleId> candidates = index.around(flow); // ascending: the oracle's last resort is the order of the rules
    Decision decision = decide_among(rules, candidates, flow, interface_index);
    std::vector<RuleId> matches = std::move(decision.others);
    if (decision.rule) matches.insert(matches.begin(), *decision.rule);
    return matches;
}

} // namespace swathe
