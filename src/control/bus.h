#pragma once

#include "base/error.h"

#include <memory>

#include <systemd/sd-bus.h>

namespace swathe {

// sd-bus' objects with owners. Included in this directory only.

struct CloseBus {
    // never flushes: a peer that does not read must not stop us
    void operator()(sd_bus* bus) const noexcept { (void)sd_bus_close_unref(bus); }
};
struct UnrefSlot {
    void operator()(sd_bus_slot* slot) const noexcept { (void)sd_bus_slot_unref(slot); }
};
struct UnrefMessage {
    void operator()(sd_bus_message* message) const noexcept { (void)sd_bus_message_unref(message); }
};
using BusPtr = std::unique_ptr<sd_bus, CloseBus>;
using SlotPtr = std::unique_ptr<sd_bus_slot, UnrefSlot>;
using MessagePtr = std::unique_ptr<sd_bus_message, UnrefMessage>;

/// What sd-bus says with a negative errno.
[[nodiscard]] inline Failure bus_failure(const char* what, int result) { return failure(what, -result); }

} // namespace swathe
