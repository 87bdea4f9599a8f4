#pragma once

#include "model/systemd_unit.h"
#include "socket/open.h"

#include <sys/types.h>
#include <unordered_set>
#include <vector>

namespace swathe {

// Sockets that another process has bound and goes on holding. They are its own: their flags (O_NONBLOCK) and options are shared with every
// duplicate, so nobody here changes any, and a duplicate that stayed open would keep the address in use after their owner has closed it.

/// Such a socket: a TCP one in LISTEN, or an unconnected UDP one.
struct HeldSocket {
    SocketAddress address;
    bool v6_only = false;     ///< an IPv6 socket that does not take IPv4
    bool for_device = false;  ///< SO_BINDTODEVICE
    std::uint64_t inode = 0;  ///< of the descriptors of it
    std::uint64_t cookie = 0; ///< SO_COOKIE: no other socket has or had it
    [[nodiscard]] bool takes(Family family) const noexcept; ///< packets of this family may be steered to it (SK_LOOKUP 1.5)
};

/// Which of `bound` is `wanted`, and has one of the inodes `held`? Pure. Errors: none, or several, of which nobody can tell which it is.
[[nodiscard]] Result<HeldSocket> choose_held(const std::vector<HeldSocket>& bound, const std::unordered_set<std::uint64_t>& held,
                                             const UnitSocket& wanted);

/// The socket that process `holder` has bound to `wanted` inside `ns`. Needs PTRACE_MODE_READ of ptrace(2). Errors: as above; the
/// failing call.
[[nodiscard]] Result<HeldSocket> find_held(pid_t holder, const UnitSocket& wanted, const NetNamespace& ns);

/// A duplicate of it, by pidfd_getfd(2), which needs PTRACE_MODE_ATTACH. To be closed at once: see above. Errors: `holder` has closed it
/// meanwhile; it is none that can be steered to (MPTCP); the failing call.
[[nodiscard]] Result<UniqueFd> duplicate_held(pid_t holder, const HeldSocket& socket, Protocol protocol);

} // namespace swathe
