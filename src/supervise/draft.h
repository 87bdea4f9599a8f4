#pragma once

#include "supervise/supervisor.h"

namespace swathe {

/// A configuration on its way to being in force: everything that can fail is tried on it, and what it has opened goes away
/// with it unless it is committed.
struct Supervisor::Draft {
    explicit Draft(Dispatcher& owner) noexcept : dispatcher(owner) {}
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;
    ~Draft() {
        for (const std::vector<LiveSocket>& sockets : opened)
            for (const LiveSocket& socket : sockets) dispatcher.release_slot(socket.slot);
    }

    Dispatcher& dispatcher;
    Diagnostics warnings;
    ReloadPlan plan;
    std::shared_ptr<World> world = std::make_shared<World>();
    std::vector<std::unique_ptr<ServiceUnit>> units; ///< of the services that plan.added names
    std::vector<std::vector<LiveSocket>> opened;     ///< index for index with plan.listeners; empty where a listener is kept
};

} // namespace swathe
