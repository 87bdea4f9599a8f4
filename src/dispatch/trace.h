#pragma once

#include "classify/flow.h"
#include "classify/rules.h"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace swathe {

/// Why a listener's packet is refused before its socket is looked for. As enum dispatch_refusal.
enum class DropReason : std::uint8_t { blocked, closed, source_rate, rate };

/// How many of the decisions of one kind are reported: of kAllDecisions so many, chosen at random.
struct TraceShare {
    std::uint64_t all = 0;
    std::uint64_t drops = 0; ///< of those that refuse the packet, where this is more
};
inline constexpr std::uint64_t kAllDecisions = std::uint64_t{1} << 32;

/// What the kernel is to report. One decision is in every share that its random number is below, so that who wants fewer finds
/// his among those of who wants more.
struct TraceWish {
    TraceShare everything;
    std::map<std::uint32_t, TraceShare> of_slot; ///< of what is meant for the slot, where this is more
};

/// A decision that the attached program has made.
struct TracedDecision {
    std::uint64_t time_ns = 0;  ///< CLOCK_MONOTONIC
    Flow flow;                  ///< with the ingress interface
    Verdict verdict = Verdict::pass; ///< what became of the packet, which for steer may be another than the rule's
    std::optional<RuleId> rule; ///< of `generation`; nothing: no rule matched, or the implicit home rule (drop)
    std::optional<DropReason> refusal = {}; ///< why not
    int error = 0;              ///< or why it was not steered: ENOENT = the slot is empty, EEXIST = another program had chosen before
    std::uint32_t random = 0;   ///< it is in the shares above this
    std::uint64_t generation = 0;
};

struct TraceRead {
    std::vector<TracedDecision> decisions; ///< oldest first, but that CPUs may overtake each other
    std::uint64_t lost = 0;                ///< since the read before: the ring was full
    std::uint64_t oldest_generation = 0;   ///< no later read has a decision of an earlier one
};

} // namespace swathe
