#pragma once

#include "model/config.h"
#include "socket/interfaces.h"
#include "socket/net_namespace.h"

#include <functional>
#include <sys/types.h>
#include <unordered_set>
#include <vector>

namespace swathe {

/// A TCP socket in LISTEN, or an unconnected UDP socket, of any process in the namespace.
struct NativeSocket {
    Protocol protocol = Protocol::tcp;
    SocketAddress address;  ///< wildcard = all zero
    bool v6_only = false;   ///< an IPv6 socket that does not take IPv4
    bool ephemeral = false; ///< UDP on a port of ip_local_port_range: may as well be a client's as a server's
    std::uint32_t ifindex = 0; ///< SO_BINDTODEVICE: it gets only what comes in there; 0 = none
    std::string device;        ///< the name of `ifindex`; "" if there is none or it has gone
    std::uint64_t inode = 0;
    pid_t pid = 0;          ///< 0 = not found (the kernel's, in another pid namespace, or gone)
    std::string process;    ///< /proc/PID/comm, printable

    [[nodiscard]] bool is_wildcard() const noexcept;
    [[nodiscard]] bool takes(const Address& destination) const noexcept; ///< it would get what is sent there
    [[nodiscard]] std::string name() const;      ///< "tcp 0.0.0.0:22", "tcp 0.0.0.0:22 (bound to eth1)"
    [[nodiscard]] std::string holder() const;    ///< "sshd (pid 812)", "an unknown process"
    [[nodiscard]] std::string to_string() const; ///< "sshd (pid 812) on tcp 0.0.0.0:22"
};

/// All of them, by NETLINK_SOCK_DIAG, with their processes by /proc. What another user's processes hold has a name only for root.
[[nodiscard]] Result<std::vector<NativeSocket>> native_sockets(const NetNamespace& ns);

/// Asked last, of an address and port that `listener` names and does not except: does it really win there, or another rule
/// (a [[pass]], another listener)? The tables know.
using ClaimCheck = std::function<bool(const Listener& listener, const SocketAddress& at)>;

/// Interface name -> index; 0 = there is none now.
using InterfaceNumber = std::function<std::uint32_t(const std::string& name)>;

/// The lock-out guard (DESIGN 4), pure: an error for each listener that would take over an address and port on which a
/// process listens (exact bind; or wildcard bind, on an address of an interface), unless it says `steal` (then a note) or has a hole
/// there; a warning only if the socket may be a client's; a note for a wildcard bind on other addresses. Sockets whose inode is in
/// `ours` do not count, nor those that are bound to a device which the listener's `interface` does not name (`number_of` tells; empty: it
/// names none that exists). Empty `claims`: every listener wins wherever it claims.
[[nodiscard]] Diagnostics find_lockouts(const Config& config, const std::vector<NativeSocket>& natives,
                                        const std::vector<Address>& configured, const std::unordered_set<std::uint64_t>& ours,
                                        const ClaimCheck& claims = {}, const InterfaceNumber& number_of = {});

/// A warning for each UDP listener whose ports overlap net.ipv4.ip_local_port_range on an address of this host: it would
/// take replies to the host's own clients. If the machine cannot be asked, one warning that says so.
[[nodiscard]] Diagnostics find_ephemeral_overlaps(const Config& config, const NetNamespace& ns);

} // namespace swathe
