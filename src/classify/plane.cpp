#include "classify/plane.h"

#include <algorithm>
#include <tuple>

namespace swathe {

Plane plane_of(const RuleSet& rules, Family family, Protocol protocol) {
    Plane plane;
    plane.family = family;
    plane.protocol = protocol;
    std::vector<bool> holes_used(rules.hole_sets.size());
    for (RuleId id = 0; id < rules.rules.size(); ++id) {
        const Rule& rule = rules.rules[id];
        if (rule.protocol != protocol || rule.destination.family() != family) continue;
        plane.rules.push_back({rule.destination, id});
        holes_used[rule.holes] = true;
    }
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
        return std::tie(a.destination.address.bits, a.destination.length, a.rule) < std::tie(b.destination.address.bits, b.destination.length, b.rule);
    };
    if (!std::is_sorted(plane.rules.begin(), plane.rules.end(), earlier)) std::sort(plane.rules.begin(), plane.rules.end(), earlier);
    std::sort(plane.specials.begin(), plane.specials.end(), [](const Special& a, const Special& b) { return a.destination < b.destination; });
    return plane;
}

} // namespace swathe
