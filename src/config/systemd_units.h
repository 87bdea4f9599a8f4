#pragma once

#include "config/loader.h"
#include "config/report.h"

#include <vector>

namespace swathe {

/// Reads what the socket units of systemd that have a section [X-Swathe] say in it, by themselves or in drop-ins, and makes a service
/// of each: `systemd` is set, its name is the unit's, and it has a listener for each protocol of the unit's IP sockets. Of systemd's own
/// sections only the Listen lines and the description are read. Units without that section are none of our business: what is wrong
/// in them is not told.
/// `directories` are systemd's, first wins; reported is all that is wrong, and left out is what it is wrong in.
[[nodiscard]] std::vector<Service> read_systemd_units(const std::vector<std::string>& directories, Report& report);

} // namespace swathe
