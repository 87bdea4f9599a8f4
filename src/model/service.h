#pragma once

#include "base/clock.h"
#include "model/listener.h"
#include "model/resource_limits.h"

#include <cstdint>
#include <map>
#include <sys/types.h>
#include <utility>

namespace swathe {

enum class Activation : std::uint8_t { on_demand, eager };
enum class ServiceType : std::uint8_t { simple, exec, notify };

/// systemd.service(5), Restart=.
enum class RestartPolicy : std::uint8_t { no, always, on_success, on_failure, on_abnormal, on_abort, on_watchdog };

/// What happens when the start limit is hit.
enum class LimitAction : std::uint8_t {
    pause, ///< traffic no longer starts the service until the window has passed; the backlog is kept
    fail,  ///< systemd's: the listeners close and the service fails until it is started by hand
};

/// A command line, split into words. `argv` has at least one word.
struct Command {
    std::string path; ///< absolute, or a bare file name looked up in the search path (COMPAT 2.12)
    std::vector<std::string> argv;
    bool expand = false; ///< argv has variables to be replaced at the start: model/expand.h
    SourcePos pos;
};

/// A file with more environment variables, read at each start. systemd.exec(5), EnvironmentFile=.
struct EnvironmentFile {
    std::string path;      ///< absolute; may be a pattern of glob(7)
    bool optional = false; ///< "-" in front: if it cannot be read, the service starts without
    SourcePos pos;
};

/// What is supervised. Names, units and defaults are systemd's wherever systemd has them.
struct Service {
    std::string name; ///< the file's name without its ending
    std::string description;
    std::vector<Listener> listeners; ///< in file order, which is the order of LISTEN_FDS; never empty

    Activation activation = Activation::on_demand;
    ServiceType type = ServiceType::simple;
    Command exec_start;

    std::optional<Placed<std::string>> user;  ///< name or number; nothing = the daemon's own
    std::optional<Placed<std::string>> group; ///< name or number; nothing = the user's
    std::vector<Placed<std::string>> supplementary_groups; ///< names or numbers, besides those that the user is in
    std::vector<std::pair<std::string, std::string>> environment; ///< in order, later wins
    std::vector<EnvironmentFile> environment_files; ///< in order, later wins, and over `environment`
    std::optional<Placed<std::string>> working_directory; ///< absolute, or "~"; nothing = "/"
    bool working_directory_optional = false; ///< "-" in front: if it is not there, "/" is taken
    mode_t umask = 0022;
    ResourceLimits limits; ///< limit_...
    std::optional<int> nice; ///< -20 to 19; nothing = the daemon's own
    std::optional<int> oom_score_adjust; ///< -1000 to 1000; nothing = the daemon's own
    bool no_new_privileges = false;

    RestartPolicy restart = RestartPolicy::no;
    Duration restart_sec = std::chrono::milliseconds(100);
    std::uint32_t restart_steps = 0;               ///< 0 = constant delay
    std::optional<Duration> restart_max_delay_sec; ///< set if and only if restart_steps > 0
    Duration start_limit_interval_sec = std::chrono::seconds(10); ///< 0 = no limit
    std::uint32_t start_limit_burst = 5;                          ///< 0 = no limit
    LimitAction start_limit_hit = LimitAction::pause;
    Duration timeout_start_sec = std::chrono::seconds(90); ///< kInfinity = none
    Duration timeout_stop_sec = std::chrono::seconds(90);  ///< kInfinity = none

    SourcePos pos;                   ///< its file, without line
    std::vector<std::string> files;  ///< every file that was read for it, in order
};

} // namespace swathe
