#pragma once

#include "process/child.h"
#include "process/spawn_plan.h"
#include "process/spawn_step.h"

namespace swathe {

/// Starts the child: its own session, default signal handlers and empty mask, no descriptor but 0, 1, 2 and the passed ones.
/// Returns after its exec succeeded or a step failed; then nothing is left of it. The child shares the daemon's memory until its
/// exec (clone3 with CLONE_VM), so the cost does not grow with the daemon. CLONE_VFORK would let a stranger of the service's
/// own user stop the daemon for good: by a SIGSTOP to the child between its setuid and its exec.
[[nodiscard]] tl::expected<Child, SpawnError> spawn(const SpawnPlan& plan);

} // namespace swathe
