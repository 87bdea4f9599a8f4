#pragma once

#include "process/spawn_plan.h"

namespace swathe {

/// How a process shares processors and disks: systemd.exec(5), Nice= and CPUSchedulingPolicy= to IOSchedulingPriority=.
void plan_scheduling(const ExecContext& context, SpawnPlan& plan);

} // namespace swathe
