// ServiceUnit: one instance for each flow of its UDP listeners (accept = true).

#include "supervise/flows.h"
#include "supervise/service_unit.h"
#include "supervise/site.h"

#include <algorithm>

namespace swathe {

Status ServiceUnit::make_flows() {
    if (flows_) return {};
    auto again = DeferSource::create(loop_, [this] { serve_waiting_flows(); });
    if (!again) return Failure(std::move(again).error());
    auto made = Flows::create(loop_, *connections_, [this] { (void)flows_again_.trigger(); }); // cannot fail for a source of a living loop
    if (!made) return Failure(std::move(made).error());
    flows_again_ = std::move(*again);
    flows_ = std::move(*made);
    return {};
}

void ServiceUnit::serve_flows(const Place& place, AcceptTurn& turn) {
    const Listener& listener = service_->listeners[place.listener];
    const LiveSocket& socket = listeners_[place.listener].sockets[place.socket];
    directories_used_ = true;
    const auto done = flows_->serve({listener, at(place), socket.site->ns}, [&] { return may_accept(place, turn); });
    if (!done) return cannot_accept(place, done.error().errno_value);
    if (*done) return;
    if (was_shut_ = connections_->is_shut(); was_shut_) return watch_allowed();
    (void)flows_again_.trigger();
}

/// What is not watched now has its turn when it is: watch().
void ServiceUnit::serve_waiting_flows() {
    std::vector<Place> waiting;
    for (const Watched& watched : sources_)
        if (flows_->is_waiting(at(watched.place))) waiting.push_back(watched.place);
    for (const Place& place : waiting) {
        const auto is_it = [&](const Watched& watched) { return watched.place == place; };
        if (std::any_of(sources_.begin(), sources_.end(), is_it)) woken(place, EPOLLIN);
    }
}

/// After a reload: what waits at a socket that is no more is nobody's.
void ServiceUnit::forget_entrances() {
    std::vector<std::uint64_t> cookies;
    for (const Place& place : places()) cookies.push_back(at(place).cookie);
    flows_->forget_entrances(cookies);
}

} // namespace swathe
