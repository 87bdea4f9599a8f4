#pragma once

#include "model/condition.h"
#include "process/machine.h"

#include <vector>

namespace swathe {

/// Does the machine agree with what `condition` says, "!" included? Errors: it cannot be told. systemd.unit(5), "Conditions and Asserts".
[[nodiscard]] Result<bool> is_met(const Condition& condition, const Machine& machine);

/// What keeps a start from going on.
struct Unmet {
    bool assertion = false; ///< the start has failed; else it is skipped
    std::string why;        ///< "condition ConditionPathExists=/etc/web not met"
};

/// Conditions first. Of conditions, and likewise of assertions, all without "|" have to be met, and of those with it one; what cannot be
/// told is not met.
[[nodiscard]] std::optional<Unmet> first_unmet(const std::vector<Condition>& conditions, const Machine& machine);

} // namespace swathe
