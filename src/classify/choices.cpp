#include "classify/choices.h"

#include "classify/limits.h"
#include "classify/source_map.h"

#include <algorithm>

namespace swathe {
namespace {

std::uint8_t kind_of(Verdict verdict) {
    switch (verdict) {
    case Verdict::steer: return DISPATCH_STEER;
    case Verdict::drop: return DISPATCH_DROP;
    case Verdict::pass: return DISPATCH_PASS;
    }
    return DISPATCH_PASS;
}

std::uint8_t kind_of(WhenDown when_down) {
    switch (when_down) {
    case WhenDown::queue:
    case WhenDown::drop: return DISPATCH_DROP; // queue: where there is no socket there is no queue either
    case WhenDown::pass: return DISPATCH_PASS;
    }
    return DISPATCH_DROP;
}

/// Answers each of the keys, which ascend, with its number, counted from 1.
std::vector<Point> exact_keys(const std::vector<std::uint32_t>& keys) {
    std::vector<Point> points{{}};
    for (std::uint32_t i = 0; i < keys.size(); ++i) {
        if (points.back().first.lo == keys[i]) points.pop_back();
        points.push_back({{0, keys[i]}, i + 1});
        points.push_back({{0, keys[i] + 1ULL}, 0});
    }
    return points;
}

bool has_any(const std::vector<Prefix>& sources, Family family) {
    return std::any_of(sources.begin(), sources.end(), [&](const Prefix& p) { return p.family() == family; });
}

bool same_run(const Atom& a, const Atom& b) noexcept {
    return a.destination_length == b.destination_length && a.port_count == b.port_count && a.has_interface == b.has_interface;
}

} // namespace

bool tried_before(const Atom& a, const Atom& b) noexcept {
    if (a.destination_length != b.destination_length) return a.destination_length > b.destination_length;
    if (a.port_count != b.port_count) return a.port_count < b.port_count;
    if (a.has_interface != b.has_interface) return a.has_interface;
    if (a.has_sources != b.has_sources) return a.has_sources;
    if (!a.has_sources && a.has_strangers != b.has_strangers) return a.has_strangers;
    return a.rule < b.rule;
}

ChoiceBuilder::ChoiceBuilder(const CompileInput& input, RuleIndex& index, Tables& tables)
    : input_(input), index_(index), tables_(tables), counting_(input.config.daemon.rule_counters),
      targets_(counting_ ? input.rules.rules.size() : index.groups()) {
    if (counting_) tables_.counted = static_cast<std::uint32_t>(input.rules.rules.size());
    tables_.choices.assign(1, {});
    links_.assign(1, 0);
    ifindexes_.push_back(0);
    for (std::size_t i = 1; i < input.rules.interfaces.size(); ++i) ifindexes_.push_back(input.interface_index(input.rules.interfaces[i]));
    source_families_.push_back({true, true});
    for (std::size_t i = 1; i < input.rules.source_sets.size(); ++i) {
        source_families_.push_back({has_any(input.rules.source_sets[i], Family::ipv4), has_any(input.rules.source_sets[i], Family::ipv6)});
    }
}

std::uint32_t ChoiceBuilder::chain(Atoms atoms, Family family, std::uint32_t tail) {
    std::uint32_t next = tail;
    for (std::size_t end = atoms.size(); end > 0;) { // run by run, from the last to the first
        std::size_t begin = end - 1;
        while (begin > 0 && same_run(*atoms[begin - 1], *atoms[begin])) --begin;
        const Atoms run = atoms.subspan(begin, end - begin);
        next = run.front()->has_interface ? by_interface(run, family, next) : by_source(run, family, next);
        end = begin;
    }
    if (links_[next] > kMaxLinks && !too_long_) too_long_ = atoms.front()->rule;
    return next;
}

std::uint32_t ChoiceBuilder::end(Verdict verdict) {
    return add({kind_of(verdict), 0, 0, 0, {DISPATCH_UNCOUNTED, 0}}, RuleIndex::kNoGroup, 1);
}

std::uint32_t ChoiceBuilder::by_interface(Atoms atoms, Family family, std::uint32_t otherwise) {
    std::map<std::uint32_t, std::vector<const Atom*>> by_ifindex;
    for (const Atom* atom : atoms) by_ifindex[ifindex(input_.rules.rules[atom->rule])].push_back(atom);

    std::vector<std::uint32_t> indexes, answers{otherwise};
    for (const auto& [index, here] : by_ifindex) {
        indexes.push_back(index);
        answers.push_back(by_source(here, family, otherwise));
    }
    const auto [known, added] = interface_maps_.try_emplace(indexes);
    if (added) known->second = Packer(tables_).pack(exact_keys(indexes), false);
    return guard(DISPATCH_BY_INTERFACE, known->second, answers);
}

/// Of atoms that are equal but in their sources.
std::uint32_t ChoiceBuilder::by_source(Atoms atoms, Family family, std::uint32_t otherwise) {
    const auto any = std::find_if(atoms.begin(), atoms.end(), [](const Atom* a) { return !a->has_sources && !a->has_strangers; });
    const Atoms sourced = atoms.first(static_cast<std::size_t>(any - atoms.begin()));
    if (any != atoms.end()) otherwise = target(**any, family);
    if (sourced.empty()) return otherwise;

    std::vector<std::uint32_t> answers{otherwise};
    for (const Atom* atom : sourced) answers.push_back(target(*atom, family));
    return guard(DISPATCH_BY_SOURCE, source_map(sourced, family), answers);
}

/// From a source address to the number, counted from 1, of the atom that takes it.
dispatch_cell ChoiceBuilder::source_map(Atoms atoms, Family family) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> sets;
    for (const Atom* atom : atoms) {
        const Rule rule = input_.rules.rules[atom->rule];
        sets.emplace_back(rule.sources, rule.strangers);
    }
    return source_map(std::move(sets), family);
}

