#pragma once

#include "model/config.h"
#include "socket/net_namespace.h"

#include <vector>

namespace swathe {

/// A route "local PREFIX dev lo table local proto N".
inline constexpr unsigned char kRouteProtocol = 115; ///< ours (rtnetlink(7) rtm_protocol); nobody else's in iproute2's rt_protos

/// The claimed ranges that the namespace does not deliver locally, wholly or in part, each a warning with the command that mends it:
/// "ip route add local 192.0.2.0/24 dev lo"; unless that would cut the host off, which is then said. Broadcast and anycast addresses of
/// interfaces among them are a note: no packet for these reaches the dispatcher. Listeners with `local_routes` are left out, and so is
/// all of a family ("0.0.0.0/0"), which means whatever is delivered here. Table "local" is read once; what it does not cover
/// is looked up (RTM_GETROUTE), for policy rules may deliver it by another table.
[[nodiscard]] Result<Diagnostics> find_unrouted(const Config& config, const NetNamespace& ns);

/// The prefixes of all listeners with `local_routes`, minimal and sorted.
[[nodiscard]] std::vector<Prefix> wanted_routes(const Config& config);

/// Makes the namespace's routes with our protocol number exactly `wanted`: adds what is missing, removes what is ours and
/// no longer wanted; never touches a route of somebody else. An existing local route that covers a prefix is left alone and ours not added.
/// A prefix that would cut the host off (everything, or a router that it sends through) is an error; the others are
/// still seen to. Errors name the first prefix. Adding and removing needs CAP_NET_ADMIN.
[[nodiscard]] Status sync_local_routes(const std::vector<Prefix>& wanted, const NetNamespace& ns);

} // namespace swathe
