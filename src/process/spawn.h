#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

#include <optional>
#include <string>
#include <sys/resource.h>
#include <sys/types.h>
#include <vector>

namespace swathe {

struct Service;

/// A step of a child's set-up, with the exit status that systemd gives its failure (systemd.exec(5), "Process exit codes").
enum class SpawnStep : int { none = 0, chdir = 200, fds = 202, exec = 203, limits = 205, stdio = 209, group = 216, user = 217 };
[[nodiscard]] const char* to_string(SpawnStep step) noexcept; ///< "CHDIR", "EXEC", ...

/// A socket or file that the child inherits, with its name in LISTEN_FDNAMES. Borrowed.
struct PassedFd {
    int fd = -1;
    std::string name;
};

/// All that a child needs, looked up and allocated before it exists.
struct SpawnPlan {
    std::string path;              ///< absolute
    std::vector<std::string> argv;
    std::vector<std::string> env;  ///< "K=V" without LISTEN_PID, which only the child knows
    std::vector<PassedFd> fds;     ///< become 3, 4, ...; LISTEN_FDS and LISTEN_FDNAMES are set from them
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
    std::optional<std::vector<gid_t>> groups; ///< set whenever uid is
    std::string working_directory = "/";
    mode_t umask = 0022;
    std::optional<rlimit> nofile;
    // standard input is /dev/null; standard output and error are the daemon's stderr
};

/// Looks up what `service` names on this machine: program, user, group, home. `notify_path`: for type = notify.
/// Errors name the key and carry its place. Used by `check`, too.
[[nodiscard]] Result<SpawnPlan> plan_spawn(const Service& service, const std::string& notify_path);

/// A running child. Signals go through the pidfd, so never to a stranger with a recycled pid.
struct Child {
    pid_t pid = 0;
    UniqueFd pidfd;

    [[nodiscard]] Status signal(int number) const; ///< to its process group as well; a child that is gone is no error
};

/// Why no child came to be.
struct SpawnError {
    SpawnStep step = SpawnStep::none; ///< none: clone itself failed
    Error error;
};

/// Starts the child: clone3 with CLONE_VM | CLONE_VFORK | CLONE_PIDFD, its own session, default signal handlers and empty mask,
/// no descriptor but 0, 1, 2 and the passed ones. Returns after its exec succeeded or a step failed.
[[nodiscard]] tl::expected<Child, SpawnError> spawn(const SpawnPlan& plan);

} // namespace swathe
