#pragma once

#include "classify/flow.h"
#include "model/config.h"

#include <functional>
#include <span>

namespace swathe {

/// Index into RuleSet::rules. What tables, counters and explain call a rule.
using RuleId = std::uint32_t;

/// What a rule leads to. `listener` is meaningful for steer only.
struct Target {
    Verdict verdict = Verdict::pass;
    ListenerRef listener;
    friend auto operator<=>(const Target&, const Target&) noexcept = default;
};

/// One rule: protocol x destination prefix x port range set (x source prefix, x interface) -> target.
/// A listener of A addresses, P port ranges and S sources gives A x S rules, not A x P x S: port sets are shared.
struct Rule {
    Protocol protocol = Protocol::tcp;
    Prefix destination;
    std::uint32_t ports = 0;   ///< index into RuleSet::port_sets
    std::uint32_t sources = 0; ///< index into RuleSet::source_sets; 0 = no `from`
    std::uint32_t ifname = 0;  ///< index into RuleSet::interfaces; 0 = no `interface`
    std::uint32_t holes = 0;   ///< index into RuleSet::hole_sets; 0 = none
    Target target;
    SourcePos pos;
};

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
    std::vector<Rule> rules; ///< in the order of the configuration
    std::vector<std::vector<PortRange>> port_sets;
    std::vector<std::vector<Prefix>> source_sets; ///< [0] is empty: any source
    std::vector<std::string> interfaces;          ///< [0] is empty: any interface
    std::vector<std::vector<Hole>> hole_sets;     ///< [0] is empty
    std::vector<Home> homes;
};

/// Cuts the address ranges of a configuration into rules. Pure.
[[nodiscard]] RuleSet rules_of(const Config& config, std::span<const Home> homes = {});

} // namespace swathe
