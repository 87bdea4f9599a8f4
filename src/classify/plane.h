#pragma once

#include "classify/rules.h"

namespace swathe {

/// A rule of one plane.
struct PlaneRule {
    Prefix destination;
    RuleId rule = 0;
    std::uint32_t group = 0; ///< the rule's in the index: after sorting, a look-up there would miss the cache a million times
};

/// Packets for which more than the nearest rules may count: a hole lies here, or a socket of ours is bound here.
struct Special {
    Prefix destination;
    PortRange ports;
    bool home = false;
};

/// The rules of one address family and protocol, ready to be swept.
struct Plane {
    Family family = Family::ipv4;
    Protocol protocol = Protocol::tcp;
    std::vector<PlaneRule> rules;         ///< by address, then length, then group, then rule
    std::vector<Special> specials;        ///< by address, then length
    std::vector<PortRange> home_wildcards; ///< ports on which a socket of ours is bound to every address of the family
};

class RuleIndex;
[[nodiscard]] Plane plane_of(const RuleSet& rules, const RuleIndex& index, Family family, Protocol protocol);

} // namespace swathe
