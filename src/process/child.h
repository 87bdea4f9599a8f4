#pragma once

#include "base/error.h"
#include "base/unique_fd.h"
#include "process/exit.h"

#include <sys/types.h>

namespace swathe {

/// A running child, leader of its own session and process group. Signals go through the pidfd, so never to a stranger with a
/// recycled pid.
struct Child {
    pid_t pid = 0;
    UniqueFd pidfd;

    /// To its whole process group: what KillMode=control-group does, as far as it can be done without a cgroup. Whoever left the group
    /// (setsid: a session of sshd, say) is left alone. A child that is gone is no error.
    [[nodiscard]] Status signal(int number) const;
};

/// Waits for the end of `child` and reaps it. Errors: it is no child of this process, or reaped already (ECHILD).
[[nodiscard]] Result<Exit> reap(const Child& child);

} // namespace swathe
