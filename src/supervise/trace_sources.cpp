// Supervisor::trace_sources: what a trace needs to know of the dispatchers and of what their decisions mean.

#include "supervise/supervisor.h"

namespace swathe {

std::vector<TraceSource> Supervisor::trace_sources() {
    std::vector<TraceSource> sources;
    for (const Part& part : world_->parts)
        sources.push_back({&part.site->dispatcher, part.name(), {{world_, &part.rules}, {world_, &world_->config}}, {}, &part.site->ns});
    for (std::uint32_t s = 0; s < world_->config.services.size(); ++s) {
        const std::vector<LiveListener>& listeners = listeners_of(world_->config.services[s]);
        for (std::uint32_t l = 0; l < listeners.size(); ++l)
            for (const LiveSocket& socket : listeners[l].sockets)
                for (TraceSource& source : sources)
                    if (socket.is_steered() && source.dispatcher == &socket.site->dispatcher)
                        source.slots.emplace_back(socket.slot, ListenerRef{s, l});
    }
    return sources;
}

} // namespace swathe
