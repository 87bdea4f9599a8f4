#include "process/spawn.h"

#include "process/child_setup.h"
#include "process/invocation_id.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include <fmt/format.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace swathe {
namespace {

constexpr std::size_t kStackBytes = 64UL * 1024; // system calls only; the dynamic linker's first resolution takes the most
constexpr Duration kRound = std::chrono::milliseconds(20);

using SpawnResult = tl::expected<Child, SpawnError>;

tl::unexpected<SpawnError> spawn_failure(SpawnStep step, std::string message, int errno_value) {
    return tl::unexpected<SpawnError>(SpawnError{step, Error{std::move(message), errno_value, std::nullopt}});
}

/// No handler of the daemon may run in the child, which shares its memory. Raw, since libc leaves two signals of its own out.
class AllSignalsBlocked {
public:
    AllSignalsBlocked() noexcept { change(~std::uint64_t{0}, &old_); }
    ~AllSignalsBlocked() { change(old_, nullptr); }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

private:
    static void change(std::uint64_t mask, std::uint64_t* old) noexcept {
        (void)::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, old, sizeof mask);
    }
    std::uint64_t old_ = 0;
};

/// A child that changes its user makes the memory it shares undumpable, as it must: until its exec a stranger of that user could else
/// trace it. But the memory is the daemon's, whose core dumps are wanted again afterwards.
class KeepDumpable {
public:
    KeepDumpable() noexcept : was_(::prctl(PR_GET_DUMPABLE)) {}
    ~KeepDumpable() {
        if (was_ == 1) (void)::prctl(PR_SET_DUMPABLE, 1);
    }
    KeepDumpable(const KeepDumpable&) = delete;
    KeepDumpable& operator=(const KeepDumpable&) = delete;

private:
    int was_;
};

bool is_set(const std::vector<std::string>& env, std::string_view name) {
    return std::any_of(env.begin(), env.end(), [&](const std::string& entry) {
        return entry.size() > name.size() && entry[name.size()] == '=' && entry.compare(0, name.size(), name) == 0;
    });
}

bool is_fd_name(std::string_view name) {
    return name.size() <= kLongestFdName &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c < '\x7f' && c != ':'; });
}

/// Everything of a ChildSetup that needs memory.
struct Prepared {
    std::vector<std::string> env;
    std::string listen_pid;
    std::string oom_score_adjust;
    std::vector<char*> argv, envp;
    std::vector<InheritedFd> fds;
};

tl::expected<void, SpawnError> prepare_fds(const SpawnPlan& plan, Prepared& prepared) {
    for (const PassedFd& passed : plan.fds) {
        struct stat status {};
        if (::fstat(passed.fd, &status) != 0) return spawn_failure(SpawnStep::fds, "descriptor " + passed.name, errno);
        if (!is_fd_name(passed.name)) return spawn_failure(SpawnStep::fds, "not a name for a descriptor", EINVAL);
        prepared.fds.push_back({passed.fd, S_ISSOCK(status.st_mode)});
    }
    return {};
}

std::string joined_names(const std::vector<PassedFd>& fds) {
    std::string names;
    for (const PassedFd& passed : fds) {
        if (&passed != &fds.front()) names += ':';
        names += passed.name;
    }
    return names;
}

/// What the plan sets wins over what is generated here (systemd's order, COMPAT 2.13).
tl::expected<void, SpawnError> prepare_env(const SpawnPlan& plan, Prepared& prepared) {
    prepared.env = plan.env;
    const auto generate = [&](const char* name, const std::string& value) {
        if (!is_set(plan.env, name)) prepared.env.push_back(fmt::format("{}={}", name, value));
    };
    auto id = new_invocation_id();
    if (!id) return tl::unexpected<SpawnError>(SpawnError{SpawnStep::none, std::move(id).error()});
    generate("INVOCATION_ID", *id);
    if (plan.fds.empty()) return {};
    generate("LISTEN_FDS", std::to_string(plan.fds.size()));
    generate("LISTEN_FDNAMES", joined_names(plan.fds));
    if (!is_set(plan.env, "LISTEN_PID")) prepared.listen_pid = "LISTEN_PID=" + std::string(11, '\0');
    return {};
}

char* as_argument(const std::string& text) noexcept {
    return const_cast<char*>(text.c_str()); // execve(2) takes them as such and writes to none
}

tl::expected<void, SpawnError> prepare(const SpawnPlan& plan, Prepared& prepared) {
    if (auto ok = prepare_fds(plan, prepared); !ok) return ok;
    if (auto ok = prepare_env(plan, prepared); !ok) return ok;
    if (plan.oom_score_adjust) prepared.oom_score_adjust = std::to_string(*plan.oom_score_adjust);
    for (const std::string& word : plan.argv) prepared.argv.push_back(as_argument(word));
    for (const std::string& entry : prepared.env) prepared.envp.push_back(as_argument(entry));
    if (!prepared.listen_pid.empty()) prepared.envp.push_back(prepared.listen_pid.data());
    prepared.argv.push_back(nullptr);
    prepared.envp.push_back(nullptr);
    return {};
}

