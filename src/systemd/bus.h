#pragma once

#include "base/error.h"

#include <memory>

#include <systemd/sd-bus.h>

namespace swathe {

// sd-bus' objects with owners. Included in this directory only.

struct CloseManagerBus {
    void operator()(sd_bus* bus) const noexcept { (void)sd_bus_close_unref(bus); } // never flushes
};
struct UnrefManagerSlot {
    void operator()(sd_bus_slot* slot) const noexcept { (void)sd_bus_slot_unref(slot); }
};
using ManagerBus = std::unique_ptr<sd_bus, CloseManagerBus>;
using ManagerSlot = std::unique_ptr<sd_bus_slot, UnrefManagerSlot>;

} // namespace swathe
