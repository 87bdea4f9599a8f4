#include "classify/conflicts.h"

#include "classify/precedence.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::size_t kComparedInPairs = 32;

} // namespace

ConflictFinder::ConflictFinder(const CompileInput& input, const HoleIndex& holes) : input_(input), holes_(holes) {
    std::map<std::uint32_t, std::uint32_t> by_index; // an interface may have several names
    for (std::uint32_t i = 0; i < input.rules.interfaces.size(); ++i) {
        const std::uint32_t index = i == 0 ? 0 : input.interface_index(input.rules.interfaces[i]);
        interfaces_.push_back(index == 0 ? i : by_index.try_emplace(index, i).first->second);
    }
}

void ConflictFinder::check(std::span<const PlaneRule> rules) {
    if (rules.size() < 2) return;
    const auto terms_of = [&](const PlaneRule& r) -> const RuleTerms& {
        return input_.rules.rules.terms(input_.rules.rules.block_of(r.rule));
    };
    const Target& target = terms_of(rules.front()).target;
    const bool one_target =
        std::all_of(rules.begin(), rules.end(), [&](const PlaneRule& r) { return same_target(terms_of(r).target, target); });
    if (one_target || full()) return;

    candidates_.clear();
    for (const PlaneRule& r : rules)
        for (const PortRange& ports : input_.rules.port_sets[terms_of(r).ports])
            candidates_.push_back({ports.count(), interfaces_[terms_of(r).ifname], ports, r.rule});
    std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
        return std::tie(a.port_count, a.interface, a.ports, a.rule) < std::tie(b.port_count, b.interface, b.ports, b.rule);
    });
    for (std::size_t begin = 0, end = 0; begin < candidates_.size(); begin = end) {
        const Candidate& first = candidates_[begin];
        while (end < candidates_.size() && candidates_[end].port_count == first.port_count && candidates_[end].interface == first.interface)
            ++end;
        check_equals(std::span(candidates_).subspan(begin, end - begin));
    }
}

/// `candidates` have the same number of ports and the same interface, and ascend. Compares those whose ports meet.
void ConflictFinder::check_equals(std::span<const Candidate> candidates) {
    for (std::size_t begin = 0, end = 0; begin < candidates.size(); begin = end) {
        std::uint16_t last = candidates[begin].ports.last;
        for (end = begin; end < candidates.size() && candidates[end].ports.first <= last; ++end)
            last = std::max(last, candidates[end].ports.last);
        const auto meeting = candidates.subspan(begin, end - begin);
        if (meeting.size() <= kComparedInPairs) check_pairs(meeting);
        else check_by_source(meeting);
    }
}

/// Thousands of rules that differ in their sources only: sorts by source, to compare equals with equals.
void ConflictFinder::check_by_source(std::span<const Candidate> candidates) {
    std::vector<std::pair<Prefix, Candidate>> sources;
    for (const Candidate& candidate : candidates) {
        const Rule& rule = input_.rules.rules[candidate.rule];
        const Family family = rule.destination.family();
        if (rule.sources == 0) sources.emplace_back(Prefix{Address::any(family), 0}, candidate);
        for (const Prefix& p : input_.rules.source_sets[rule.sources])
            if (p.family() == family) sources.emplace_back(p, candidate);
    }
    std::stable_sort(sources.begin(), sources.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t begin = 0, end = 0; begin < sources.size(); begin = end) {
        std::vector<Candidate> equal;
        for (end = begin; end < sources.size() && sources[end].first == sources[begin].first; ++end) equal.push_back(sources[end].second);
        check_pairs(equal);
    }
}

void ConflictFinder::check_pairs(std::span<const Candidate> candidates) {
    for (std::size_t i = 0; i < candidates.size(); ++i)
        for (std::size_t j = i + 1; j < candidates.size() && candidates[j].ports.first <= candidates[i].ports.last; ++j) {
            if (full()) return;
            check_pair(candidates[i], candidates[j]);
        }
}

void ConflictFinder::check_pair(const Candidate& a, const Candidate& b) {
    const auto& [first, second] = std::minmax(a, b, [](const Candidate& x, const Candidate& y) { return x.rule < y.rule; });
    const Rule& one = input_.rules.rules[first.rule];
    const Rule& other = input_.rules.rules[second.rule];
    if (same_target(one.target, other.target) || reported(first.rule, second.rule)) return;
    const auto source = common_source(one, other);
    if (!source) return;
    const PortRange overlap{std::max(a.ports.first, b.ports.first), std::min(a.ports.last, b.ports.last)};
    const auto ports = holes_.ports_outside(one.holes, other.holes, one.destination, overlap);
    if (!ports) return;

    std::string what = fmt::format("{} {} {} ({})", one.destination.to_string(), ports->count() > 1 ? "ports" : "port", ports->to_string(),
                                   to_string(one.protocol));
    if (one.ifname != 0) what += " on interface " + input_.rules.interfaces[one.ifname];
    if (one.sources != 0 || other.sources != 0) what += " from " + source->to_string();
    reported_.emplace_back(first.rule, second.rule);
    std::string message = fmt::format("rules of equal precision: {} of {} and of {} at {}", what, name_of(one.target),
                                      name_of(other.target), other.pos.to_string());
    found_.push_back({Diagnostic::Severity::error, {std::move(message), 0, one.pos}});
}

/// Two places are reported once, though an address range may be many prefixes.
bool ConflictFinder::reported(RuleId a, RuleId b) const {
    const auto same_place = [&](RuleId x, RuleId y) {
        const SourcePos place = input_.rules.rules[x].pos;
        return x == y || (place.line != 0 && place == input_.rules.rules[y].pos);
    };
    return std::any_of(reported_.begin(), reported_.end(),
                       [&](const auto& pair) { return same_place(pair.first, a) && same_place(pair.second, b); });
}

std::optional<Prefix> ConflictFinder::common_source(const Rule& a, const Rule& b) {
    Sources one{a.sources, a.strangers}, other{b.sources, b.strangers};
    if (other < one) std::swap(one, other);
    const auto [known, added] = common_sources_.try_emplace({a.destination.family(), one, other});
    if (added) known->second = find_common_source(a, b);
    return known->second;
}

/// A prefix that both have in `from`, and that they do not except, the two together; /0 stands for no `from`.
std::optional<Prefix> ConflictFinder::find_common_source(const Rule& a, const Rule& b) const {
    const Family family = a.destination.family();
    const auto prefixes = [&](std::uint32_t set) {
        std::vector<Prefix> sorted = set == 0 ? std::vector<Prefix>{{Address::any(family), 0}} : input_.rules.source_sets[set];
        std::sort(sorted.begin(), sorted.end());
        return sorted;
    };
    std::vector<Prefix> strangers, both;
    for (const std::uint32_t set : {a.strangers, b.strangers})
        for (const Prefix& p : input_.rules.source_sets[set])
            if (p.family() == family) strangers.push_back(p);
    const std::vector<Prefix> left = prefixes(a.sources), right = prefixes(b.sources);
    std::set_intersection(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(both));
    for (const Prefix& p : both)
        if (p.family() == family && !cover(strangers, p)) return p;
    return std::nullopt;
}

std::string ConflictFinder::name_of(const Target& target) const {
    if (target.verdict != Verdict::steer) return fmt::format("[[{}]]", to_string(target.verdict));
    const Service& service = input_.config.services[target.listener.service];
    return service.name + '/' + service.listeners[target.listener.listener].name;
}

} // namespace swathe
