#pragma once

#include "socket/unix_node.h"

namespace swathe {

/// Whom the file of the listener's UNIX socket is to belong to: `socket_user` and, unless `socket_group` is given, that user's group.
/// Errors: an account that is not there.
[[nodiscard]] Result<NodeOwner> node_owner(const Listener& listener);

} // namespace swathe
