#pragma once

#include "model/service.h"
#include "socket/group.h"

#include <memory>
#include <optional>

namespace swathe {

struct Site;

/// What is bound to one home, and its place in the SOCKMAP: one socket, or one for each worker. Without descriptors while the listener is
/// closed.
struct LiveSocket {
    static constexpr std::uint32_t kNoSlot = 0xffffffff;

    Group group;                  ///< the first one is in the slot
    std::uint32_t slot = kNoSlot; ///< of the dispatcher of `site`; a UNIX socket has none
    std::shared_ptr<Site> site;   ///< the network namespace that it is in

    [[nodiscard]] bool is_steered() const noexcept { return slot != kNoSlot; }
    [[nodiscard]] const BoundSocket& bound() const noexcept { return group.front(); }
    /// What worker number `index` (from 0) inherits: its own, or the one that all share.
    [[nodiscard]] std::size_t member_of(std::size_t index) const noexcept { return index < group.size() ? index : 0; }
};

/// The sockets of one listener: one, or two with family_sockets = "split" and after a reload that added a family.
struct LiveListener {
    std::vector<LiveSocket> sockets;
};

/// How many members the groups of `listener` have, a listener of `service`.
[[nodiscard]] std::size_t members_of(const Service& service, const Listener& listener) noexcept;

/// The slot of the socket that takes packets of `family`, if there is one.
[[nodiscard]] std::optional<std::uint32_t> slot_for(const std::vector<LiveSocket>& sockets, Family family) noexcept;

/// What a listener with these sockets is called where its limits are kept: Dispatcher::set_gate(), block(). It stays the same as long as
/// the listener has its first socket.
[[nodiscard]] inline std::uint32_t limiter_of(const std::vector<LiveSocket>& sockets) noexcept { return sockets.front().slot; }

} // namespace swathe
