#pragma once

#include "config/loader.h"
#include "config/report.h"
#include "config/texts.h"

#include <vector>

namespace swathe {

/// Reads what the socket units of systemd that have a section [X-Swathe] say in it, by themselves or in drop-ins, and makes a service
/// of each: `systemd` is set, its name is the unit's, and it has a listener for each protocol of the unit's IP sockets. Of systemd's own
/// sections only the Listen lines and the description are read. Units without that section are none of our business: what is wrong
/// in them is not told.
/// `directories` are systemd's, first wins; reported is all that is wrong, and left out is what it is wrong in.
/// `said`, unless null, gets what all of them say, be it right or wrong.
[[nodiscard]] std::vector<Service> read_systemd_units(const std::vector<std::string>& directories, Report& report,
                                                      std::vector<BesideText>* said = nullptr);

/// May the directive stand in [X-Swathe] of such a unit? Those about ranges and rates may, with the prefixes that are one source; all
/// others are about a service or a socket of ours.
[[nodiscard]] bool is_for_systemd_units(const Directive& directive) noexcept;

/// Its default there, as the manual says it.
[[nodiscard]] std::string_view default_beside_systemd(const Directive& directive) noexcept;

} // namespace swathe
