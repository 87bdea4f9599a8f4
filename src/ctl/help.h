#pragma once

#include "ctl/commands.h"

#include <string>

namespace swathe::ctl {

[[nodiscard]] std::string help_of_all();
[[nodiscard]] std::string help_of(const Command& command);

/// The completion script of bash(1), from the command table.
[[nodiscard]] std::string bash_completion();

} // namespace swathe::ctl
