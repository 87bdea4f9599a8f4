#pragma once

#include "classify/rules.h"
#include "dispatch_abi.h"

#include <array>

namespace swathe {

/// SOCKMAP slot of the socket that takes packets of `family` for a listener.
using SlotOf = std::function<std::uint32_t(ListenerRef, Family)>;

/// Interface name -> index; 0 = there is none now: its rules match nothing.
using InterfaceIndex = std::function<std::uint32_t(const std::string&)>;

/// The compiled, immutable form of a rule set: one generation of the dispatcher. The records are those of
/// bpf/dispatch_abi.h and go to the kernel as they are.
struct Tables; // defined by the author of classify/

struct CompileInput {
    const RuleSet& rules;
    const Config& config; ///< for when_down and the names in diagnostics
    SlotOf slot_of;
    InterfaceIndex interface_index;
};

/// Errors: two rules of different targets that can match the same packet and are equal in precedence, each named with both
/// places. All of them at once (at most kMaxConflicts).
[[nodiscard]] tl::expected<Tables, Diagnostics> compile(const CompileInput& input);

/// What a set of rules decides about a packet, and why.
struct Decision {
    Verdict verdict = Verdict::pass;
    std::optional<RuleId> rule;    ///< the winner; nothing = no rule matched (pass), or only the implicit home rule did (drop)
    std::uint32_t slot = 0;        ///< for steer (tables only)
    std::vector<RuleId> others;    ///< matched and lost, in order (oracle only)
};

[[nodiscard]] Decision decide(const Tables& tables, const Flow& flow); ///< the same walk as the BPF program's

/// Reads all rules one by one: slow, obvious, and what the others are tested against. Fills `others`.
/// `interface_index` as in CompileInput.
[[nodiscard]] Decision decide_by_rules(const RuleSet& rules, const Flow& flow, const InterfaceIndex& interface_index);

/// All rules of a plane in the order in which the dispatcher prefers them: longer prefix, narrower ports, ...
struct OrderedRule {
    RuleId rule = 0;
    PortRange ports;
};
[[nodiscard]] std::vector<OrderedRule> in_order(const RuleSet& rules);

} // namespace swathe
