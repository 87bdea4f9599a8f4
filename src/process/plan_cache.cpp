#include "process/plan_cache.h"

#include "model/service.h"

#include <algorithm>

namespace swathe {

tl::expected<SpawnPlan, SpawnError> PlanCache::plan(const Service& service, const Command& command, std::string_view key,
                                                    const RunFacts& facts, Monotonic now) {
    if (!facts.tmp.empty() || facts.dynamic_uid) return plan_spawn(service, command, key, facts);
    const auto is_it = [&](const Known& known) { return known.command == &command; };
    auto known = std::find_if(known_.begin(), known_.end(), is_it);
    if (known == known_.end() || now >= known->until) {
        auto grounds = look_up_grounds(service, command, key, facts);
        if (!grounds) return tl::unexpected<SpawnError>(std::move(grounds).error());
        if (known == known_.end()) known = known_.insert(known_.end(), Known{});
        *known = Known{&command, later(now, kGroundsAge), std::move(*grounds)};
    }
    SpawnPlan plan = plan_on(known->grounds, service, command, facts);
    known->grounds.plan.warnings.clear(); // they are said once
    return plan;
}

} // namespace swathe
