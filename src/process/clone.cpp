#include "process/child_setup.h"

#include <cerrno>
#include <csignal>

#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace swathe {
namespace {

/// Raw, since libc leaves two signals of its own out.
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

constexpr int kFlags = CLONE_VM | CLONE_PIDFD | CLONE_CHILD_CLEARTID;

#if defined(__x86_64__)
/// clone3(2) with a stack of its own cannot return into C: the child has no frame to return to, so it calls from here.
long clone3_and_call(clone_args& args, int (*entry)(void*) noexcept, void* argument) noexcept {
    long result = SYS_clone3;
    asm volatile("syscall\n\t"
                 "test %%rax, %%rax\n\t"
                 "jnz 1f\n\t"
                 "mov %[argument], %%rdi\n\t"
                 "call *%[entry]\n\t"
                 "ud2\n"
                 "1:"
                 : "+a"(result)
                 : "D"(&args), "S"(sizeof args), [entry] "r"(entry), [argument] "r"(argument)
                 : "rcx", "r11", "memory", "cc");
    return result;
}

pid_t by_clone3(ChildSetup& setup, void* stack, std::size_t stack_bytes, std::atomic<std::uint32_t>& busy, int& pidfd, int flags) noexcept {
    clone_args args{};
    args.flags = static_cast<unsigned>(flags) | CLONE_CLEAR_SIGHAND;
    setup.handlers_cleared = true;
    args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
    args.child_tid = reinterpret_cast<std::uintptr_t>(&busy);
    args.exit_signal = SIGCHLD;
    args.stack = reinterpret_cast<std::uintptr_t>(stack);
    args.stack_size = stack_bytes;
    if (setup.cgroup >= 0 && !setup.join_cgroup) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = static_cast<std::uint64_t>(setup.cgroup);
    }
    const long pid = clone3_and_call(args, &set_up_and_exec, &setup);
    if (pid >= 0) return static_cast<pid_t>(pid);
    errno = static_cast<int>(-pid);
    return -1;
}
#else
pid_t by_clone3(ChildSetup&, void*, std::size_t, std::atomic<std::uint32_t>&, int&, int) noexcept {
    errno = ENOSYS;
    return -1;
}
#endif

} // namespace

pid_t clone_into_setup(ChildSetup& setup, void* stack, std::size_t stack_bytes, std::atomic<std::uint32_t>& busy, int& pidfd,
                       bool vfork) noexcept {
    const int flags = kFlags | (vfork ? CLONE_VFORK : 0);
    const pid_t pid = by_clone3(setup, stack, stack_bytes, busy, pidfd, flags | (setup.table_end > 0 ? CLONE_FILES : 0));
    if (pid >= 0 || errno != ENOSYS) return pid;
    // Another architecture, or a container whose seccomp filter does not know clone3.
    setup.join_cgroup = setup.cgroup >= 0;
    setup.table_end = 0; // that group's descriptor may stand anywhere
    setup.handlers_cleared = false;
    const AllSignalsBlocked blocked; // and so they are in the child, until it has no handler of ours any more
    void* const top = static_cast<char*>(stack) + stack_bytes;
    return ::clone(&set_up_and_exec, top, flags | SIGCHLD, &setup, &pidfd, nullptr, &busy);
}

} // namespace swathe
