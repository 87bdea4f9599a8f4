#pragma once

#include "process/child_setup.h"

#include <cerrno>

#include <sys/syscall.h>

/// The steps of a child's set-up, for the files that have them. They run in the child, in the daemon's memory, while the daemon waits:
/// plain system calls, no libc state. libc's setuid() would tell the daemon's threads to change, too (nptl(7)).
namespace swathe {

/// Says why with errno, and ends the child.
[[noreturn]] inline void fail(ChildSetup& setup, SpawnStep step) noexcept {
    setup.failed_errno = errno;
    setup.failed_step = step;
    for (;;) (void)::syscall(SYS_exit_group, static_cast<int>(step));
}

inline void check(ChildSetup& setup, SpawnStep step, long result) noexcept {
    if (result < 0) fail(setup, step);
}

/// Standard streams and passed descriptors are in place, all others closed.
void set_up_fds(ChildSetup& setup) noexcept;

/// Nice value, processors, disks, OOM score.
void set_up_scheduling(ChildSetup& setup) noexcept;

/// Groups, root directory, limits, capabilities, user.
void set_up_credentials(ChildSetup& setup) noexcept;

} // namespace swathe
