#pragma once

#include "base/error.h"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace swathe {

/// What a peer of the control socket may do.
enum class Access {
    none,
    look, ///< ask
    act,  ///< start, stop, restart, reload
};

/// Who is at the other end, as the kernel says.
struct Peer {
    uid_t uid = 0;
    std::vector<gid_t> groups; ///< the primary one and the supplementary ones
};

/// SO_PEERCRED and SO_PEERGROUPS (unix(7)): the credentials at the time of connect(2), which a later exec or setuid of the peer does
/// not change.
[[nodiscard]] Result<Peer> peer_of(int fd);

/// Pure. uid 0 and the daemon's own user act, members of `group` look, nobody else does anything.
[[nodiscard]] Access access_of(const Peer& peer, uid_t own_uid, std::optional<gid_t> group) noexcept;

/// How many connections are open. Those who may act are trusted and hardly limited; those who look must not use up what is left.
struct Crowd {
    unsigned all = 0;
    unsigned lookers = 0;
    unsigned of_same_user = 0; ///< lookers with the uid of the peer in question
};
inline constexpr unsigned kMaxConnections = 64;
inline constexpr unsigned kMaxLookers = 48;        ///< the rest is kept for those who may act
inline constexpr unsigned kMaxLookersPerUser = 16;

/// Pure. May one more connect?
[[nodiscard]] bool has_room(const Crowd& crowd, Access access) noexcept;

/// The gid of a group. Nothing: there is no such group, or `name` is empty. Errors: the user database cannot be read.
[[nodiscard]] Result<std::optional<gid_t>> find_group(const std::string& name);

} // namespace swathe