ChildSetup setup_of(const SpawnPlan& plan, Prepared& prepared) {
    ChildSetup setup;
    setup.path = plan.path.c_str();
    setup.argv = prepared.argv.data();
    setup.envp = prepared.envp.data();
    if (!prepared.listen_pid.empty()) setup.listen_pid = prepared.listen_pid.data() + std::strlen("LISTEN_PID=");
    setup.fds = prepared.fds.data();
    setup.fd_count = static_cast<unsigned>(prepared.fds.size());
    setup.set_groups = plan.groups.has_value();
    setup.set_gid = plan.gid.has_value();
    setup.set_uid = plan.uid.has_value();
    if (plan.groups) setup.groups = plan.groups->data();
    if (plan.groups) setup.group_count = plan.groups->size();
    setup.gid = plan.gid.value_or(0);
    setup.uid = plan.uid.value_or(0);
    setup.limits = &plan.limits;
    setup.oom_score_adjust = prepared.oom_score_adjust;
    setup.nice = plan.nice;
    setup.no_new_privileges = plan.no_new_privileges;
    setup.umask = plan.umask;
    setup.cgroup = plan.cgroup_fd;
    setup.working_directory = plan.working_directory.c_str();
    setup.working_directory_optional = plan.working_directory_optional;
    return setup;
}

/// Waits until the child has left our memory. Between its setuid and its exec the service's user may send it signals: a STOP is undone every
/// round. False: it took longer than `patience` and was killed. A child that not even KILL ends at once (uninterruptible) is waited for.
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

std::string bound(rlim_t value) { return value == RLIM_INFINITY ? "infinity" : std::to_string(value); }

std::string describe_limit(const SpawnPlan& plan, int resource) {
    const auto& limit = plan.limits.at(static_cast<std::size_t>(resource));
    for (const auto& [number, key] : kResourceLimitKeys)
        if (number == resource && limit) return fmt::format("{} of {}:{}", key, bound(limit->rlim_cur), bound(limit->rlim_max));
    return {};
}

std::string describe(const SpawnPlan& plan, SpawnStep step, int limit = 0) {
    switch (step) {
    case SpawnStep::none: return "clone";
    case SpawnStep::chdir: return "chdir " + plan.working_directory;
    case SpawnStep::nice: return fmt::format("nice {}", plan.nice.value_or(0));
    case SpawnStep::fds: return "passing descriptors";
    case SpawnStep::exec: return "exec " + plan.path;
    case SpawnStep::limits: return describe_limit(plan, limit);
    case SpawnStep::oom_score_adjust: return fmt::format("oom_score_adjust {}", plan.oom_score_adjust.value_or(0));
    case SpawnStep::standard_input: return "standard input";
    case SpawnStep::standard_output: return "standard output";
    case SpawnStep::group: return fmt::format("changing to group {}", plan.gid.value_or(0));
    case SpawnStep::cgroup: return "joining the control group";
    case SpawnStep::user: return fmt::format("changing to user {}", plan.uid.value_or(0));
    case SpawnStep::no_new_privileges: return "no_new_privileges";
    }
    return {};
}

SpawnResult launch(const SpawnPlan& plan, ChildSetup& setup) {
    alignas(64) char stack[kStackBytes]; // the child's; this frame outlives its use
    Launch launch{setup, stack, sizeof stack, plan.patience};
    bool in_time = true;
    {
        const KeepDumpable dumpable;
        const AllSignalsBlocked blocked;
        in_time = plan.oom_score_adjust ? launch_child_by_vfork(launch) : launch_child(launch);
    }
    if (launch.pid < 0) {
        const SpawnStep step = is_cgroup_error(plan, launch.error) ? SpawnStep::cgroup : SpawnStep::none;
        return spawn_failure(step, describe(plan, step), launch.error);
    }
    Child child{launch.pid, UniqueFd(launch.pidfd)};
    if (in_time && setup.failed_step == SpawnStep::none) return child;
    (void)reap(child); // it has said why
    if (setup.failed_step == SpawnStep::none) return spawn_failure(SpawnStep::exec, describe(plan, SpawnStep::exec), ETIMEDOUT);
    return spawn_failure(setup.failed_step, describe(plan, setup.failed_step, setup.failed_limit), setup.failed_errno);
}

/// Since Linux 6.14, and in stable kernels, fork compares how often the parent's group was killed (cgroup.kill) with how often the child's
/// was. A child that clone3(2) puts into a group with another number is killed before it runs (kernel/cgroup/cgroup.c,
/// cgroup_css_set_fork()), and so is every one of a group that had to be killed once.
bool was_killed_by_fork(const ChildSetup& setup) noexcept { return !setup.started && setup.cgroup >= 0 && !setup.join_cgroup; }

} // namespace

SpawnResult spawn(const SpawnPlan& plan) {
    Prepared prepared;
    if (auto ok = prepare(plan, prepared); !ok) return tl::unexpected<SpawnError>(std::move(ok).error());
    ChildSetup setup = setup_of(plan, prepared);
    SpawnResult child = launch(plan, setup);
    if (!child || !was_killed_by_fork(setup)) return child;
    (void)reap(*child);
    setup.join_cgroup = true;
    return launch(plan, setup);
}

const char* to_string(SpawnStep step) noexcept {
    switch (step) {
    case SpawnStep::none: return "";
    case SpawnStep::chdir: return "CHDIR";
    case SpawnStep::nice: return "NICE";
    case SpawnStep::fds: return "FDS";
    case SpawnStep::exec: return "EXEC";
    case SpawnStep::limits: return "LIMITS";
    case SpawnStep::oom_score_adjust: return "OOM_ADJUST";
    case SpawnStep::standard_input: return "STDIN";
    case SpawnStep::standard_output: return "STDOUT";
    case SpawnStep::group: return "GROUP";
    case SpawnStep::user: return "USER";
    case SpawnStep::cgroup: return "CGROUP";
    case SpawnStep::no_new_privileges: return "NO_NEW_PRIVILEGES";
    }
    return "";
}

} // namespace swathe
