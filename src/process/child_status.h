#pragma once

#include "process/exit.h"

#include <csignal>

namespace swathe {

/// What waitid(2) said about a child that ended.
[[nodiscard]] Exit exit_of(const siginfo_t& info) noexcept;

} // namespace swathe
