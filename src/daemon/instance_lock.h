#pragma once

#include "base/unique_fd.h"
#include "socket/net_namespace.h"

namespace swathe {

/// At most one swathed steers in a network namespace. The lock is a file of the namespace's device and inode under /run/swathe, whatever
/// --runtime-dir says, so that two daemons with different directories still meet. The kernel releases it with the process.
class InstanceLock {
public:
    /// Errors: another daemon holds it; the message names its pid.
    [[nodiscard]] static Result<InstanceLock> take(const NetNamespace& ns);

private:
    UniqueFd fd_;
};

/// Makes `path` a directory of root, mode 0755. Errors: something else is there, or another user owns it.
[[nodiscard]] Status make_runtime_dir(const std::string& path);

} // namespace swathe
