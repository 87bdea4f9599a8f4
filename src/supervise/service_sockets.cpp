// ServiceUnit: its listeners, when they are watched, and how they are kept usable.

#include "socket/backlog.h"
#include "socket/flush.h"
#include "socket/revive.h"
#include "supervise/connections.h"
#include "supervise/flows.h"
#include "supervise/service_unit.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {

std::optional<std::uint32_t> slot_for(const std::vector<LiveSocket>& sockets, Family family) noexcept {
    for (const LiveSocket& socket : sockets)
        if (family == Family::ipv4 ? socket.bound().takes_ipv4 : socket.bound().takes_ipv6) return socket.slot;
    return std::nullopt;
}

void ServiceUnit::watch_as_needed() {
    std::vector<State> states;
    for (const auto& worker : workers_) states.push_back(worker->life.state);
    const Watching watching = watching_for(states);
    const bool some_idle = std::find(states.begin(), states.end(), State::idle) != states.end();
    watches_all_ = watching == Watching::armed;
    const bool held = awaits_needed_ || around_ != Around::nothing;
    const bool watched = std::exchange(arming_.wanted, (watches_all_ || (some_idle && has_groups())) && !held);
    if (arming_.wanted && !watched && !needed_ready_) flush_listeners(); // else who waits has just become welcome
    if (watching == Watching::closed && !closed_ && around_ == Around::nothing) close_with_commands();
    watch_allowed();
}

/// Watches those listeners that may be watched now, and looks again when that changes.
void ServiceUnit::watch_allowed() {
    const Monotonic at = now();
    std::erase_if(sources_, [&](const Watched& watched) {
        return !arming_.watches(watched.place.listener, at) || !is_wanted(watched.place);
    });
    const bool was_watching = !sources_.empty();
    for (const Place& place : places()) {
        const auto is_it = [&](const Watched& watched) { return watched.place == place; };
        if (!arming_.watches(place.listener, at) || !is_wanted(place) || std::any_of(sources_.begin(), sources_.end(), is_it)) continue;
        if (!was_watching && sources_.empty()) revive_listeners();
        watch(place);
    }
    const Monotonic next = arming_.next_change(at);
    if (next == Monotonic::max()) return arming_timer_->disarm();
    if (auto armed = arming_timer_->arm(next); !armed) say(LogLevel::error, armed.error().to_string());
}

/// A worker that is down, while others serve, is started by who has come to its own socket.
bool ServiceUnit::is_wanted(const Place& place) const noexcept {
    if (watches_all_) return !service_->accept || !connections_->is_shut();
    const bool own = listeners_[place.listener].sockets[place.socket].group.size() > 1;
    return own && place.member < workers_.size() && workers_[place.member]->life.state == State::idle;
}

std::vector<ServiceUnit::Place> ServiceUnit::places() const {
    std::vector<Place> all;
    for (std::size_t l = 0; l < listeners_.size(); ++l)
        for (std::size_t s = 0; s < listeners_[l].sockets.size(); ++s)
            for (std::size_t m = 0; m < listeners_[l].sockets[s].group.size(); ++m) all.push_back({l, s, m});
    return all;
}

const BoundSocket& ServiceUnit::at(const Place& place) const noexcept {
    return listeners_[place.listener].sockets[place.socket].group[place.member];
}

void ServiceUnit::watch(const Place& place) {
    const int fd = at(place).fd.get();
    if (fd < 0 || !why_unusable(fd, service_->listeners[place.listener].protocol).empty()) return;
    if (service_->accept) make_non_blocking(fd);
    auto source = IoSource::watch(loop_, fd, EPOLLIN, [this, place](std::uint32_t revents) { woken(place, revents); });
    if (!source) return say(LogLevel::error, source.error().to_string());
    sources_.push_back({place, std::move(*source)});
    if (flows_ && flows_->is_waiting(at(place))) (void)flows_again_.trigger();
}

/// A pause by hand begins or ends, or the window of a limit is over.
void ServiceUnit::arming_changed() {
    const bool still = arming_.held(now());
    if (still != standing_still_) hold_instances(still);
    watch_allowed();
}

void ServiceUnit::hold_instances(bool still) {
    standing_still_ = still;
    if (!still) say(LogLevel::notice, "resumed");
    each_instance([&](Instance& instance) { instance.hold(still); });
    if (connections_) connections_->hold(still);
}

/// Listeners are the same ones by their names; a limit that is the same goes on counting.
void ServiceUnit::carry_arming_over(const Service& before) {
    std::vector<std::optional<std::size_t>> former;
    std::vector<bool> taken(before.listeners.size(), false);
    for (const Listener& listener : service_->listeners) {
        std::optional<std::size_t>& found = former.emplace_back();
        for (std::size_t i = 0; i < before.listeners.size() && i < arming_.listeners.size() && !found; ++i)
            if (!taken[i] && before.listeners[i].name == listener.name) found = i;
        if (found) taken[*found] = true;
    }
    arming_ = carry_arming(arming_, service_->listeners, former);
}

