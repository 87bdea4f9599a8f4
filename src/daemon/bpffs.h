#pragma once

#include "base/error.h"

#include <string>

namespace swathe {

/// Sees to it that `path` is a BPF file system, where links can be pinned. True: it was not, and one has been mounted
/// there, mode 0700. Errors name the path.
[[nodiscard]] Result<bool> ensure_bpffs(const std::string& path);

} // namespace swathe
