#pragma once

#include "model/exec_context.h"
#include "process/mount_plan.h"
#include "process/seccomp_filter.h"

namespace swathe {

/// What keeps a child away from the rest of the machine.
struct SandboxPlan {
    bool private_network = false;
    bool own_hostname = false; ///< protect_hostname: a name of its own, which is then locked
    MountPlan mounts;
    std::string root_directory;                    ///< that the mounts are below; "" = "/"
    std::shared_ptr<const FilterPrograms> filters; ///< nullptr = none

    [[nodiscard]] std::string describe_mount(int step) const; ///< key and path; -1: what comes before the first, or kHostnameStep
    [[nodiscard]] std::string describe_filter(int number) const; ///< the key
};

/// Computes and compiles all of it. Errors carry their key and place.
[[nodiscard]] Result<SandboxPlan> plan_sandbox(const ExecContext& context, const MountFacts& facts);

/// Capabilities that the keys of the sandbox take from a service for good.
[[nodiscard]] CapabilitySet dropped_capabilities(const ExecContext& context) noexcept;

} // namespace swathe
