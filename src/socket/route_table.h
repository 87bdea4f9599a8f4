#pragma once

#include "socket/delivery.h"
#include "socket/net_namespace.h"
#include "socket/netlink.h"

namespace swathe {

/// Runs `work` inside `ns` with a NETLINK_ROUTE socket of it.
[[nodiscard]] Status with_routes(const NetNamespace& ns, const std::function<Status(Netlink&)>& work);

// The rest is about the namespace that the socket was opened in.

/// Table "local", both families.
[[nodiscard]] Result<std::vector<LocalRoute>> read_local_table(Netlink& netlink);

/// The next hops of table "main", sorted: routers that this host must be able to reach.
[[nodiscard]] Result<std::vector<Address>> read_gateways(Netlink& netlink);

/// Does the whole of the namespace's routing, policy rules included, deliver a packet to `destination` to a local socket?
/// A lookup without source and interface: rules that ask for these, or for a mark, do not match.
[[nodiscard]] bool is_delivered(Netlink& netlink, const Address& destination);

/// A route "local PREFIX dev lo table local proto kRouteProtocol" to be added or removed.
struct RouteChange {
    Prefix prefix;
    bool add = true;
};

/// Makes the changes in order, and tells the errno of each; 0 = done. Adding never replaces (EEXIST).
[[nodiscard]] Result<std::vector<int>> change_local_routes(Netlink& netlink, const std::vector<RouteChange>& changes);

} // namespace swathe
