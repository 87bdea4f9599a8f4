#include "process/child_setup.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

// Everything here runs in the child, in the daemon's memory, while the daemon waits. Plain system calls: libc's setuid() would tell the
// daemon's threads to change, too (nptl(7)).

namespace swathe {
namespace {

constexpr int kFirstPassed = 3; // SD_LISTEN_FDS_START

[[noreturn]] void fail(ChildSetup& setup, SpawnStep step) noexcept {
    setup.failed_errno = errno;
    setup.failed_step = step;
    for (;;) (void)::syscall(SYS_exit_group, static_cast<int>(step));
}

void check(ChildSetup& setup, SpawnStep step, long result) noexcept {
    if (result < 0) fail(setup, step);
}

/// What the daemon ignores an exec would hand on; and a handler of the daemon must not run here.
void reset_signal_handlers() noexcept {
    constexpr int kLastSignal = 64;
    constexpr std::size_t kMaskBytes = 8;
    const long all_zero[8] = {}; // the kernel's struct sigaction: SIG_DFL, no flags, empty mask
    for (int number = 1; number <= kLastSignal; ++number)
        (void)::syscall(SYS_rt_sigaction, number, all_zero, nullptr, kMaskBytes); // refused for KILL and STOP alone
}

void empty_signal_mask() noexcept {
    const std::uint64_t none = 0;
    (void)::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

/// `from` becomes `to` as well, and `to` survives the exec.
long place(int from, int to) noexcept {
    return from == to ? ::syscall(SYS_fcntl, to, F_SETFD, 0) : ::syscall(SYS_dup3, from, to, 0);
}

/// No source may be overwritten before it was copied: those in the way move above all targets.
void move_out_of_the_way(ChildSetup& setup) noexcept {
    const int end = kFirstPassed + static_cast<int>(setup.fd_count);
    for (int i = 0; i < static_cast<int>(setup.fd_count); ++i) {
        int& fd = setup.fds[i].fd;
        if (fd >= end || fd == kFirstPassed + i) continue;
        fd = static_cast<int>(::syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, end));
        check(setup, SpawnStep::fds, fd);
    }
}

void set_up_stdio(ChildSetup& setup) noexcept {
    const auto null = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC));
    check(setup, SpawnStep::standard_input, null);
    check(setup, SpawnStep::standard_input, place(null, STDIN_FILENO));
    long stderr_ok = place(STDERR_FILENO, STDERR_FILENO);
    if (stderr_ok < 0 && errno == EBADF) stderr_ok = place(null, STDERR_FILENO); // the daemon has none
    check(setup, SpawnStep::standard_output, stderr_ok);
    check(setup, SpawnStep::standard_output, place(STDERR_FILENO, STDOUT_FILENO));
}

void make_blocking(ChildSetup& setup, int fd) noexcept {
    const long flags = ::syscall(SYS_fcntl, fd, F_GETFL);
    check(setup, SpawnStep::fds, flags);
    if ((flags & O_NONBLOCK) != 0) check(setup, SpawnStep::fds, ::syscall(SYS_fcntl, fd, F_SETFL, flags & ~O_NONBLOCK));
}

void place_passed_fds(ChildSetup& setup) noexcept {
    for (int i = 0; i < static_cast<int>(setup.fd_count); ++i) {
        const int target = kFirstPassed + i;
        check(setup, SpawnStep::fds, place(setup.fds[i].fd, target));
        if (setup.fds[i].is_socket) make_blocking(setup, target);
    }
}

/// Where close_range(2) is refused by a seccomp filter of a container.
void close_listed(ChildSetup& setup, int first) noexcept {
    struct Entry { // getdents64(2)
        std::uint64_t inode;
        std::int64_t offset;
        std::uint16_t size;
        std::uint8_t type;
        char name[1];
    };
    const auto directory = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    check(setup, SpawnStep::fds, directory);
    alignas(Entry) char buffer[2048];
    for (;;) { // entries stand in the order of their numbers, so that closing does not make the reading skip any
        const long length = ::syscall(SYS_getdents64, directory, buffer, sizeof buffer);
        check(setup, SpawnStep::fds, length);
        if (length == 0) return; // the directory closes at exec
        for (long at = 0; at < length;) {
            const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
            at += entry->size;
            int fd = 0;
            const char* digit = entry->name;
            while (*digit >= '0' && *digit <= '9') fd = fd * 10 + (*digit++ - '0');
            if (digit != entry->name && fd >= first && fd != directory) (void)::syscall(SYS_close, fd);
        }
    }
}

