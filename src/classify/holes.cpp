#include "classify/holes.h"

#include <algorithm>

namespace swathe {
namespace {

bool shorter(const Hole* hole, const Prefix& prefix) {
    return hole->destination.length != prefix.length ? hole->destination.length < prefix.length
                                                     : hole->destination.address < prefix.address;
}

bool any_contains(const std::vector<PortRange>& ports, std::uint16_t port) {
    return std::any_of(ports.begin(), ports.end(), [&](const PortRange& r) { return r.contains(port); });
}

} // namespace

bool cover(std::vector<Prefix> prefixes, const Prefix& whole) {
    std::sort(prefixes.begin(), prefixes.end());
    U128 next = whole.first().bits;
    for (const Prefix& p : prefixes) {
        if (p.contains(whole)) return true;
        if (next < p.first().bits) return false;
        if (p.last().bits < next) continue; // inside the one before
        if (p.last().bits == whole.last().bits) return true;
        next = p.last().bits.next();
    }
    return false;
}

HoleIndex::HoleIndex(const RuleSet& rules) : sets_(rules.hole_sets.size()) {
    for (std::size_t i = 0; i < sets_.size(); ++i) {
        for (const Hole& hole : rules.hole_sets[i]) {
            sets_[i].holes.push_back(&hole);
            sets_[i].lengths.set(hole.destination.length);
        }
        std::sort(sets_[i].holes.begin(), sets_[i].holes.end(), [](const Hole* a, const Hole* b) { return shorter(a, b->destination); });
    }
}

void HoleIndex::append_covering(std::uint32_t set, const Prefix& prefix, std::vector<PortRange>& out) const {
    const Set& s = sets_[set];
    if (s.holes.empty()) return;
    for (unsigned length = 0; length <= prefix.length; ++length) {
        if (!s.lengths.test(length)) continue;
        const Prefix wanted = prefix_of(prefix.address, length);
        for (auto at = std::lower_bound(s.holes.begin(), s.holes.end(), wanted, shorter);
             at != s.holes.end() && (*at)->destination == wanted; ++at)
            out.insert(out.end(), (*at)->ports.begin(), (*at)->ports.end());
    }
}

std::optional<PortRange> HoleIndex::ports_outside(std::uint32_t a, std::uint32_t b, const Prefix& prefix, const PortRange& ports) const {
    std::vector<const Hole*> holes;
    for (const std::uint32_t set : {a, b})
        for (const Hole* hole : sets_[set].holes)
            if (hole->destination.contains(prefix) || prefix.contains(hole->destination)) holes.push_back(hole);

    std::vector<std::uint32_t> edges{ports.first, ports.last + 1U}; // between two edges the same holes apply
    for (const Hole* hole : holes)
        for (const PortRange& range : hole->ports)
            for (const std::uint32_t edge : {std::uint32_t{range.first}, range.last + 1U})
                if (ports.first < edge && edge <= ports.last) edges.push_back(edge);
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());

    for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
        std::vector<Prefix> here;
        for (const Hole* hole : holes)
            if (any_contains(hole->ports, static_cast<std::uint16_t>(edges[i]))) here.push_back(hole->destination);
        if (!cover(std::move(here), prefix))
            return PortRange{static_cast<std::uint16_t>(edges[i]), static_cast<std::uint16_t>(edges[i + 1] - 1)};
    }
    return std::nullopt;
}

std::vector<PortRange> without(const PortRange& range, const std::vector<PortRange>& cuts) {
    std::vector<PortRange> left{range};
    for (const PortRange& cut : cuts) {
        std::vector<PortRange> next;
        for (const PortRange& part : left) {
            if (!part.overlaps(cut)) {
                next.push_back(part);
                continue;
            }
            if (part.first < cut.first) next.push_back({part.first, static_cast<std::uint16_t>(cut.first - 1)});
            if (cut.last < part.last) next.push_back({static_cast<std::uint16_t>(cut.last + 1), part.last});
        }
        left = std::move(next);
    }
    std::sort(left.begin(), left.end());
    return left;
}

} // namespace swathe
