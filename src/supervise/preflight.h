#pragma once

#include "classify/tables.h"
#include "socket/natives.h"

#include <cstdint>
#include <map>
#include <unordered_set>

namespace swathe {

/// What this machine has to say about a configuration before anything is done with it.

/// Programs, users and groups that services name and that are not there: errors of `check`; the daemon only warns of them,
/// since they may come later and must not keep the other services from running.
[[nodiscard]] Diagnostics check_programs(const Config& config);

/// Working directories. Not for the daemon, which a dead network file system would hang.
[[nodiscard]] Diagnostics check_directories(const Config& config);

/// Until sockets are open, a listener's number stands for its slot: for tables that are only asked.
[[nodiscard]] SlotOf numbering(const Config& config);

/// Does a listener's rule really win at an address and port that it claims? `tables` were compiled with
/// `slot_of`; both, and `config`, must outlive the answer.
[[nodiscard]] ClaimCheck claim_check(const Config& config, const Tables& tables, SlotOf slot_of);

/// Lock-outs (errors), interfaces that are not there (warnings). Sockets whose inode is in `ours` are no natives.
[[nodiscard]] Diagnostics check_network(const Config& config, const NetNamespace& ns, const std::unordered_set<std::uint64_t>& ours,
                                        const ClaimCheck& claims);

/// Prefixes that are not routed local and UDP ranges over the ephemeral ports (warnings).
[[nodiscard]] Diagnostics check_routes(const Config& config, const NetNamespace& ns);

/// All of them and rules of equal precision (errors): what `swathectl check` and `swathed --check` report. `own` is the daemon's network
/// namespace; one of a listener's that is not there is an error.
[[nodiscard]] Diagnostics preflight(const Config& config, const NetNamespace& own);

/// Where each network namespace but the daemon's own is named first.
[[nodiscard]] std::map<std::string, SourcePos> namespaces_of(const Config& config);

} // namespace swathe
