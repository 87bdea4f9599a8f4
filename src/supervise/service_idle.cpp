// ServiceUnit: when nobody uses the service any more (idle_stop_sec).

#include "socket/backlog.h"
#include "supervise/service_unit.h"
#include "supervise/site.h"

#include <algorithm>

namespace swathe {

/// Begins to watch when all workers run, and ends when one does not.
void ServiceUnit::follow_idleness() {
    const bool up = std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->life.state == State::running; });
    const bool wanted = up && service_->idle_stop_sec != kInfinity && !listeners_.empty();
    if (wanted && watches_use_ && idle_.limit == service_->idle_stop_sec) return;
    watches_use_ = wanted;
    ++idle_run_;
    idle_timer_->disarm();
    if (!wanted) return;
    idle_ = begin_idle(service_->idle_stop_sec, signs_of_use(), now());
    act_on(IdleNext::wait);
}

void ServiceUnit::look_for_use() {
    if (watches_use_) act_on(look(idle_, signs_of_use(), now()));
}

void ServiceUnit::act_on(IdleNext next) {
    switch (next) {
    case IdleNext::wait:
        if (auto armed = idle_timer_->arm(idle_.look_at); !armed) say(LogLevel::error, armed.error().to_string());
        return;
    case IdleNext::ask: {
        std::vector<std::shared_ptr<Site>> sites;
        for (const LiveListener& listener : listeners_)
            for (const LiveSocket& socket : listener.sockets)
                if (std::find(sites.begin(), sites.end(), socket.site) == sites.end()) sites.push_back(socket.site);
        return host_.ask_connections(tag_, std::move(sites), [this, run = idle_run_](bool connections) { use_found(connections, run); });
    }
    case IdleNext::stop:
        watches_use_ = false;
        say(LogLevel::info, "idle: it is stopped until somebody connects");
        return post_to_all(IdleFound{});
    }
}

void ServiceUnit::use_found(bool connections, std::uint64_t asked_in) {
    if (watches_use_ && asked_in == idle_run_) act_on(answer(idle_, connections || is_held(), signs_of_use(), now()));
}

IdleSigns ServiceUnit::signs_of_use() const {
    IdleSigns signs;
    for (std::size_t l = 0; l < listeners_.size(); ++l)
        for (const LiveSocket& socket : listeners_[l].sockets) {
            signs.packets += host_.packets(socket);
            for (const BoundSocket& bound : socket.group)
                signs.queued = signs.queued || (bound.fd && queued(bound.fd.get(), service_->listeners[l].protocol) > 0);
        }
    return signs;
}

/// Only where somebody will ask: a tag costs each connection some memory.
void ServiceUnit::tag_listeners() {
    if (service_->idle_stop_sec == kInfinity) return;
    for (std::size_t l = 0; l < listeners_.size(); ++l)
        for (const LiveSocket& socket : listeners_[l].sockets)
            if (socket.group.is_open() && service_->listeners[l].protocol == Protocol::tcp)
                if (auto tagged = host_.tag(socket, tag_); !tagged) say(LogLevel::error, tagged.error().to_string());
}

} // namespace swathe
