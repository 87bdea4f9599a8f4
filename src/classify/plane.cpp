#include "classify/plane.h"

#include "classify/rule_index.h"

#include <algorithm>
#include <tuple>

namespace swathe {
namespace {

/// Fills in the rules of the plane, and says which hole sets they have. Most rule sets use one or two planes: the others
/// must not read a million rules to find out.
std::vector<bool> collect(const RuleSet& rules, const RuleIndex& index, Plane& plane) {
    std::vector<bool> holes_used(rules.hole_sets.size());
    std::vector<bool> belongs(index.groups());
    std::size_t count = 0;
    for (std::uint32_t group = 0; group < index.groups(); ++group) {
        const Rule rule = rules.rules[index.first_of(group)];
        belongs[group] = rule.protocol == plane.protocol && rule.destination.family() == plane.family;
        if (!belongs[group]) continue;
        count += index.size_of(group);
        holes_used[rule.holes] = true;
    }
    if (count == 0) return holes_used;
    plane.rules.reserve(count);
    for (RuleId id = 0; id < rules.rules.size(); ++id)
        if (const std::uint32_t group = index.group_of(id); belongs[group]) plane.rules.push_back({rules.rules.destination(id), id, group});
    return holes_used;
}

} // namespace

Plane plane_of(const RuleSet& rules, const RuleIndex& index, Family family, Protocol protocol) {
    Plane plane;
    plane.family = family;
    plane.protocol = protocol;
    const std::vector<bool> holes_used = collect(rules, index, plane);
    for (std::size_t set = 1; set < holes_used.size(); ++set) {
        if (!holes_used[set]) continue;
        for (const Hole& hole : rules.hole_sets[set])
            if (hole.destination.family() == family)
                for (const PortRange& ports : hole.ports) plane.specials.push_back({hole.destination, ports, false});
    }
    for (const Home& home : rules.homes) {
        const Address& address = home.address.address;
        if (home.protocol != protocol || address.family != family || home.address.port == 0) continue;
        const bool wildcard = address == Address::any(family);
        const PortRange port{home.address.port, home.address.port};
        if (wildcard) plane.home_wildcards.push_back(port);
        plane.specials.push_back({wildcard ? Prefix{address, 0} : Prefix::host(address), port, true});
    }

    const auto earlier = [](const PlaneRule& a, const PlaneRule& b) { // of one family: comparing it, too, costs a third of the time
        return std::tie(a.destination.address.bits, a.destination.length, a.group, a.rule) <
               std::tie(b.destination.address.bits, b.destination.length, b.group, b.rule);
    };
    if (!std::is_sorted(plane.rules.begin(), plane.rules.end(), earlier)) std::sort(plane.rules.begin(), plane.rules.end(), earlier);
    std::sort(plane.specials.begin(), plane.specials.end(),
              [](const Special& a, const Special& b) { return a.destination < b.destination; });
    return plane;
}

} // namespace swathe
