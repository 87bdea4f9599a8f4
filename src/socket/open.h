#pragma once

#include "base/unique_fd.h"
#include "model/config.h"
#include "socket/net_namespace.h"
#include "socket/unix_node.h"

#include <functional>
#include <vector>

namespace swathe {

/// One bound socket of a listener.
struct BoundSocket {
    UniqueFd fd;
    SocketAddress home;           ///< what it is really bound to; at 192.0.0.8 or 100::1 UDP listeners may share one
    bool takes_ipv4 = false;      ///< packets of this family may be steered to it
    bool takes_ipv6 = false;
    std::uint64_t cookie = 0;     ///< SO_COOKIE
    std::unique_ptr<UnixNode> node = nullptr; ///< of a UNIX socket with a path

    [[nodiscard]] bool is_unix() const noexcept { return !takes_ipv4 && !takes_ipv6; } ///< no packets may be steered to it
};

/// May a socket of this listener be bound to this address without being reached there by what it does not claim?
/// Asked for the listener's first address and port, and for `home`.
using HomeCheck = std::function<bool(const SocketAddress&)>;

/// Whether a socket gets what comes to its home from the moment it is bound. One that is `held_back` gets nothing until let_in(): what
/// comes is dropped without an answer, so that clients of TCP try again.
enum class Admission { at_once, held_back };

/// Datagram sockets at an address where no packet goes share it with those of other listeners, since what is steered goes to a socket and
/// not to an address. The first of a group (socket/group.h) must not: two groups at one address would be one.
enum class Sharing { with_listeners, alone };

/// Opens, sets up and binds the socket(s) of `listener` inside `ns`, and listens on streams: one socket, or an IPv4 and an
/// IPv6 one with `split`. CLOEXEC and NONBLOCK. The home address is the listener's `home`, or nothing;
/// else the first that can be bound: its first address and port, where no packet goes (192.0.0.8, 100::1; UDP keeps the
/// port if there is but one), loopback. Errors name the failing call, and for EADDRINUSE who holds the address.
[[nodiscard]] Result<std::vector<BoundSocket>> open_listener(const Listener& listener, const NetNamespace& ns, const HomeCheck& usable_home,
                                                              Admission admission = Admission::at_once,
                                                              Sharing sharing = Sharing::with_listeners);

/// Another socket of the same kind at the home of `first`, with SO_REUSEPORT, which `first` has by now.
[[nodiscard]] Result<BoundSocket> open_beside(const Listener& listener, const BoundSocket& first, const NetNamespace& ns,
                                              Admission admission);

void let_in(int fd) noexcept; ///< one that was not held back stays as it is

} // namespace swathe
