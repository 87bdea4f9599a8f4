#pragma once

#include "config/value_context.h"
#include "model/config.h"

#include <string>
#include <vector>

namespace swathe {

inline constexpr std::string_view kAllowUnsupported = "AllowUnsupported"; ///< of [X-Swathe]

/// Names of directives that protect: a list, or in a unit file words on a line.
bool read_protections(const Raw& raw, const ValueContext& context, std::vector<std::string>& out);

} // namespace swathe
