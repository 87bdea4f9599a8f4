#pragma once

#include "process/machine.h"

namespace swathe {

/// What the daemon runs in. systemd.unit(5), ConditionVirtualization=; systemd-detect-virt(1).
struct Virtualization {
    std::string id; ///< "kvm", "docker", ...; "" = neither a virtual machine nor a container
    bool is_container = false;
};

/// The innermost: a container in a virtual machine is a container.
[[nodiscard]] Virtualization virtualization_of(const Machine& machine);

/// Are users mapped to others?
[[nodiscard]] bool has_private_users(const Machine& machine);

} // namespace swathe
