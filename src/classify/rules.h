#pragma once

#include "classify/flow.h"
#include "classify/rule_list.h"

#include <functional>
#include <span>

namespace swathe {

/// A part of the swathe that a rule does not claim.
struct Hole {
    Prefix destination;
    std::vector<PortRange> ports;
};

/// A socket of ours is really bound here. What reaches it by no rule is refused (DESIGN 4). The unspecified address stands for
/// every address of its family; port 0 for a socket that is not bound yet.
struct Home {
    Protocol protocol = Protocol::tcp;
    SocketAddress address;
};

struct RuleSet {
    RuleList rules; ///< in the order of the configuration
    std::vector<std::vector<PortRange>> port_sets;
    std::vector<std::vector<Prefix>> source_sets; ///< [0] is empty: any source, or none
    std::vector<std::string> interfaces;          ///< [0] is empty: any interface
    std::vector<std::vector<Hole>> hole_sets;     ///< [0] is empty
    std::vector<Home> homes;
};

/// Cuts the address ranges of a configuration into rules. Pure.
[[nodiscard]] RuleSet rules_of(const Config& config, std::span<const Home> homes = {});

} // namespace swathe
