#pragma once

#include "process/child_sandbox.h"
#include "process/spawn_plan.h"
#include "process/spawn_step.h"

#include <atomic>
#include <string_view>

namespace swathe {

/// A descriptor that becomes another one in the child.
struct InheritedFd {
    int fd = -1; ///< the child overwrites it
    bool is_socket = false;
    bool in_use = false; ///< its O_NONBLOCK is another process's, too
};

/// Where a standard stream comes from.
struct StreamSetup {
    enum class From : std::uint8_t { null, path, fd, daemon, input, output }; ///< daemon: its standard error, or null if it has none
    From from = From::null;
    const char* path = nullptr;
    int flags = 0;  ///< of open(2), for `path`
    InheritedFd fd; ///< as for those from 3
};

/// All that the child reads, and where it writes what went wrong: plain memory of the parent, which the child shares until its exec.
struct ChildSetup {
    const char* path = nullptr;
    char* const* argv = nullptr;
    char* const* envp = nullptr;
    char* pid_digits[3] = {};      ///< where the digits of its pid go, room for 11 bytes; or nullptr
    StreamSetup streams[3];        ///< standard input, output, error
    InheritedFd* fds = nullptr;
    unsigned fd_count = 0;
    int table_end = 0; ///< the table of descriptors is the parent's, too: of it the child keeps what stands below; 0 = it has its own
    bool non_blocking = false; ///< the sockets among them
    const gid_t* groups = nullptr; ///< used if set_groups
    std::size_t group_count = 0;
    bool set_groups = false, set_gid = false, set_uid = false;
    gid_t gid = 0;
    uid_t uid = 0;
    const ResourceLimits* limits = nullptr;
    std::string_view oom_score_adjust; ///< digits; empty = as it is
    std::optional<int> nice, cpu_policy, io_priority;
    int cpu_priority = 0;
    bool cpu_reset_on_fork = false;
    const unsigned long* cpu_mask = nullptr; ///< sched_setaffinity(2)
    std::size_t cpu_mask_bytes = 0;
    bool ignore_sigpipe = false;
    std::uint64_t ignored_signals = ~std::uint64_t{0}; ///< bit N - 1 for signal N: by the parent
    bool handlers_cleared = false; ///< by clone3(2): only what is ignored is left to be set
    std::optional<CapabilitySet> bounding_set;
    CapabilitySet ambient_set = 0;
    bool no_new_privileges = false;
    SandboxSetup sandbox;
    mode_t umask = 0022;
    int cgroup = -1;          ///< directory of the control group; -1 = the parent's
    bool join_cgroup = false; ///< it has to go there itself: clone3(2) does not bring it there
    const char* root_directory = nullptr; ///< or nullptr
    const char* working_directory = nullptr;
    bool working_directory_optional = false;

    bool started = false; ///< it ran at all
    bool keeps_table = false; ///< it could not leave the parent's table of descriptors
    SpawnStep failed_step = SpawnStep::none;
    int failed_errno = 0;
    int failed_detail = 0; ///< describe() knows what it says
};

/// Runs in the child: sets everything up and execs. Never returns. Only system calls, no allocation, no lock, no libc state: the
/// memory it runs in is the daemon's.
int set_up_and_exec(void* setup) noexcept;

/// Starts a process that runs set_up_and_exec(`setup`) on `stack`, in this process's memory. No handler of ours can run there. `busy` must
/// be 1; the kernel makes it 0 and wakes its futex when the child has left this memory, by exec or exit. Until then `setup`,
/// `stack` and `busy` must stay. With `vfork` the calling thread stands still until then, whatever happens to the child.
/// Returns the pid, or -1 with errno.
pid_t clone_into_setup(ChildSetup& setup, void* stack, std::size_t stack_bytes, std::atomic<std::uint32_t>& busy, int& pidfd,
                       bool vfork = false) noexcept;

} // namespace swathe
