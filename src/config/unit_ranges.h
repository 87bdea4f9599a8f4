#pragma once

#include "config/report.h"
#include "config/socket_unit.h"

namespace swathe {

/// Gives the Listen= ranges of [X-Swathe] to the Listen lines that they are for; one for a protocol that has no line becomes a line of its
/// own. Reports ranges of which it is not clear whose they are; returns false then.
bool widen_lines(SocketUnit& socket, Report& report);

} // namespace swathe
