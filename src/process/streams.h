#pragma once

#include "process/spawn_plan.h"

namespace swathe {

/// Where the standard streams of a process come from, as systemd decides it (systemd.exec(5), StandardInput= to StandardError=):
/// output that is unset goes where input comes from if that is a socket, else to the log; error that is unset goes where output goes.
void plan_streams(const ExecContext& context, SpawnPlan& plan);

} // namespace swathe
