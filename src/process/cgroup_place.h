#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace swathe {

/// Where this process's control group is seen: the directory below a mounted cgroup2 file system. `mountinfo` is the text of
/// /proc/self/mountinfo (proc_pid_mountinfo(5)), `cgroup` that of /proc/self/cgroup (cgroups(7)). Hybrid layouts, where version 2 has no
/// controllers and is mounted beside version 1, count. Errors: no such file system is mounted, or it does not show the group.
[[nodiscard]] Result<std::string> find_own_cgroup(std::string_view mountinfo, std::string_view cgroup);

/// The file name of a group for an instance of a service: "NAME.service", with "#N" before the ending for those after the first, which no
/// name of a service has. Never that of a file of the kernel's, at most NAME_MAX bytes, and another one for each name and number.
[[nodiscard]] std::string cgroup_name(std::string_view service, unsigned instance);

} // namespace swathe
