#pragma once

#include "classify/tables.h"

#include <utility>
#include <vector>

namespace swathe {

/// Rules of two rule sets that are the same: the one before, and the one now. Each at most once.
using SameRules = std::vector<std::pair<RuleId, RuleId>>;

/// What `tables` were compiled from.
struct CompiledRules {
    const RuleSet& rules;
    const Config& config;
    const Tables& tables;
};

/// The rules that a reload has not changed: of the same listener (service, name, and number among those of the name) or verdict, with the
/// same prefix, ports, sources and interface; the order of files and lines does not matter, nor do holes. Walks the
/// sorted rules of both side by side. Empty if the rules of either are not counted.
[[nodiscard]] SameRules same_rules(const CompiledRules& before, const CompiledRules& now);

} // namespace swathe