dispatch_cell ChoiceBuilder::source_map(SourceSets sets, Family family) {
    const auto [known, added] = source_maps_.try_emplace({family, std::move(sets)});
    if (!added) return known->second;
    const auto set = [&](std::uint32_t number) { return number == 0 ? nullptr : &input_.rules.source_sets[number]; };
    std::vector<SourceTerms> terms;
    for (const auto& [from, strangers] : known->first.second) terms.push_back({set(from), set(strangers)});
    return known->second = Packer(tables_).pack(source_points(terms, family), family == Family::ipv6);
}

/// A choice between `answers`: the first if the map knows nothing of the key.
std::uint32_t ChoiceBuilder::guard(std::uint8_t kind, const dispatch_cell& map, const std::vector<std::uint32_t>& answers) {
    const auto [known, added] = blocks_.try_emplace(answers, static_cast<std::uint32_t>(tables_.choices.size()));
    std::uint32_t links = 0;
    for (const std::uint32_t answer : answers) {
        links = std::max(links, links_[answer]);
        if (!added) continue;
        const dispatch_choice copy = tables_.choices[answer];
        index_.set_choice(static_cast<std::uint32_t>(tables_.choices.size()), index_.group_of_choice(answer));
        tables_.choices.push_back(copy);
        links_.push_back(links_[answer]);
    }
    tables_.guarded = true;
    return add({kind, 0, 0, known->second, map}, RuleIndex::kNoGroup, links + 1);
}

std::uint32_t ChoiceBuilder::target(const Atom& atom, Family family) {
    std::uint32_t& known = targets_[counting_ ? atom.rule : index_.group_of(atom.rule)];
    if (known != 0) return known;
    const Rule rule = input_.rules.rules[atom.rule];
    if (rule.target.verdict != Verdict::steer) return known = end_of(atom, {kind_of(rule.target.verdict), 0, 0, 0, {}});
    return known = steer(atom, rule, family);
}

std::uint32_t ChoiceBuilder::steer(const Atom& atom, const Rule& rule, Family family) {
    const ListenerRef ref = rule.target.listener;
    const std::uint8_t when_down = kind_of(listener_at(input_.config, ref).when_down);
    const std::uint32_t slot = input_.slot_of(ref, family);
    tables_.slots = std::max(tables_.slots, slot + 1);
    const std::uint32_t let_in = end_of(atom, {DISPATCH_STEER, when_down, 0, slot, {0, limit_of(ref)}});
    if (rule.blocked == 0 || !has_any(input_.rules.source_sets[rule.blocked], family)) return let_in;
    const std::uint32_t refused = end_of(atom, {DISPATCH_BLOCKED, 0, 0, slot, {}});
    return guard(DISPATCH_BY_SOURCE, source_map({{rule.blocked, 0}}, family), {let_in, refused});
}

/// Where the way of a rule's packets ends. Counted rules share none.
std::uint32_t ChoiceBuilder::end_of(const Atom& atom, const dispatch_choice& choice) {
    const std::uint32_t group = index_.group_of(atom.rule);
    if (!counting_) return add(choice, group, 1);
    dispatch_choice own = choice;
    own.map.at = atom.rule;
    return append(own, group, 1); // equal to no other: known_ need not hold a million of them
}

std::uint32_t ChoiceBuilder::limit_of(ListenerRef ref) {
    const Service& service = input_.config.services[ref.service];
    const Listener& listener = service.listeners[ref.listener];
    if (!has_limits(service, listener)) return 0;
    const auto [known, added] = limits_.try_emplace(ref);
    if (!added) return known->second;
    const auto limiter = [&] {
        if (input_.limiter_of) return input_.limiter_of(ref);
        return input_.slot_of(ref, listener.has_family(Family::ipv4) ? Family::ipv4 : Family::ipv6);
    };
    if (tables_.limits.empty()) tables_.limits.emplace_back();
    tables_.limits.push_back(limit_for(service, listener, limiter()));
    return known->second = static_cast<std::uint32_t>(tables_.limits.size() - 1);
}

std::uint32_t ChoiceBuilder::add(const dispatch_choice& choice, std::uint32_t group, std::uint32_t links) {
    const Key key{choice.kind, choice.when_down, choice.at, choice.map.at, choice.map.count, group};
    const auto [known, added] = known_.try_emplace(key, static_cast<std::uint32_t>(tables_.choices.size()));
    return added ? append(choice, group, links) : known->second;
}

std::uint32_t ChoiceBuilder::append(const dispatch_choice& choice, std::uint32_t group, std::uint32_t links) {
    const auto number = static_cast<std::uint32_t>(tables_.choices.size());
    tables_.choices.push_back(choice);
    links_.push_back(links);
    index_.set_choice(number, group);
    tables_.bounds.links = std::max(tables_.bounds.links, links);
    return number;
}

} // namespace swathe
