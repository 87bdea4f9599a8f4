#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "model/resource_limits.h"
#include "process/child.h"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace swathe {

struct Command;
struct Service;

/// A step of a child's set-up, with the exit status that systemd gives its failure (systemd.exec(5), "Process exit codes").
enum class SpawnStep : int {
    none = 0,
    chdir = 200,
    nice = 201,
    fds = 202,
    exec = 203,
    limits = 205,
    oom_score_adjust = 206,
    standard_input = 208,
    standard_output = 209,
    group = 216,
    user = 217,
    cgroup = 219,
    no_new_privileges = 227,
};
[[nodiscard]] const char* to_string(SpawnStep step) noexcept; ///< "CHDIR", "EXEC", ...

/// A socket or file that the child inherits, with its name in LISTEN_FDNAMES. Borrowed. O_NONBLOCK is taken off sockets, as systemd
/// does (NonBlocking=no). The flag belongs to the open file description, so it is off in this process as well: whoever accepts
/// from such a socket here does it only after a poll, and puts the flag on again.
struct PassedFd {
    int fd = -1;
    std::string name;
};

/// All that a child needs, looked up and allocated before it exists.
struct SpawnPlan {
    std::string path;              ///< absolute
    std::vector<std::string> argv;
    std::vector<std::string> env;  ///< "K=V" without LISTEN_PID, which only the child knows
    std::vector<PassedFd> fds;     ///< become 3, 4, ...; LISTEN_FDS and LISTEN_FDNAMES are set from them, where `env` does not set them
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
    std::optional<std::vector<gid_t>> groups; ///< supplementary ones; nothing = the daemon's own
    std::string working_directory = "/";
    bool working_directory_optional = false; ///< "/" if it cannot be entered
    mode_t umask = 0022;
    ResourceLimits limits;
    std::optional<int> nice;
    std::optional<int> oom_score_adjust;
    bool no_new_privileges = false;
    int cgroup_fd = -1; ///< Cgroup::fd(): it begins in this control group; -1 = in the daemon's own. Borrowed.
    std::vector<std::string> warnings; ///< what was left out, for the log
    Duration patience = std::chrono::seconds(5); ///< a child that has not got to its exec by then is killed, since the daemon waits for it
    // standard input is /dev/null; standard output and error are the daemon's stderr
};

inline constexpr const char* kSearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"; ///< systemd's, for PATH and bare file names
inline constexpr std::size_t kMostGroups = 65536;       ///< NGROUPS_MAX
inline constexpr std::size_t kLongestFdName = 255;      ///< sd_listen_fds_with_names(3), FileDescriptorName=

/// What differs from one start of a command to the next.
struct RunFacts {
    std::string notify_path;                                    ///< $NOTIFY_SOCKET, for services that may notify
    std::vector<std::pair<std::string, std::string>> variables; ///< generated ones: MAINPID, WATCHDOG_USEC, SERVICE_RESULT, ...
};

/// Looks up what `service` and `command` name on this machine: program, user, groups, home; reads environment files; fills all but
/// `fds`. `key` is the one that has the command, for errors, which carry its place. Used by `check`, too.
[[nodiscard]] Result<SpawnPlan> plan_spawn(const Service& service, const Command& command, std::string_view key, const RunFacts& facts);

/// What else a start would refuse, for `check`: the working directory is looked at by the child alone, since a dead network file
/// system must not hang the daemon.
[[nodiscard]] Status check_plan(const SpawnPlan& plan, const Service& service);

/// All that plan_spawn() would refuse, not only the first: program, user and group.
[[nodiscard]] Diagnostics check_service(const Service& service);

/// Raises this process's soft limit of descriptors to the hard one: a socket for each listener counts. Children without limit_nofile
/// get the old one back, since programs that use select(2) or close all descriptors up to the limit rely on it being small.
void raise_descriptor_limit() noexcept;

/// Why no child came to be.
struct SpawnError {
    SpawnStep step = SpawnStep::none; ///< none: clone itself failed
    Error error;
};

/// Starts the child: its own session, default signal handlers and empty mask, no descriptor but 0, 1, 2 and the passed ones.
/// Returns after its exec succeeded or a step failed; then nothing is left of it. The child shares the daemon's memory until its
/// exec (clone3 with CLONE_VM), so the cost does not grow with the daemon. CLONE_VFORK would let a stranger of the service's
/// own user stop the daemon for good: by a SIGSTOP to the child between its setuid and its exec.
[[nodiscard]] tl::expected<Child, SpawnError> spawn(const SpawnPlan& plan);

} // namespace swathe
