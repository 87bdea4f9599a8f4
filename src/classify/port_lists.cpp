#include "classify/port_lists.h"

#include <algorithm>
#include <set>

namespace swathe {
namespace {

std::optional<PortRange> intersection(const PortRange& a, const PortRange& b) {
    if (!a.overlaps(b)) return std::nullopt;
    return PortRange{std::max(a.first, b.first), std::min(a.last, b.last)};
}

std::vector<PortRange> merged_ports(std::span<const Special> specials) {
    std::vector<PortRange> ports;
    for (const Special& special : specials) ports.push_back(special.ports);
    std::sort(ports.begin(), ports.end());
    std::vector<PortRange> merged;
    for (const PortRange& range : ports) {
        if (!merged.empty() && range.first <= merged.back().last) merged.back().last = std::max(merged.back().last, range.last);
        else merged.push_back(range);
    }
    return merged;
}

std::vector<Atom> clipped(const std::vector<Atom>& atoms, const std::vector<PortRange>& windows) {
    std::vector<Atom> out;
    for (Atom atom : atoms) {
        const PortRange whole = atom.ports;
        for (const PortRange& window : windows)
            if (const auto part = intersection(whole, window)) {
                atom.ports = *part;
                out.push_back(atom);
            }
    }
    return out;
}

/// Walks all ports from the lowest to the highest and knows what applies at each.
class PortSweep {
public:
    enum Layer { special, home, excluded, kLayers };

    explicit PortSweep(std::vector<Atom> atoms) : atoms_(std::move(atoms)) {
        std::sort(atoms_.begin(), atoms_.end(), tried_before); // an atom's index is its rank
        for (std::uint32_t rank = 0; rank < atoms_.size(); ++rank) add_edges(atoms_[rank].ports, kLayers, rank);
    }
    void add(const PortRange& ports, Layer layer) { add_edges(ports, layer, 0); }

    /// The points at which what `choose` says changes.
    template <class Choose> std::vector<Point> run(Choose choose) {
        std::sort(edges_.begin(), edges_.end(), [](const Edge& a, const Edge& b) { return a.port < b.port; });
        std::vector<Point> points{{}};
        for (std::size_t i = 0; i < edges_.size();) {
            const std::uint32_t port = edges_[i].port;
            for (; i < edges_.size() && edges_[i].port == port; ++i) pass(edges_[i]);
            if (port > 65535) break;
            const std::uint32_t answer = choose();
            if (points.back().answer == answer) continue;
            if (points.back().first.lo == port) points.pop_back();
            points.push_back({{0, port}, answer});
        }
        return points;
    }

    [[nodiscard]] bool in(Layer layer) const { return layers_[layer] > 0; }

    /// The rules that match here, in order, up to the first that takes every packet.
    std::span<const Atom* const> matching() {
        matching_.clear();
        for (const std::uint32_t rank : active_) {
            matching_.push_back(&atoms_[rank]);
            if (atoms_[rank].unguarded()) break;
        }
        return matching_;
    }

private:
    struct Edge {
        std::uint32_t port;
        int layer; // kLayers: an atom
        int change;
        std::uint32_t rank;
    };
    void add_edges(const PortRange& ports, int layer, std::uint32_t rank) {
        edges_.push_back({ports.first, layer, 1, rank});
        edges_.push_back({ports.last + 1U, layer, -1, rank});
    }
    void pass(const Edge& edge) {
        if (edge.layer != kLayers) layers_[static_cast<std::size_t>(edge.layer)] += edge.change;
        else if (edge.change > 0) active_.insert(edge.rank);
        else active_.erase(edge.rank);
    }

