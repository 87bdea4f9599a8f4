#pragma once

#include "dispatch/dispatcher.h"

namespace swathe {

/// What a choice that the program made for `flow` means. Of the tables it reads the choices, `counted` and the rule index only.
[[nodiscard]] KernelDecision kernel_decision(const Tables& tables, std::uint32_t choice, const Flow& flow);

} // namespace swathe
