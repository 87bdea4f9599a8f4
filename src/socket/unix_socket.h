#pragma once

#include "socket/open.h"

namespace swathe {

/// Opens, sets up and binds the UNIX socket of `listener`, and listens where it accepts: an abstract one in `ns`; else at its path, which
/// is the same in all. A socket that is there gives way, like systemd's do: it is what a predecessor has left, or a process that will not
/// be reached any more. It is back if the new one is destroyed before UnixNode::keep(). At no time is the file open to more than
/// `socket_mode` says. CLOEXEC and NONBLOCK. Errors name the failing call; a file that is no socket stays.
[[nodiscard]] Result<BoundSocket> open_unix_socket(const Listener& listener, const NetNamespace& ns, const NodeOwner& owner);

} // namespace swathe
