#include "process/spawn.h"

#include "process/low_descriptors.h"
#include "process/preparation.h"

#include <cerrno>
#include <csignal>

#include <linux/futex.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace swathe {
namespace {

constexpr std::size_t kStackBytes = 64UL * 1024; // system calls only; the dynamic linker's first resolution takes the most
constexpr Duration kRound = std::chrono::milliseconds(20);

/// A child that changes its user makes the memory it shares undumpable, as it must: until its exec a stranger of that user could else
/// trace it. But the memory is the daemon's, whose core dumps are wanted again afterwards.
class KeepDumpable {
public:
    explicit KeepDumpable(const ChildSetup& setup) noexcept
        : was_(setup.set_uid || setup.set_gid ? ::prctl(PR_GET_DUMPABLE) : 0) {}
    ~KeepDumpable() {
        if (was_ == 1) (void)::prctl(PR_SET_DUMPABLE, 1);
    }
    KeepDumpable(const KeepDumpable&) = delete;
    KeepDumpable& operator=(const KeepDumpable&) = delete;

private:
    int was_;
};

/// Waits until the child has left our memory. Between its setuid and its exec the service's user may send it signals: a STOP is undone
/// every round. False: it took longer than `patience` and was killed. A child that not even KILL ends at once (uninterruptible) is waited
/// for.
bool wait_for_exec(const std::atomic<std::uint32_t>& busy, int& pidfd, Duration patience) noexcept {
    const timespec round{0, std::chrono::nanoseconds(kRound).count()};
    const Monotonic deadline = later(now(), patience);
    bool killed = false;
    while (busy.load(std::memory_order_acquire) != 0) {
        (void)::syscall(SYS_futex, &busy, FUTEX_WAIT, 1, &round, nullptr, 0); // not PRIVATE: the kernel's wake is not either
        if (busy.load(std::memory_order_acquire) == 0) break;
        killed = killed || now() >= deadline;
        (void)::syscall(SYS_pidfd_send_signal, std::atomic_ref<int>(pidfd).load(), killed ? SIGKILL : SIGCONT, nullptr, 0);
    }
    return !killed;
}

/// A child on its way to its exec.
struct Launch {
    ChildSetup& setup;
    void* stack;
    std::size_t stack_bytes;
    Duration patience;
    std::atomic<std::uint32_t> busy = 1;
    int pidfd = -1; ///< the kernel sets it before the child runs
    pid_t pid = -1;
    int error = 0;  ///< errno, if pid is -1
};

void clone_child(Launch& launch, bool vfork) noexcept {
    launch.pid = clone_into_setup(launch.setup, launch.stack, launch.stack_bytes, launch.busy, launch.pidfd, vfork);
    if (launch.pid >= 0) return;
    launch.error = errno;
    launch.busy.store(0, std::memory_order_release);
}

/// False: it took longer than `patience` and was killed.
bool launch_child(Launch& launch) noexcept {
    clone_child(launch, false);
    return wait_for_exec(launch.busy, launch.pidfd, launch.patience);
}

/// The kernel gives an OOM score to all processes that share the memory, and so to the daemon, except by a vfork (fs/proc/base.c,
/// __set_oom_adj()). One thread stands still for that; this one can still wake or kill the child.
bool launch_child_by_vfork(Launch& launch) noexcept {
    const auto run = [](void* argument) -> void* {
        clone_child(*static_cast<Launch*>(argument), true);
        return nullptr;
    };
    pthread_t thread{};
    launch.error = ::pthread_create(&thread, nullptr, run, &launch);
    if (launch.error != 0) return true;
    const bool in_time = wait_for_exec(launch.busy, launch.pidfd, launch.patience);
    (void)::pthread_join(thread, nullptr);
    return in_time;
}

/// Is it the group that takes no process: has it enabled controllers for groups below, is it threaded, gone or another's? Of the errors in
/// clone(2) these two are the others'.
bool is_cgroup_error(const SpawnPlan& plan, int error) noexcept { return plan.cgroup_fd >= 0 && error != EAGAIN && error != ENOMEM; }

tl::expected<Child, SpawnError> launch(const SpawnPlan& plan, ChildSetup& setup) {
    alignas(64) char stack[kStackBytes]; // the child's; this frame outlives its use
    Launch launch{setup, stack, sizeof stack, plan.patience};
    bool in_time = true;
    {
        const KeepDumpable dumpable(setup);
        in_time = plan.oom_score_adjust ? launch_child_by_vfork(launch) : launch_child(launch);
    }
    if (launch.pid < 0) {
        const SpawnStep step = is_cgroup_error(plan, launch.error) ? SpawnStep::cgroup : SpawnStep::none;
        return spawn_failure(step, describe(plan, step, 0), launch.error);
    }
    Child child{launch.pid, UniqueFd(launch.pidfd)};
    if (in_time && setup.failed_step == SpawnStep::none) return child;
    (void)reap(child); // it has said why
    if (setup.failed_step == SpawnStep::none) return spawn_failure(SpawnStep::exec, describe(plan, SpawnStep::exec, 0), ETIMEDOUT);
    return spawn_failure(setup.failed_step, describe(plan, setup.failed_step, setup.failed_detail), setup.failed_errno);
}

/// Since Linux 6.14, and in stable kernels, fork compares how often the parent's group was killed (cgroup.kill) with how often the child's
/// was. A child that clone3(2) puts into a group with another number is killed before it runs (kernel/cgroup/cgroup.c,
/// cgroup_css_set_fork()), and so is every one of a group that had to be killed once.
bool was_killed_by_fork(const ChildSetup& setup) noexcept { return !setup.started && setup.cgroup >= 0 && !setup.join_cgroup; }

/// Until a child says no: since Linux 5.9 it can, but for the seccomp filter of a container.
std::atomic<bool>& can_leave_table() noexcept {
    static std::atomic<bool> can = true;
    return can;
}

/// The child shares our table of descriptors until its first step: to copy one with ten thousand of them would take longer than all else.
/// What it needs has low numbers then. What another thread opens meanwhile is closed in the child as all else is.
void share_table(ChildSetup& setup, LoweredFds& lowered) noexcept {
    if (!can_leave_table().load(std::memory_order_relaxed)) return;
    for (unsigned i = 0; i < setup.fd_count; ++i) setup.fds[i].fd = lowered.lower(setup.fds[i].fd);
    for (StreamSetup& stream : setup.streams)
        if (stream.from == StreamSetup::From::fd) stream.fd.fd = lowered.lower(stream.fd.fd);
    setup.table_end = lowered.end();
}

void own_table(ChildSetup& setup) noexcept {
    setup.table_end = 0;
    setup.keeps_table = false;
    setup.failed_step = SpawnStep::none;
}

/// Of a child that failed: was that all? Others are not to try if it was no want of memory.
bool failed_to_leave_table(const ChildSetup& setup) noexcept {
    if (!setup.keeps_table) return false;
    if (setup.failed_errno != ENOMEM) can_leave_table().store(false, std::memory_order_relaxed);
    return true;
}

} // namespace

tl::expected<Child, SpawnError> spawn(const SpawnPlan& plan) {
    Prepared prepared;
    if (auto ok = prepare(plan, prepared); !ok) return tl::unexpected<SpawnError>(std::move(ok).error());
    ChildSetup setup = setup_of(plan, prepared);
    LoweredFds lowered;
    share_table(setup, lowered);
    auto child = launch(plan, setup);
    if (!child && failed_to_leave_table(setup)) {
        own_table(setup);
        child = launch(plan, setup);
    }
    if (!child || !was_killed_by_fork(setup)) return child;
    (void)reap(*child);
    own_table(setup); // the group's descriptor may stand anywhere
    setup.join_cgroup = true;
    return launch(plan, setup);
}

} // namespace swathe
