#pragma once

#include "model/config.h"
#include "socket/net_namespace.h"

#include <vector>

namespace swathe {

/// A route "local PREFIX dev lo table local proto N".
inline constexpr unsigned char kRouteProtocol = 115; ///< ours (rtnetlink(7) rtm_protocol); nobody else's in iproute2's rt_protos

/// The claimed prefixes that the namespace would not deliver locally (an RTM_GETROUTE per prefix whose routes do not
/// cover it), each a warning with the command that mends it: "ip route add local 192.0.2.0/24 dev lo".
/// Listeners with `local_routes` are left out.
[[nodiscard]] Result<Diagnostics> find_unrouted(const Config& config, const NetNamespace& ns);

/// The prefixes of all listeners with `local_routes`, minimal and sorted.
[[nodiscard]] std::vector<Prefix> wanted_routes(const Config& config);

/// Makes the namespace's routes with our protocol number exactly `wanted`: adds what is missing, removes what is ours and
/// no longer wanted; never touches a route of somebody else. An existing local route that covers a prefix is left alone and ours not added.
[[nodiscard]] Status sync_local_routes(const std::vector<Prefix>& wanted, const NetNamespace& ns);

} // namespace swathe
