#pragma once

#include "base/error.h"

#include <string>
#include <sys/types.h>
#include <vector>

namespace swathe {

inline constexpr std::size_t kMostGroups = 65536; ///< NGROUPS_MAX

/// An entry of passwd(5).
struct User {
    std::string name, home, shell;
    uid_t uid = 0;
    gid_t gid = 0;
};

/// Both take a name or a number. Errors: no such entry, or it cannot be looked up.
[[nodiscard]] Result<User> look_up_user(const std::string& who);
[[nodiscard]] Result<gid_t> look_up_group(const std::string& which);

/// `gid` and the groups that the user is in; at most kMostGroups.
[[nodiscard]] Result<std::vector<gid_t>> groups_of(const User& user, gid_t gid);

} // namespace swathe
