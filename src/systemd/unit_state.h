#pragma once

#include "model/systemd_unit.h"

#include <cstdint>
#include <string>
#include <vector>

namespace swathe {

/// What systemd says of a socket unit (org.freedesktop.systemd1(5)).
struct UnitState {
    std::string load_state;   ///< "loaded", "not-found", "masked", ...
    std::string active_state; ///< "active", "inactive", "failed", "activating", "deactivating", ...
    std::string sub_state;    ///< "listening", "running", "dead", ...
    std::uint64_t since_usec = 0;     ///< StateChangeTimestamp: CLOCK_REALTIME; 0 = never
    std::vector<UnitSocket> sockets;  ///< of Listen, as far as they are IP sockets
    friend bool operator==(const UnitState&, const UnitState&) noexcept = default;

    /// May systemd have the unit's sockets open? Surely if it is active.
    [[nodiscard]] bool may_listen() const noexcept {
        return active_state == "active" || active_state == "activating" || active_state == "reloading";
    }
    [[nodiscard]] bool is_there() const noexcept { return load_state == "loaded"; }
};

/// The part of it that changes by itself: two that are equal are of one and the same activation. One that starts an instance for each
/// connection (Accept=yes) goes on "listening".
struct UnitMark {
    std::string active_state;
    std::string sub_state;
    std::uint64_t active_since = 0; ///< ActiveEnterTimestampMonotonic
    friend bool operator==(const UnitMark&, const UnitMark&) noexcept = default;
};

} // namespace swathe
