#pragma once

#include "config/report.h"
#include "model/config.h"

#include <functional>
#include <vector>

namespace swathe {

/// Settles which services name each other. In TOML a name that no service has is an error; units may name what is not here, and
/// themselves: those names are taken out. Who waits for himself, over others or not, is an error. Requires services sorted by name.
void link_services(std::vector<Service>& services, const std::function<bool(const Service&)>& is_unit, Report& report);

} // namespace swathe
