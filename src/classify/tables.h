#pragma once

#include "classify/rules.h"
#include "dispatch_abi.h"

#include <array>
#include <memory>

namespace swathe {

/// SOCKMAP slot of the socket that takes packets of `family` for a listener. Must be below DISPATCH_SLOTS.
using SlotOf = std::function<std::uint32_t(ListenerRef, Family)>;

/// Interface name -> index; 0 = there is none now: its rules match nothing.
using InterfaceIndex = std::function<std::uint32_t(const std::string&)>;

/// What counts how many come to a listener, and keeps counting while the listener stays: one of its slots.
using LimiterOf = std::function<std::uint32_t(ListenerRef)>;

class RuleIndex; // choice -> rule, classify/rule_index.h

/// How far a walk can go: the bounds of the program's loops.
struct WalkBounds {
    std::uint32_t levels = 0; ///< of indexes below one another
    std::uint32_t steps = 0;  ///< of one search
    std::uint32_t depth = 0;  ///< of parents, the first node included
    std::uint32_t links = 0;  ///< choices of one node, one after the other
};

/// The compiled, immutable form of a rule set: one generation of the dispatcher. The records are those of
/// bpf/dispatch_abi.h and go to the kernel as they are.
struct Tables {
    std::array<dispatch_cell, DISPATCH_PLANES> roots{}; ///< by DISPATCH_PLANE: destination address -> node
    std::vector<dispatch_index> indexes;
    std::vector<dispatch_cell> cells;
    std::vector<dispatch_step32> steps32;   ///< IPv4 addresses, ports, interfaces
    std::vector<dispatch_step128> steps128; ///< IPv6 addresses
    std::vector<dispatch_node> nodes;       ///< [0] unused
    std::vector<dispatch_choice> choices;   ///< [0] unused
    std::vector<dispatch_limit> limits;     ///< [0] unused; empty: no listener has limits
    WalkBounds bounds;
    bool guarded = false;      ///< any choice by interface or by source
    std::uint32_t slots = 0;   ///< highest slot named + 1
    std::uint32_t counted = 0; ///< rules that choices name, each for itself, so that they can be counted; 0 = they are not
    std::shared_ptr<const RuleIndex> rule_index;

    [[nodiscard]] std::size_t bytes() const noexcept; ///< of the records, as they go to the kernel
};

struct CompileInput {
    const RuleSet& rules;
    const Config& config; ///< for when_down, rule_counters, and the names in diagnostics
    SlotOf slot_of;
    InterfaceIndex interface_index;
    LimiterOf limiter_of = {}; ///< nothing: the slot of its first family
};

/// Choices one after the other: guarded rules of different prefix lengths or port counts that meet in one port of one prefix and that
/// the walk may have to try. The verifier follows some thousand.
inline constexpr std::uint32_t kMaxLinks = 1024;

inline constexpr std::size_t kMaxConflicts = 50; ///< reported at once

/// With rule_counters prefixes share nothing: a rule then takes a node, a choice and an index entry of its
/// own, 36 bytes more in the tables.
/// Errors: two rules of different targets that can match the same packet and are equal in precedence, each named with both
/// places. All of them at once (at most kMaxConflicts). And: more than kMaxLinks guarded rules that follow each other.
[[nodiscard]] tl::expected<Tables, Diagnostics> compile(const CompileInput& input);

/// What a set of rules decides about a packet, and why.
struct Decision {
    Verdict verdict = Verdict::pass;
    std::optional<RuleId> rule;    ///< the winner; nothing = no rule matched (pass), or only the implicit home rule did (drop)
    std::uint32_t slot = 0;        ///< for steer, or of the listener that has blocked the source (tables only)
    bool blocked = false;          ///< drop, since the listener of the rule has blocked the source
    std::vector<RuleId> others;    ///< matched and lost, in order (oracle only)

    /// Does a listener have the packet, be it that it refuses the source?
    [[nodiscard]] bool by_listener() const noexcept { return verdict == Verdict::steer || blocked; }
};

[[nodiscard]] Decision decide(const Tables& tables, const Flow& flow); ///< the same walk as the BPF program's

/// Reads a choice of the tables, as the walk found it for `flow`. Choice 0: no rule matched.
[[nodiscard]] Decision decision_of(const Tables& tables, std::uint32_t choice, const Flow& flow);

/// Reads all rules one by one: slow, obvious, and what the others are tested against. Fills `others`.
/// `interface_index` as in CompileInput.
[[nodiscard]] Decision decide_by_rules(const RuleSet& rules, const Flow& flow, const InterfaceIndex& interface_index);

/// The same where all rules that may match are known: `candidates`, ascending, and all homes.
[[nodiscard]] Decision decide_among(const RuleSet& rules, std::span<const RuleId> candidates, const Flow& flow,
                                    const InterfaceIndex& interface_index);

/// All rules of a plane in the order in which the dispatcher prefers them: longer prefix, narrower ports, ...
/// The planes follow each other: tcp IPv4, tcp IPv6, udp IPv4, udp IPv6.
struct OrderedRule {
    RuleId rule = 0;
    PortRange ports;
};
[[nodiscard]] std::vector<OrderedRule> in_order(const RuleSet& rules);

} // namespace swathe
