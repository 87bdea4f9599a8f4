#include "process/child_steps.h"

#include <csignal>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>

namespace swathe {
namespace {

/// What the daemon ignores an exec would hand on; and a handler of the daemon must not run here.
void set_up_signal_handlers(const ChildSetup& setup) noexcept {
    constexpr int kLastSignal = 64;
    constexpr std::size_t kMaskBytes = 8;
    constexpr std::uint64_t kSigpipe = std::uint64_t{1} << (SIGPIPE - 1);
    const std::uint64_t ours = setup.handlers_cleared ? setup.ignored_signals : ~std::uint64_t{0};
    const std::uint64_t unwanted = setup.ignore_sigpipe ? ours & ~kSigpipe : ours;
    const long all_zero[8] = {}; // the kernel's struct sigaction: SIG_DFL, no flags, empty mask
    for (int number = 1; number <= kLastSignal; ++number)
        if ((unwanted >> (number - 1) & 1U) != 0)
            (void)::syscall(SYS_rt_sigaction, number, all_zero, nullptr, kMaskBytes); // refused for KILL and STOP alone
    if (!setup.ignore_sigpipe || (setup.ignored_signals & kSigpipe) != 0) return;
    const long ignored[8] = {1}; // SIG_IGN
    (void)::syscall(SYS_rt_sigaction, SIGPIPE, ignored, nullptr, kMaskBytes);
}

void empty_signal_mask() noexcept {
    const std::uint64_t none = 0;
    (void)::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

/// Before descriptors change places: the group's is none of those that the child keeps.
void join_cgroup(ChildSetup& setup) noexcept {
    if (!setup.join_cgroup) return;
    const auto file = static_cast<int>(::syscall(SYS_openat, setup.cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC));
    check(setup, SpawnStep::cgroup, file);
    check(setup, SpawnStep::cgroup, ::syscall(SYS_write, file, "0", 1)); // whoever writes
    (void)::syscall(SYS_close, file);
}

/// Nothing may be opened or closed before: it would be in the parent, too.
void leave_table_of_parent(ChildSetup& setup) noexcept {
    if (setup.table_end == 0) return;
    setup.keeps_table = ::syscall(SYS_close_range, setup.table_end, ~0U, CLOSE_RANGE_UNSHARE) < 0;
    if (setup.keeps_table) fail(setup, SpawnStep::fds);
}

void write_decimal(char* out, long number) noexcept {
    char digits[20];
    int count = 0;
    do digits[count++] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    while (count > 0) *out++ = digits[--count];
    *out = '\0';
}

} // namespace

int set_up_and_exec(void* argument) noexcept {
    auto& setup = *static_cast<ChildSetup*>(argument);
    setup.started = true;
    leave_table_of_parent(setup);
    (void)::syscall(SYS_setsid); // a new process leads no group, so it cannot fail
    set_up_signal_handlers(setup);
    join_cgroup(setup);
    (void)::syscall(SYS_umask, setup.umask); // counts for files that are made for output
    set_up_fds(setup);
    set_up_scheduling(setup);
    if (setup.sandbox.own_network) check(setup, SpawnStep::network, enter_own_network());
    if (setup.sandbox.own_hostname) {
        setup.failed_detail = kHostnameStep;
        check(setup, SpawnStep::name_space, enter_own_hostname());
    }
    if (setup.sandbox.own_mounts) {
        check(setup, SpawnStep::name_space, enter_own_mounts(setup.sandbox, setup.failed_detail));
        (void)::syscall(SYS_umask, setup.umask);
    }
    set_up_credentials(setup);
    if (setup.no_new_privileges) check(setup, SpawnStep::no_new_privileges, ::syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    const long entered = ::syscall(SYS_chdir, setup.working_directory); // as the user: root may not see into an NFS home
    check(setup, SpawnStep::chdir, entered != 0 && setup.working_directory_optional ? ::syscall(SYS_chdir, "/") : entered);
    for (char* const digits : setup.pid_digits)
        if (digits != nullptr) write_decimal(digits, ::syscall(SYS_getpid));
    empty_signal_mask();
    if (install_filters(setup.sandbox, setup.failed_detail) < 0)
        fail(setup, setup.failed_detail == setup.sandbox.address_family_filter ? SpawnStep::address_families : SpawnStep::seccomp);
    (void)::syscall(SYS_execve, setup.path, setup.argv, setup.envp);
    fail(setup, SpawnStep::exec);
}

} // namespace swathe
