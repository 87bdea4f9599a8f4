#pragma once

#include "config/directives.h"

#include <string>

namespace swathe::ctl {

/// Since when there is a directive: "systemd 229", "swathe" for what is ours, "" where systemd's NEWS do not say it.
[[nodiscard]] std::string since_of(const Directive& directive);

} // namespace swathe::ctl
