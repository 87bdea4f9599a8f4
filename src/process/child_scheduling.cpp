#include "process/child_steps.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>

namespace swathe {
namespace {

constexpr int kThisProcess = 1; // IOPRIO_WHO_PROCESS, of ioprio_set(2)

/// Before the user changes: it may not lower the score, nor write to this file of a process that is not dumpable.
void set_oom_score(ChildSetup& setup) noexcept {
    if (setup.oom_score_adjust.empty()) return;
    const auto file = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    check(setup, SpawnStep::oom_score_adjust, file);
    check(setup, SpawnStep::oom_score_adjust, ::syscall(SYS_write, file, setup.oom_score_adjust.data(), setup.oom_score_adjust.size()));
    (void)::syscall(SYS_close, file);
}

} // namespace

/// All before the user changes, who may be allowed less.
void set_up_scheduling(ChildSetup& setup) noexcept {
    set_oom_score(setup);
    if (setup.nice) check(setup, SpawnStep::nice, ::syscall(SYS_setpriority, PRIO_PROCESS, 0, *setup.nice));
    if (setup.io_priority) check(setup, SpawnStep::io_scheduling, ::syscall(SYS_ioprio_set, kThisProcess, 0, *setup.io_priority));
    if (setup.cpu_mask != nullptr)
        check(setup, SpawnStep::cpu_affinity, ::syscall(SYS_sched_setaffinity, 0, setup.cpu_mask_bytes, setup.cpu_mask));
    if (!setup.cpu_policy && !setup.cpu_reset_on_fork) return;
    long policy = setup.cpu_policy.value_or(0);
    int priority = setup.cpu_priority; // all that struct sched_param has
    if (!setup.cpu_policy) {
        check(setup, SpawnStep::cpu_scheduling, policy = ::syscall(SYS_sched_getscheduler, 0));
        check(setup, SpawnStep::cpu_scheduling, ::syscall(SYS_sched_getparam, 0, &priority));
    }
    if (setup.cpu_reset_on_fork) policy |= SCHED_RESET_ON_FORK;
    check(setup, SpawnStep::cpu_scheduling, ::syscall(SYS_sched_setscheduler, 0, policy, &priority));
}

} // namespace swathe
