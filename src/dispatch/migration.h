#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

namespace swathe {

/// A program for a SO_REUSEPORT group of TCP listeners (SO_ATTACH_REUSEPORT_EBPF) that leaves every choice to the kernel. What counts is
/// its kind, BPF_SK_REUSEPORT_SELECT_OR_MIGRATE: while it is attached, who waits in the queue of a member that ends goes to another one
/// instead of being reset (Linux 5.14; net/core/sock_reuseport.c, reuseport_migrate_sock). Needs CAP_BPF.
[[nodiscard]] Result<UniqueFd> load_migration();

} // namespace swathe
