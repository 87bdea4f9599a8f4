// Reads rules one by one. Keep it so simple that it can be checked by eye: everything else is tested against it.

#include "classify/precedence.h"
#include "classify/tables.h"

#include <algorithm>

namespace swathe {
namespace {

const PortRange* matching_range(const std::vector<PortRange>& ports, std::uint16_t port) {
    const PortRange* narrowest = nullptr;
    for (const PortRange& range : ports)
        if (range.contains(port) && (narrowest == nullptr || range.count() < narrowest->count())) narrowest = &range;
    return narrowest;
}

bool in_hole(const std::vector<Hole>& holes, const SocketAddress& local) {
    return std::any_of(holes.begin(), holes.end(), [&](const Hole& hole) {
        return hole.destination.contains(local.address) && matching_range(hole.ports, local.port) != nullptr;
    });
}

/// How precisely `rule` names the packet; nothing if it does not match.
std::optional<Precision> match(const RuleSet& rules, const Rule& rule, const Flow& flow, const InterfaceIndex& interface_index) {
    if (rule.protocol != flow.protocol || !rule.destination.contains(flow.local.address)) return std::nullopt;
    const PortRange* range = matching_range(rules.port_sets[rule.ports], flow.local.port);
    if (range == nullptr || in_hole(rules.hole_sets[rule.holes], flow.local)) return std::nullopt;
    if (rule.ifname != 0) {
        const std::uint32_t wanted = interface_index(rules.interfaces[rule.ifname]);
        if (wanted == 0 || wanted != flow.ifindex) return std::nullopt;
    }
    const auto source_length = matching_source(rules, rule, flow.remote.address);
    if (!source_length) return std::nullopt;
    return Precision{rule.destination.length, range->count(), rule.ifname != 0, *source_length};
}

bool is_home(const RuleSet& rules, const Flow& flow) {
    return std::any_of(rules.homes.begin(), rules.homes.end(), [&](const Home& home) {
        return home.protocol == flow.protocol && home.address.port != 0 && home.address.port == flow.local.port &&
               (home.address.address == flow.local.address || home.address.address == Address::any(flow.local.address.family));
    });
}

using Matches = std::vector<std::pair<Precision, RuleId>>;

void add_match(Matches& matches, const RuleSet& rules, RuleId id, const Flow& flow, const InterfaceIndex& interface_index) {
    if (const auto precision = match(rules, rules.rules[id], flow, interface_index)) matches.emplace_back(*precision, id);
}

/// How little a rule says about sources.
int openness(const RuleTerms& rule) { return rule.sources != 0 ? 0 : rule.strangers != 0 ? 1 : 2; }

Decision judge(const RuleSet& rules, Matches matches, const Flow& flow) {
    std::sort(matches.begin(), matches.end(), [&](const auto& a, const auto& b) {
        if (a.first != b.first) return a.first < b.first;
        // All that is left is of one target, or compile() refuses it: only which rule is named depends on this.
        return std::pair(openness(rules.rules[a.second]), a.second) < std::pair(openness(rules.rules[b.second]), b.second);
    });

    Decision decision;
    if (matches.empty()) {
        if (is_home(rules, flow)) decision.verdict = Verdict::drop;
        return decision;
    }
    decision.rule = matches.front().second;
    const Rule winner = rules.rules[*decision.rule];
    decision.verdict = winner.target.verdict;
    decision.blocked = winner.target.verdict == Verdict::steer && is_among(rules.source_sets[winner.blocked], flow.remote.address);
    if (decision.blocked) decision.verdict = Verdict::drop;
    for (std::size_t i = 1; i < matches.size(); ++i) decision.others.push_back(matches[i].second);
    return decision;
}

} // namespace

Decision decide_by_rules(const RuleSet& rules, const Flow& flow, const InterfaceIndex& interface_index) {
    Matches matches;
    for (RuleId id = 0; id < rules.rules.size(); ++id) add_match(matches, rules, id, flow, interface_index);
    return judge(rules, std::move(matches), flow);
}

Decision decide_among(const RuleSet& rules, std::span<const RuleId> candidates, const Flow& flow, const InterfaceIndex& interface_index) {
    Matches matches;
    for (const RuleId id : candidates) add_match(matches, rules, id, flow, interface_index);
    return judge(rules, std::move(matches), flow);
}

std::vector<OrderedRule> in_order(const RuleSet& rules) {
    struct Row { OrderedRule ordered; Precision precision; };
    std::vector<Row> rows;
    for (RuleId id = 0; id < rules.rules.size(); ++id) {
        const Rule& rule = rules.rules[id];
        std::uint8_t longest = 0;
        for (const Prefix& p : rules.source_sets[rule.sources])
            if (p.family() == rule.destination.family()) longest = std::max(longest, p.length);
        for (const PortRange& range : rules.port_sets[rule.ports])
            rows.push_back({{id, range}, {rule.destination.length, range.count(), rule.ifname != 0, longest}});
    }
    const auto plane = [&](const Row& row) {
        const Rule& rule = rules.rules[row.ordered.rule];
        return std::pair(rule.protocol, rule.destination.family());
    };
    std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
        if (plane(a) != plane(b)) return plane(a) < plane(b);
        return a.precision < b.precision;
    });

    std::vector<OrderedRule> ordered;
    ordered.reserve(rows.size());
    for (const Row& row : rows) ordered.push_back(row.ordered);
    return ordered;
}

} // namespace swathe
