#pragma once

#include "base/clock.h"
#include "socket/open.h"

#include <span>
#include <vector>

namespace swathe {

/// The sockets of one home: one, or with listener_mode = "reuseport" one for each worker, all in one SO_REUSEPORT group (socket(7)). The
/// SOCKMAP has the first, and the dispatcher does not say BPF_SK_LOOKUP_F_NO_REUSEPORT, so that the kernel takes it for its group and
/// spreads new connections over all members by a hash of both ends. Each member has an accept queue of its own. What there is to know:
///
/// * If the member in the slot is closed the slot is empty, however many others there are. So members are closed from the end.
/// * A member whose worker is dead still gets its share, which waits for the next one. spread_over() takes it out.
/// * Closing a member resets the connections in its queue and the handshakes under way, unless a program as dispatch/migration.h has it is
///   attached, which hands them to the others. So: spread_over() the others, wait for kHandshakes, and then close it under that
///   program. Datagrams in its queue are lost in any case: let its worker read them meanwhile.
/// * Who may bind with SO_REUSEPORT beside it joins the group and gets a share: processes of the daemon's own uid, in its namespace, and
///   nobody else (net/ipv4/inet_hashtables.c, inet_reuseport_add_sock). Those could open its descriptors as well.
/// * BPF_PROG_TEST_RUN answers EOPNOTSUPP once bpf_sk_assign() took a member. The dispatcher's explaining program assigns nothing.
class Group {
public:
    Group() : Group(BoundSocket{}) {} ///< closed, without a home
    explicit Group(BoundSocket first) : places_{0} { members_.push_back(std::move(first)); }

    [[nodiscard]] std::size_t size() const noexcept { return members_.size(); } ///< at least 1
    [[nodiscard]] const BoundSocket& front() const noexcept { return members_.front(); }
    [[nodiscard]] const BoundSocket& operator[](std::size_t member) const noexcept { return members_[member]; }
    [[nodiscard]] auto begin() const noexcept { return members_.begin(); }
    [[nodiscard]] auto end() const noexcept { return members_.end(); }
    [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(front().fd); }

    /// Opens members until there are `members` (never fewer than there are); the first was bound with Sharing::alone. What it has in its
    /// queue stays. Unless the others are spread_over() by number, new members get their share at once. On error the group is as it was.
    [[nodiscard]] Status grow(const Listener& listener, const NetNamespace& ns, std::size_t members,
                              Admission admission = Admission::at_once);

    /// From now on, new connections go to these members only, at random (datagrams: by the packet's flow hash); none: to all, as many as
    /// they will be. Queues stay as they are. The kernel keeps that for the group until the next call or its end.
    [[nodiscard]] Status spread_over(std::span<const std::size_t> members) const;

    /// Ends the last member, whoever else has its descriptor. TCP: who waits in it goes to the others. `migration`: dispatch/migration.h.
    /// Then call spread_over() again. Requires that it is not the only one. On error connections were reset.
    [[nodiscard]] Status close_last(int migration);

    /// A TCP listener that was shut down and listens again has gone to the end of the kernel's order: call it then, and then
    /// spread_over().
    void listens_again(std::size_t member);

    void close(); ///< all; where the first one was bound is still known

private:
    void leave_place(std::size_t member);

    std::vector<BoundSocket> members_;  ///< by worker
    std::vector<std::size_t> places_;   ///< members in the kernel's order, by which a program chooses
};

/// Handshakes take no longer, or their SYN is sent again: the first retransmission's time (RFC 6298).
inline constexpr Duration kHandshakes = std::chrono::seconds(1);

} // namespace swathe
