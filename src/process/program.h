#pragma once

#include "base/error.h"

#include <string>
#include <sys/stat.h>

namespace swathe {

inline constexpr const char* kSearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"; ///< systemd's, for PATH and bare file names

/// The executable file that a command names: an absolute path, or a bare name in kSearchPath (COMPAT 2.12). It is looked for, and its path
/// is, below `root`; "" = our own root.
[[nodiscard]] Result<std::string> find_program(const std::string& path, const std::string& root);

/// stat(2) of the absolute `path` as it is to a process with the root directory `root`, "" = ours. -1 with errno.
[[nodiscard]] int stat_below(const std::string& root, const std::string& path, struct stat& out) noexcept;

} // namespace swathe
