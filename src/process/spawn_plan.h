#pragma once

#include "base/clock.h"
#include "model/resource_limits.h"

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

} // namespace swathe