void set_up_fds(ChildSetup& setup) noexcept {
    move_out_of_the_way(setup);
    set_up_stdio(setup);
    place_passed_fds(setup);
    const int rest = kFirstPassed + static_cast<int>(setup.fd_count);
    if (::syscall(SYS_close_range, rest, ~0U, 0) < 0) close_listed(setup, rest);
}

/// Before descriptors change places: the group's is none of those that the child keeps.
void join_cgroup(ChildSetup& setup) noexcept {
    if (!setup.join_cgroup) return;
    const auto file = static_cast<int>(::syscall(SYS_openat, setup.cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC));
    check(setup, SpawnStep::cgroup, file);
    check(setup, SpawnStep::cgroup, ::syscall(SYS_write, file, "0", 1)); // whoever writes
    (void)::syscall(SYS_close, file);
}

/// Before the user changes: it may not lower the score, nor write to this file of a process that is not dumpable.
void set_oom_score(ChildSetup& setup) noexcept {
    if (setup.oom_score_adjust.empty()) return;
    const auto file = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    check(setup, SpawnStep::oom_score_adjust, file);
    check(setup, SpawnStep::oom_score_adjust, ::syscall(SYS_write, file, setup.oom_score_adjust.data(), setup.oom_score_adjust.size()));
    (void)::syscall(SYS_close, file);
}

void set_limits(ChildSetup& setup) noexcept {
    for (std::size_t resource = 0; resource < setup.limits->size(); ++resource) {
        const auto& limit = (*setup.limits)[resource];
        if (!limit) continue;
        setup.failed_limit = static_cast<int>(resource);
        check(setup, SpawnStep::limits, ::syscall(SYS_prlimit64, 0, resource, &*limit, nullptr));
    }
}

/// Group before user: the user may not be allowed to. Limits between them: the user may not raise them, and what it may
/// have counts from its first process on.
void set_up_credentials(ChildSetup& setup) noexcept {
    if (setup.set_groups) check(setup, SpawnStep::group, ::syscall(SYS_setgroups, setup.group_count, setup.groups));
    if (setup.set_gid) check(setup, SpawnStep::group, ::syscall(SYS_setresgid, setup.gid, setup.gid, setup.gid));
    set_limits(setup);
    if (setup.set_uid) check(setup, SpawnStep::user, ::syscall(SYS_setresuid, setup.uid, setup.uid, setup.uid));
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
    (void)::syscall(SYS_setsid); // a new process leads no group, so it cannot fail
    reset_signal_handlers();
    join_cgroup(setup);
    set_up_fds(setup);
    (void)::syscall(SYS_umask, setup.umask);
    set_oom_score(setup);
    if (setup.nice) check(setup, SpawnStep::nice, ::syscall(SYS_setpriority, PRIO_PROCESS, 0, *setup.nice));
    set_up_credentials(setup);
    if (setup.no_new_privileges) check(setup, SpawnStep::no_new_privileges, ::syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    const long entered = ::syscall(SYS_chdir, setup.working_directory); // as the user: root may not see into an NFS home
    check(setup, SpawnStep::chdir, entered != 0 && setup.working_directory_optional ? ::syscall(SYS_chdir, "/") : entered);
    if (setup.listen_pid != nullptr) write_decimal(setup.listen_pid, ::syscall(SYS_getpid));
    empty_signal_mask();
    (void)::syscall(SYS_execve, setup.path, setup.argv, setup.envp);
    fail(setup, SpawnStep::exec);
}

} // namespace swathe