    std::vector<Atom> atoms_;
    std::vector<Edge> edges_;
    std::set<std::uint32_t> active_;
    std::array<int, kLayers> layers_{};
    std::vector<const Atom*> matching_;
};

} // namespace

PortListBuilder::PortListBuilder(const CompileInput& input, const HoleIndex& holes, const RuleIndex& index, ChoiceBuilder& choices,
                                 Tables& tables, const Plane& plane)
    : input_(input), holes_(holes), choices_(choices), tables_(tables), plane_(plane),
      counting_(input.config.daemon.rule_counters), by_group_(index.groups(), kNone) {
    for (std::uint32_t group = 0; group < index.groups(); ++group)
        holes_by_group_.push_back(input.rules.rules[index.first_of(group)].holes);
}

std::uint32_t PortListBuilder::list_for(const Place& place) {
    if (counting_ || !place.specials.empty() || is_cut(place)) return build(place);
    if (place.rules.size() == 1) {
        std::uint32_t& known = by_group_[place.rules.front().group];
        return known != kNone ? known : known = build(place);
    }
    key_.clear();
    for (const PlaneRule& rule : place.rules) key_.push_back(rule.group);
    const auto found = by_groups_.find(key_);
    if (found != by_groups_.end()) return found->second;
    const std::uint32_t list = build(place);
    by_groups_.emplace(key_, list);
    return list;
}

/// Does a hole take one of the place's own rules out of it, in part or whole?
bool PortListBuilder::is_cut(const Place& place) const {
    std::vector<PortRange> cuts;
    for (const PlaneRule& rule : place.rules) holes_.append_covering(holes_by_group_[rule.group], place.prefix, cuts);
    return !cuts.empty();
}

void PortListBuilder::append_atoms(std::span<const PlaneRule> rules, const Prefix& at, std::vector<Atom>& atoms,
                                   std::vector<PortRange>* excluded) const {
    std::vector<PortRange> cuts;
    for (const PlaneRule& plane_rule : rules) {
        const Rule& rule = input_.rules.rules[plane_rule.rule];
        if (rule.ifname != 0 && choices_.ifindex(rule) == 0) continue;
        if (!choices_.has_source(rule, plane_.family)) continue;
        cuts.clear();
        holes_.append_covering(rule.holes, at, cuts);
        for (const PortRange& range : input_.rules.port_sets[rule.ports]) {
            for (const PortRange& part : without(range, cuts))
                atoms.push_back({part, range.count(), rule.destination.length, rule.ifname != 0, rule.sources != 0, rule.strangers != 0,
                                 plane_rule.rule});
            if (excluded == nullptr) continue;
            for (const PortRange& cut : cuts)
                if (const auto part = intersection(range, cut)) excluded->push_back(*part);
        }
    }
}

/// Where a hole takes a rule of a shorter prefix out, or a home has to be closed behind rules that may not match, the walk must not
/// simply go on at the parent: there the list holds the whole chain up to the root, and its end. Everywhere else the
/// parents' rules stay in the parents.
std::uint32_t PortListBuilder::build(const Place& place) {
    std::vector<Atom> atoms;
    append_atoms(place.rules, place.prefix, atoms, nullptr);
    std::vector<PortRange> excluded;
    if (!place.specials.empty()) {
        std::vector<Atom> around;
        for (const auto& rules : place.around) append_atoms(rules, place.prefix, around, &excluded);
        around = clipped(around, merged_ports(place.specials));
        atoms.insert(atoms.end(), around.begin(), around.end());
    }

    PortSweep sweep(std::move(atoms));
    for (const PortRange& ports : excluded) sweep.add(ports, PortSweep::excluded);
    for (const Special& special : place.specials) {
        sweep.add(special.ports, PortSweep::special);
        if (special.home) sweep.add(special.ports, PortSweep::home);
    }
    if (!place.specials.empty())
        for (const PortRange& ports : plane_.home_wildcards) sweep.add(ports, PortSweep::home);

    return store(sweep.run([&] {
        auto chain = sweep.matching();
        const bool closed = !chain.empty() && chain.back()->unguarded();
        if (sweep.in(PortSweep::special) && (sweep.in(PortSweep::excluded) || (sweep.in(PortSweep::home) && !closed))) {
            const Verdict verdict = sweep.in(PortSweep::home) ? Verdict::drop : Verdict::pass;
            return choices_.chain(chain, plane_.family, closed ? 0 : choices_.end(verdict));
        }
        const auto own = [&](const Atom* atom) { return atom->destination_length == place.prefix.length; };
        while (!chain.empty() && !own(chain.back())) chain = chain.first(chain.size() - 1);
        return choices_.chain(chain, plane_.family, 0);
    }));
}

std::uint32_t PortListBuilder::store(std::vector<Point> points) {
    if (points.front().answer == 0) points.erase(points.begin());
    PortList list;
    if (!points.empty()) {
        list.first_port = static_cast<std::uint16_t>(points.front().first.lo);
        list.last_port = 65535;
        if (points.back().answer == 0) list.last_port = static_cast<std::uint16_t>(points.back().first.lo - 1);
    }
    const auto number = static_cast<std::uint32_t>(lists_.size());
    if (!counting_)
        if (const auto [known, added] = by_content_.try_emplace(points, number); !added) return known->second;
    std::span<const Point> used(points);
    if (!used.empty() && used.back().answer == 0) used = used.first(used.size() - 1);
    if (!used.empty()) list.cell = Packer(tables_).pack(used, false);
    lists_.push_back(list);
    return number;
}

} // namespace swathe
