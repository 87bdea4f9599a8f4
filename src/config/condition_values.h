#pragma once

#include "config/value_context.h"
#include "model/condition.h"

#include <vector>

namespace swathe {

/// One condition, or a list of them, of which each may begin with "|" and then "!". They are put behind those of the same kind, in the
/// order of the kinds, conditions before assertions. At most limits::kConditions of a service in all.
bool read_conditions(const Raw& raw, const ValueContext& context, Condition::Kind kind, bool assertion, std::vector<Condition>& out);

} // namespace swathe
