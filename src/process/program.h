#pragma once

#include "base/error.h"

#include <string>

namespace swathe {

inline constexpr const char* kSearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"; ///< systemd's, for PATH and bare file names

/// The executable file that a command names: an absolute path, or a bare name in kSearchPath (COMPAT 2.12).
[[nodiscard]] Result<std::string> find_program(const std::string& path);

} // namespace swathe
