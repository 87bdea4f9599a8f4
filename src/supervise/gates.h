#pragma once

#include "base/error.h"
#include "supervise/door.h"

#include <functional>
#include <set>

namespace swathe {

/// Has the packet path shut out whom a door would refuse, where a limit by number says `drop`: everybody (max_connections_hit), or
/// one source (max_connections_per_source_hit). Only those that come by IP: through UNIX sockets the door itself refuses.
class Gates {
public:
    /// Of all listeners of the service. What they cannot do is left to the door, which refuses those who come in all the same.
    struct Kernel {
        std::function<void(bool closed)> set_gate;                    ///< Dispatcher::set_gate()
        std::function<void(const Prefix& source, bool blocked)> block; ///< Dispatcher::block()
    };
    explicit Gates(Kernel kernel) : kernel_(std::move(kernel)) {}

    /// After somebody of `source` entered or left.
    void follow(const ConnectionContext& limits, const Door& door, const SourceKey& source);
    /// Lets everybody in. After a reload, before follow() for each who is inside: limits, prefixes and listeners may be others.
    void open();

private:
    Kernel kernel_;
    bool closed_ = false;
    std::set<Prefix> blocked_;
};

} // namespace swathe
