#pragma once

#include "base/error.h"
#include "systemd/unit_state.h"

struct sd_bus_message; // opaque: sd-bus.h is included in this directory's bodies only

namespace swathe {

/// No unit has more sockets than this; a manager that says so is not believed.
inline constexpr std::size_t kMostUnitSockets = 4096;

// Readers of what the manager sends. Errors: it is not what org.freedesktop.systemd1(5) promises.

/// The reply to GetAll(org.freedesktop.systemd1.Unit), "a{sv}".
[[nodiscard]] Status read_unit_properties(sd_bus_message* message, UnitState& state, UnitMark& mark);
/// The reply to Get(org.freedesktop.systemd1.Socket, Listen), "v" of "a(ss)".
[[nodiscard]] Result<std::vector<UnitSocket>> read_listen_property(sd_bus_message* reply);
/// PropertiesChanged, "sa{sv}as": what has changed of a unit. Nothing: it is about another interface, or has no whole mark.
[[nodiscard]] Result<std::optional<UnitMark>> read_changed_mark(sd_bus_message* signal);

} // namespace swathe
