#pragma once

#include "base/address.h"
#include "socket/natives.h"
#include "socket/net_namespace.h"

#include <optional>

namespace swathe {

/// A packet, as the kernel's socket lookup sees it.
struct LiveQuestion {
    Protocol protocol = Protocol::tcp;
    SocketAddress destination;
    SocketAddress source;      ///< of the same family
    std::uint32_t ifindex = 0; ///< simulated ingress interface; 0 = none
};

/// The socket that would get it.
struct LiveSocketFound {
    std::uint64_t cookie = 0; ///< SO_COOKIE
    bool connected = false;   ///< it belongs to a connection, which comes before all programs and listeners
    NativeSocket socket;      ///< without a process; name_process() looks for one
};

/// The kernel's own, complete lookup inside `ns`: connections, every sk_lookup program, reuseport groups, native sockets. An exact
/// request of sock_diag(7) makes it as a packet would (inet_diag.c, inet_diag_find_one_icsk; udp_diag.c, udp_dump_one), so that
/// programs run and count it. Nothing: a program refuses it, or nobody has a socket there; the kernel does not tell which.
/// Errors: no tcp_diag or udp_diag in this kernel.
[[nodiscard]] Result<std::optional<LiveSocketFound>> look_up_live(const LiveQuestion& question, const NetNamespace& ns);

/// Fills in who holds the socket, by one walk over /proc/PID/fd.
void name_process(NativeSocket& socket);

} // namespace swathe
