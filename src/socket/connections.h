#pragma once

#include "socket/net_namespace.h"

#include <span>

namespace swathe {

/// Is there a TCP connection in `ns` that came in through one of the listening sockets which were tagged with one of `tags`
/// (dispatch/connection_tags.h; `tags_fd` is borrowed)? One that waits in an accept queue counts, and one of which a process still holds
/// its half. Not one that every process has closed, while the kernel still sends what is left (FIN-WAIT, LAST-ACK), TIME-WAIT, and a
/// handshake that is under way: it is in nobody's hands, and its SYN was counted by the dispatcher.
///
/// Connections of other processes never count, whatever their addresses: clients on the host, native servers inside the range, other
/// listeners of ours. Datagrams leave no trace here: of UDP the dispatcher's counters tell.
///
/// It is a dump of the namespace's TCP table by sock_diag(7), up to the first hit: 20,000 connections of others take some 50 ms of CPU
/// time. So it belongs into a worker; any thread may call it. One connection may be overlooked if others end during the dump, so that "no"
/// is to be asked twice before anything is done about it. Needs CAP_BPF.
[[nodiscard]] Result<bool> has_connections(const NetNamespace& ns, int tags_fd, std::span<const std::uint64_t> tags);

} // namespace swathe
