#pragma once

#include "base/clock.h"
#include "socket/open.h"

#include <span>
#include <vector>

namespace swathe {

// Not used by the supervisor yet. A socket for each worker, all bound to one home in one SO_REUSEPORT group (socket(7)). The SOCKMAP has one
// of them, any one, and the dispatcher does not say BPF_SK_LOOKUP_F_NO_REUSEPORT, so that the kernel takes it for its group and spreads
// new connections over all members by a hash of both ends. Each member has an accept queue of its own. What there is to know:
//
// * If the member in the slot is closed the slot is empty, however many others there are: put another one there first.
// * A member whose worker is dead still gets its share, which waits for the next one. spread_over() takes it out.
// * Closing a member resets the connections in its queue and the handshakes under way, unless net.ipv4.tcp_migrate_req is on in its
//   namespace (5.14; off by default), which hands them to the others. So: spread_over() the others, let its worker accept what is left,
//   wait for kHandshakes, and close it when queued() is 0. Datagrams in its queue are lost in any case.
// * Who may bind with SO_REUSEPORT beside it joins the group and gets a share: processes of the daemon's own uid, in its namespace, and
//   nobody else (net/ipv4/inet_hashtables.c, inet_reuseport_add_sock). Those could open its descriptors as well.
// * BPF_PROG_TEST_RUN answers EOPNOTSUPP once bpf_sk_assign() took a member. The dispatcher's explaining program assigns nothing.

/// The members of one home, in the kernel's order, which counts in spread_over().
using Group = std::vector<BoundSocket>;

/// Handshakes take no longer, or their SYN is sent again: the first retransmission's time (RFC 6298).
inline constexpr Duration kHandshakes = std::chrono::seconds(1);

/// Opens members until there are `members` (never fewer than there are); `group` has the first one, bound with Sharing::alone. What it has
/// in its queue stays. On error the group is as it was.
[[nodiscard]] Status grow(Group& group, const Listener& listener, const NetNamespace& ns, std::size_t members,
                          Admission admission = Admission::at_once);

/// From now on, new connections go to the members at these places only, at random (datagrams: by the packet's flow hash); none: to all.
/// Queues stay as they are. The kernel keeps that for the group until the next call or its end.
[[nodiscard]] Status spread_over(const Group& group, std::span<const std::size_t> places);

/// Closes the member at `place`, and keeps the kernel's order: the last one takes its place. Then call spread_over() again: an earlier
/// choice named places. Requires that it is neither the only one nor in the slot.
void close_member(Group& group, std::size_t place);

} // namespace swathe
