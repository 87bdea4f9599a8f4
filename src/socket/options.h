#pragma once

#include "model/listener.h"
#include "socket/net_namespace.h"

namespace swathe {

/// Whose packets an IP socket takes: options of IPv4 and IPv6 go by it. Both are false of a UNIX socket.
struct Families {
    bool ipv4 = false, ipv6 = false;
};

/// A socket of the listener's kind, unbound and without options. CLOEXEC and NONBLOCK.
[[nodiscard]] Result<UniqueFd> new_socket(const Listener& listener, Families families);

/// Sets what the listener's SocketOptions say and its kind of socket has; the rest of them means nothing to it. Call it before bind(2).
/// Buffers may exceed net.core.rmem_max and wmem_max where we are allowed to (CAP_NET_ADMIN). Errors: the option's name in the kernel,
/// and why it refuses.
[[nodiscard]] Status set_options(int fd, const Listener& listener, Families families);

/// Of a socket that lives: from the options of `before` to those of `next`, which wait in no queue for it. What is given no more gets the
/// value of a new socket; but a buffer keeps its size, since the kernel never again sizes it by itself.
[[nodiscard]] Status change_options(int fd, const Listener& before, const Listener& next, Families families, const NetNamespace& ns);

/// Would a new socket of the listener in `ns` take its options?
[[nodiscard]] Status try_options(const Listener& listener, Families families, const NetNamespace& ns);

} // namespace swathe
