#include "classify/choices.h"

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

bool same_run(const Atom& a, const Atom& b) noexcept {
    return a.destination_length == b.destination_length && a.port_count == b.port_count && a.has_interface == b.has_interface;
}

} // namespace

bool tried_before(const Atom& a, const Atom& b) noexcept {
    if (a.destination_length != b.destination_length) return a.destination_length > b.destination_length;
    if (a.port_count != b.port_count) return a.port_count < b.port_count;
    if (a.has_interface != b.has_interface) return a.has_interface;
    if (a.has_sources != b.has_sources) return a.has_sources;
    return a.rule < b.rule;
}

ChoiceBuilder::ChoiceBuilder(const CompileInput& input, RuleIndex& index, Tables& tables)
    : input_(input), index_(index), tables_(tables), targets_(index.groups()) {
    tables_.choices.assign(1, {});
    links_.assign(1, 0);
    ifindexes_.push_back(0);
    for (std::size_t i = 1; i < input.rules.interfaces.size(); ++i) ifindexes_.push_back(input.interface_index(input.rules.interfaces[i]));
    source_families_.push_back({true, true});
    for (std::size_t i = 1; i < input.rules.source_sets.size(); ++i) {
        source_families_.push_back({false, false});
        for (const Prefix& p : input.rules.source_sets[i]) source_families_[i][p.family() == Family::ipv6] = true;
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
    return next;
}

std::uint32_t ChoiceBuilder::end(Verdict verdict) {
    return add({kind_of(verdict), 0, 0, 0, {}}, RuleIndex::kNoGroup, 1);
}

std::uint32_t ChoiceBuilder::by_interface(Atoms atoms, Family family, std::uint32_t otherwise) {
    std::map<std::uint32_t, std::vector<const Atom*>> by_ifindex;
    for (const Atom* atom : atoms) by_ifindex[ifindex(input_.rules.rules[atom->rule])].push_back(atom);

    std::vector<Point> points{{{}, 0}};
    std::uint32_t links = links_[otherwise];
    for (const auto& [index, here] : by_ifindex) {
        const std::uint32_t choice = by_source(here, family, otherwise);
        links = std::max(links, links_[choice]);
        if (points.back().first.lo == index) points.pop_back();
        points.push_back({{0, index}, choice});
        points.push_back({{0, index + 1ULL}, 0});
    }
    const auto known = interface_maps_.find(points);
    const dispatch_cell cell = known != interface_maps_.end() ? known->second : Packer(tables_).pack(points, false);
    if (known == interface_maps_.end()) interface_maps_.emplace(std::move(points), cell);
    tables_.by_interface = true;
    return add({DISPATCH_BY_INTERFACE, 0, 0, otherwise, cell}, RuleIndex::kNoGroup, links + 1);
}

/// Of atoms that are equal but in their sources.
std::uint32_t ChoiceBuilder::by_source(Atoms atoms, Family family, std::uint32_t otherwise) {
    const auto any = std::find_if(atoms.begin(), atoms.end(), [](const Atom* a) { return !a->has_sources; });
    const Atoms sourced = atoms.first(static_cast<std::size_t>(any - atoms.begin()));
    if (any != atoms.end()) otherwise = target(**any, family);
    if (sourced.empty()) return otherwise;

    std::uint32_t links = links_[otherwise];
    for (const Atom* atom : sourced) links = std::max(links, links_[target(*atom, family)]);
    const dispatch_cell cell = source_map(sourced, family);
    tables_.by_source = true;
    return add({DISPATCH_BY_SOURCE, 0, 0, otherwise, cell}, RuleIndex::kNoGroup, links + 1);
}

dispatch_cell ChoiceBuilder::source_map(Atoms atoms, Family family) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> key;
    for (const Atom* atom : atoms) key.emplace_back(input_.rules.rules[atom->rule].sources, target(*atom, family));
    const auto [known, added] = source_maps_.try_emplace({family, key});
    if (!added) return known->second;

    struct Source {
        Prefix prefix;
        std::size_t rank; // of the atom: among equal sources the earlier rule
        std::uint32_t choice;
    };
    std::vector<Source> sources;
    for (std::size_t rank = 0; rank < key.size(); ++rank)
        for (const Prefix& p : input_.rules.source_sets[key[rank].first])
            if (p.family() == family) sources.push_back({p, rank, key[rank].second});
    std::sort(sources.begin(), sources.end(), [](const Source& a, const Source& b) { return std::tie(a.prefix, a.rank) < std::tie(b.prefix, b.rank); });

    PrefixSweep sweep;
    for (const Source& source : sources) {
        (void)sweep.leave_before(source.prefix.address.bits);
        sweep.enter(source.prefix, source.choice);
    }
    return known->second = Packer(tables_).pack(sweep.finish(), family == Family::ipv6);
}

std::uint32_t ChoiceBuilder::target(const Atom& atom, Family family) {
    const std::uint32_t group = index_.group_of(atom.rule);
    if (targets_[group] != 0) return targets_[group];
    const Target& to = input_.rules.rules[atom.rule].target;
    dispatch_choice choice{kind_of(to.verdict), 0, 0, 0, {}};
    if (to.verdict == Verdict::steer) {
        const Listener& listener = input_.config.services[to.listener.service].listeners[to.listener.listener];
        choice.when_down = kind_of(listener.when_down);
        choice.cell.at = input_.slot_of(to.listener, family);
        tables_.slots = std::max(tables_.slots, choice.cell.at + 1);
    }
    return targets_[group] = add(choice, group, 1);
}

std::uint32_t ChoiceBuilder::add(const dispatch_choice& choice, std::uint32_t group, std::uint32_t links) {
    const Key key{choice.kind, choice.when_down, choice.otherwise, choice.cell.at, choice.cell.count, group};
    const auto [known, added] = known_.try_emplace(key, static_cast<std::uint32_t>(tables_.choices.size()));
    if (!added) return known->second;
    tables_.choices.push_back(choice);
    links_.push_back(links);
    index_.set_choice(known->second, group);
    tables_.bounds.links = std::max(tables_.bounds.links, links);
    return known->second;
}

} // namespace swathe