/// Whoever else holds a listener that is watched may shut it down. That is no traffic, and reported for ever.
void ServiceUnit::woken(Place place, std::uint32_t revents) { // by value: its source may go
    const std::size_t listener = place.listener;
    const std::string& name = service_->listeners[listener].name;
    if ((revents & EPOLLHUP) != 0) {
        if (revivals_.allow(now())) revive_socket(place);
        if (why_unusable(at(place).fd.get(), service_->listeners[listener].protocol).empty()) return;
        say(LogLevel::error, fmt::format("listener {} is not watched until the service has run again", name));
        std::erase_if(sources_, [&](const Watched& watched) { return watched.place.listener == listener; });
        return;
    }
    switch (wake(arming_, listener, now())) {
    case Waking::ignored: return;
    case Waking::start: return service_->accept ? accept_from(place) : begin_start(Traffic{});
    case Waking::poll_limit: return watch_allowed();
    case Waking::trigger_limit:
        say(LogLevel::warning, fmt::format("trigger limit of listener {} hit; who connects waits until the interval has passed", name));
        return watch_allowed();
    case Waking::fail:
        last_failure_ = fmt::format("trigger limit of listener {} hit", name);
        return post_to_all(LimitHit{});
    }
}

/// What a child has done to its sockets ends with it: the next one, and who waits for it, gets them as they should be.
void ServiceUnit::revive_listeners() {
    for (const Place& place : places())
        if (at(place).fd) revive_socket(place);
}

/// systemd.socket(5), FlushPending=: who waits when the listeners begin to be watched has come for a service that has ended.
void ServiceUnit::flush_listeners() const {
    for (const Place& place : places()) {
        const Listener& listener = service_->listeners[place.listener];
        if (listener.flush_pending && is_wanted(place) && at(place).fd) flush(at(place).fd.get(), listener.protocol);
    }
}

/// Nothing makes a UNIX socket that was shut down listen again: a new one takes its place, and who waits in the old one is sent away.
void ServiceUnit::replace_socket(std::size_t listener, const std::string& why) {
    const Listener& wanted = service_->listeners[listener];
    auto opened = host_.reopen(wanted, listeners_[listener], 1);
    const std::string context = fmt::format("listener {}: {}", wanted.name, why);
    if (!opened) return say(LogLevel::error, std::move(opened).error().within(context).to_string());
    const bool watched = std::erase_if(sources_, [&](const Watched& source) { return source.place.listener == listener; }) > 0;
    listeners_[listener].sockets.front().group = std::move(opened->front());
    ++socket_set_;
    say(LogLevel::notice, context + "; opened anew");
    if (watched) watch({listener, 0, 0});
}

void ServiceUnit::revive_socket(const Place& place) {
    const Listener& wanted = service_->listeners[place.listener];
    LiveSocket& live = listeners_[place.listener].sockets[place.socket];
    const std::string why = why_unusable(at(place).fd.get(), wanted.protocol);
    if (wanted.is_unix()) {
        if (!why.empty()) replace_socket(place.listener, why);
        return;
    }
    auto revived = revive(at(place), wanted.protocol, wanted.backlog);
    if (revived && !*revived) return;
    const std::string context = fmt::format("listener {}: {}", wanted.name, why);
    if (!revived) return say(LogLevel::error, std::move(revived).error().within(context).to_string());
    say(LogLevel::notice, fmt::format("{}; {} again", context, wanted.protocol == Protocol::tcp ? "listening" : "free"));
    if (wanted.protocol == Protocol::tcp) live.group.listens_again(place.member);
    spread_traffic(true);
    if (slots_empty_ && wanted.when_down != WhenDown::queue) return;
    if (place.member > 0) return;
    if (auto filled = host_.fill_slot(live); !filled) // before 5.19 a fall emptied it
        say(LogLevel::error, filled.error().to_string());
}

void ServiceUnit::close_listeners() {
    disarm();
    closed_ = true;
    for (LiveListener& listener : listeners_)
        for (LiveSocket& socket : listener.sockets) {
            host_.empty_slot(socket);
            socket.group.close();
        }
}

Status ServiceUnit::open_listeners() {
    for (std::size_t i = 0; i < listeners_.size(); ++i)
        if (auto opened = open_listener(i); !opened) {
            close_listeners(); // those that are open
            return opened;
        }
    closed_ = false;
    tag_listeners();
    return {};
}

Status ServiceUnit::open_listener(std::size_t number) {
    LiveListener& closed = listeners_[number];
    const Listener& listener = service_->listeners[number];
    auto opened = host_.reopen(listener, closed, members_of(*service_, listener));
    if (!opened) return Failure(std::move(opened).error().within(fmt::format("listener {}", listener.name)));
    for (std::size_t s = 0; s < closed.sockets.size(); ++s) {
        closed.sockets[s].group = std::move((*opened)[s]);
        if (auto filled = host_.fill_slot(closed.sockets[s]); !filled) return filled;
    }
    return {};
}

void ServiceUnit::fill_slots() {
    for (const LiveListener& listener : listeners_)
        for (const LiveSocket& socket : listener.sockets)
            if (socket.group.is_open())
                if (auto filled = host_.fill_slot(socket); !filled) say(LogLevel::error, filled.error().to_string());
}

/// While a service is down for good or for long, the listeners that do not want to queue have no socket to offer, and the
/// dispatcher does what their when_down says
void ServiceUnit::keep_slots() {
    const bool down = std::all_of(workers_.begin(), workers_.end(), [](const auto& worker) {
        const State state = worker->life.state;
        return state == State::stopped || state == State::paused || state == State::failed;
    });
    if (down == slots_empty_) return;
    slots_empty_ = down;
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
        if (service_->listeners[i].when_down == WhenDown::queue) continue;
        for (const LiveSocket& socket : listeners_[i].sockets) {
            if (!socket.group.is_open()) continue;
            if (down)
                host_.empty_slot(socket);
            else if (auto filled = host_.fill_slot(socket); !filled)
                say(LogLevel::error, filled.error().to_string());
        }
    }
}

} // namespace swathe
