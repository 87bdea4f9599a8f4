#pragma once

#include "base/clock.h"
#include "process/plan.h"

#include <vector>

namespace swathe {

/// How long what was looked up for one start may serve others. A change to accounts, groups, environment files and programs is in force for
/// every process that is started this much later.
inline constexpr Duration kGroundsAge = std::chrono::seconds(1);

/// plan_spawn() for a service that is started over and over, once for each connection: what there is to ask of the machine is asked once in
/// kGroundsAge and command. Not for runs with a /tmp or a dynamic user of their own, whose plans differ: they are looked up anew each time.
class PlanCache {
public:
    /// `command` is one of `service`; both must live until forget(), or the service be the same ever after.
    [[nodiscard]] tl::expected<SpawnPlan, SpawnError> plan(const Service& service, const Command& command, std::string_view key,
                                                           const RunFacts& facts, Monotonic now);
    void forget() noexcept { known_.clear(); } ///< after a reload

private:
    struct Known {
        const Command* command = nullptr; ///< only compared
        Monotonic until;
        SpawnGrounds grounds;
    };
    std::vector<Known> known_;
};

} // namespace swathe
