#pragma once

#include "base/error.h"
#include "process/spawn_step.h"

#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace swathe {

struct ExecContext;

/// Below which directories those of services are. systemd.exec(5), RuntimeDirectory=, for the manager of the system.
struct BaseDirectories {
    std::string runtime = "/run", state = "/var/lib", cache = "/var/cache", logs = "/var/log", configuration = "/etc";
};

inline constexpr unsigned kDeepestTree = 64; ///< directories inside of each other that are given away or removed with an own directory

/// One of a service's own directories.
struct OwnDirectory {
    std::string base; ///< is there
    std::string name; ///< relative to it
    mode_t mode = 0755;
    uid_t uid = 0;
    gid_t gid = 0;
    bool keeps_owner = false; ///< made or not, it stays whose it is: configuration_directory
    SpawnStep step = SpawnStep::none; ///< which a failure is of
};

/// All of them, in the order in which they are made; they will be of `uid` and `gid`.
[[nodiscard]] std::vector<OwnDirectory> own_directories_of(const ExecContext& context, uid_t uid, gid_t gid, const BaseDirectories& bases);

/// RUNTIME_DIRECTORY and its kin, for those that the service has: absolute paths with ":" between them.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> directory_variables(const ExecContext& context,
                                                                                   const BaseDirectories& bases);

/// Makes it, its parents as root's with mode 0755, and sees to owner and mode of the last one. Where that had another owner, so have what
/// is in it and was that owner's: it is given away, too. No symbolic link below `base` is followed.
[[nodiscard]] Status make_directory(const OwnDirectory& directory);

/// Removes the runtime directories of a service that has ended, with all that is in them, as far as runtime_directory_preserve wants it;
/// `restarts`: it is about to start again. No symbolic link below the base is followed, no mount point entered. Goes on after an error and
/// returns the first. One that is not there is none.
[[nodiscard]] Status remove_runtime_directories(const ExecContext& context, bool restarts, const BaseDirectories& bases = {});

} // namespace swathe
