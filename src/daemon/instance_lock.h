#pragma once

#include "base/unique_fd.h"
#include "socket/net_namespace.h"

namespace swathe {

/// At most one swathed steers in a network namespace. The lock is a file of the namespace's device and inode under /run/swathe-netns,
/// whatever --runtime-dir says, so that two daemons with different directories still meet. The kernel releases it with the process.
class InstanceLock {
public:
    /// Errors: another daemon holds it; the message names its pid.
    [[nodiscard]] static Result<InstanceLock> take(const NetNamespace& ns);

private:
    UniqueFd fd_;
};

/// Makes `path` a directory of ours with `mode`. Errors: something else is there, another user owns it, or others may write.
[[nodiscard]] Status make_own_directory(const std::string& path, mode_t mode);

} // namespace swathe
