#pragma once

#include "model/config.h"
#include "socket/net_namespace.h"

#include <cstdint>
#include <unordered_set>

namespace swathe {

/// What this machine has to say about a configuration before anything is done with it.

/// Programs, users and directories that services name and that are not there: errors of `check`; the daemon only warns of them,
/// since they may come later and must not keep the other services from running.
[[nodiscard]] Diagnostics check_programs(const Config& config);

/// Rules of equal precision: errors. Looks at nothing but the configuration.
[[nodiscard]] Diagnostics check_rules(const Config& config);

/// Lock-outs (errors), prefixes that are not routed local and UDP ranges over the ephemeral ports (warnings),
/// interfaces that are not there (warnings). Sockets whose inode is in `ours` are no natives.
[[nodiscard]] Diagnostics check_network(const Config& config, const NetNamespace& ns, const std::unordered_set<std::uint64_t>& ours = {});

/// All of them: what `swathectl check` and `swathed --check` report.
[[nodiscard]] Diagnostics preflight(const Config& config, const NetNamespace& ns);

} // namespace swathe
