#pragma once

#include "process/mount_plan.h"

#include <cstddef>

struct sock_fprog;

namespace swathe {

/// What a child needs for its sandbox: plain memory of the parent, as in child_setup.h.
struct SandboxSetup {
    bool own_network = false;
    bool own_hostname = false;
    bool own_mounts = false;
    const MountStep* mounts = nullptr;
    std::size_t mount_count = 0;
    int* trees = nullptr;       ///< one for each slot, all -1
    const char* root = nullptr; ///< root_directory, or nullptr
    const sock_fprog* filters = nullptr;
    std::size_t filter_count = 0;
    int address_family_filter = -1; ///< which of them is of restrict_address_families
};

// In the child, as root, raw system calls only. 0, or -1 with errno.

/// A network namespace of its own, with its loopback interface up.
[[nodiscard]] long enter_own_network() noexcept;

/// A UTS namespace of its own, with the host's names.
[[nodiscard]] long enter_own_hostname() noexcept;

/// A mount namespace of its own, and all steps in it. `step` is the one that failed, -1 where it was the namespace itself. The umask is
/// 0 afterwards. Every descriptor that it opens closes at the exec.
[[nodiscard]] long enter_own_mounts(const SandboxSetup& setup, int& step) noexcept;

/// Installs the system call filters. Last of all before the exec. Without CAP_SYS_ADMIN the process loses the right to gain privileges.
/// `number` is the one that failed.
[[nodiscard]] long install_filters(const SandboxSetup& setup, int& number) noexcept;

} // namespace swathe
