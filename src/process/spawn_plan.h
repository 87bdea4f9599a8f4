#pragma once

#include "base/clock.h"
#include "model/exec_context.h"
#include "process/own_directories.h"
#include "process/sandbox.h"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace swathe {

inline constexpr std::size_t kLongestFdName = 255; ///< sd_listen_fds_with_names(3), FileDescriptorName=

/// A socket or file that the child inherits, with its name in LISTEN_FDNAMES. Borrowed. O_NONBLOCK is taken off sockets, as systemd
/// does (NonBlocking=no). The flag belongs to the open file description, so it is off in this process as well: whoever accepts
/// from such a socket here does it only after a poll, and puts the flag on again.
struct PassedFd {
    int fd = -1;
    std::string name;
    bool in_use = false; ///< by another process that may rely on its O_NONBLOCK, which is left as it is
    bool is_connection = false; ///< a socket that is known to be there, and is nobody else's
};

/// Where one of a child's standard streams comes from.
struct StreamSource {
    enum class Kind : std::uint8_t {
        null,   ///< /dev/null
        log,    ///< what the caller says: SpawnPlan::output_fd, error_fd
        path,   ///< `target`, opened by the child before its user and its root change, as systemd does
        socket, ///< the one passed descriptor, which is a socket and passed no other way: without LISTEN_FDS and its kin
        named,  ///< the passed descriptor that is named `target`, which is passed as ever, too
        input,  ///< as standard input
        output, ///< as standard output
    };
    Kind kind = Kind::null;
    std::string target;
    int flags = 0; ///< open(2), for `path`
};

/// All that a child needs, looked up and allocated before it exists.
struct SpawnPlan {
    std::string path;              ///< absolute, below `root_directory`
    std::vector<std::string> argv;
    std::vector<std::string> env;  ///< "K=V" without those that spawn() generates, which it does where `env` does not set them:
                                   ///< INVOCATION_ID, SYSTEMD_EXEC_PID; with `fds` LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID
    std::vector<std::string> unset_environment; ///< names and assignments that are not to be generated either
    std::vector<PassedFd> fds;     ///< become 3, 4, ...
    bool non_blocking = false;     ///< sockets among them get O_NONBLOCK, instead of losing it
    StreamSource input, output{StreamSource::Kind::log, {}, 0}, error{StreamSource::Kind::output, {}, 0};
    int output_fd = -1, error_fd = -1; ///< borrowed; where `output` and `error` go if they are the log. -1 = the daemon's standard error
    std::vector<OwnDirectory> directories; ///< are made before the child is
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
    std::optional<std::vector<gid_t>> groups; ///< supplementary ones; nothing = the daemon's own
    std::string root_directory;               ///< "" = the daemon's own
    std::string working_directory = "/";      ///< below `root_directory`
    bool working_directory_optional = false; ///< "/" if it cannot be entered
    mode_t umask = 0022;
    ResourceLimits limits;
    std::optional<int> nice;
    std::optional<int> oom_score_adjust;
    std::optional<int> cpu_policy; ///< SCHED_...
    int cpu_priority = 0;          ///< goes with `cpu_policy`
    bool cpu_reset_on_fork = false;
    std::vector<unsigned> cpu_affinity; ///< empty = as the daemon
    std::optional<int> io_priority;     ///< ioprio_set(2): class and level
    bool ignore_sigpipe = false;
    std::optional<CapabilitySet> capability_bounding_set; ///< nothing = the daemon's own
    CapabilitySet ambient_capabilities = 0;
    bool no_new_privileges = false;
    int cgroup_fd = -1; ///< Cgroup::fd(): it begins in this control group; -1 = in the daemon's own. Borrowed.
    SandboxPlan sandbox;
    std::vector<std::string> warnings; ///< what was left out, for the log
    Duration patience = std::chrono::seconds(5); ///< a child that has not got to its exec by then is killed, since the daemon waits for it
};

/// Is a standard stream of it the one passed descriptor?
[[nodiscard]] bool takes_socket(const SpawnPlan& plan) noexcept;

} // namespace swathe
