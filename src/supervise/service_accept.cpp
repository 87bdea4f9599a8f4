// ServiceUnit: one instance for each connection (accept = true).

#include "socket/backlog.h"
#include "socket/descriptors.h"
#include "supervise/connections.h"
#include "supervise/flows.h"
#include "supervise/service_unit.h"
#include "supervise/site.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace swathe {
namespace {

// A start takes as long as its child needs to its exec. The other sources have their turn after so many, or after so long.
constexpr int kMostPerTurn = 64;
constexpr Duration kTurn = std::chrono::milliseconds(5);
constexpr Duration kPauseOfWant = std::chrono::milliseconds(100); ///< without descriptors, memory, or a service that is needed
constexpr Duration kLongestPause = std::chrono::seconds(10);      ///< of those that follow one another in vain

/// `listeners` outlives it. The tables have limits for each listener of a service that drops, so that nothing goes wrong here but a lack of
/// memory: then whoever comes is accepted and refused.
Gates::Kernel gates_of(const std::vector<LiveListener>& listeners) {
    const auto for_each_limiter = [&listeners](const auto& tell) {
        for (const LiveListener& listener : listeners)
            if (!listener.sockets.empty() && listener.sockets.front().is_steered())
                (void)tell(listener.sockets.front().site->dispatcher, limiter_of(listener.sockets));
    };
    return {[for_each_limiter](bool closed) {
                for_each_limiter([closed](Dispatcher& dispatcher, std::uint32_t limiter) { return dispatcher.set_gate(limiter, closed); });
            },
            [for_each_limiter](const Prefix& source, bool blocked) {
                for_each_limiter([&](Dispatcher& dispatcher, std::uint32_t limiter) { return dispatcher.block(limiter, source, blocked); });
            }};
}

} // namespace

Status ServiceUnit::make_connections() {
    if (!service_->accept && !connections_) return {};
    if (!connections_) {
        auto made = Connections::create(loop_, host_, notify_path_, log_, [this] { connection_ended(); });
        if (!made) return Failure(std::move(made).error());
        connections_ = std::move(*made);
        connections_->keep_gates(gates_of(listeners_));
    }
    connections_->use(*service_);
    const auto is_udp = [](const Listener& listener) { return listener.kind() == SocketKind::udp; };
    return std::any_of(service_->listeners.begin(), service_->listeners.end(), is_udp) ? make_flows() : Status{};
}

/// After a reload. Whoever accepted for himself has to end before we do; connections that are served go on either way.
void ServiceUnit::accept_changed(const Service& before) {
    if (auto made = make_connections(); !made) return say(LogLevel::error, made.error().to_string());
    if (service_->accept == before.accept || !service_->accept) return;
    for (const auto& worker : workers_)
        if (worker->instance || worker->life.state == State::backoff) events_.push_back({worker.get(), RestartAsked{}});
    drain_events();
}

void ServiceUnit::accept_from(const Place& place) {
    if (awaits_needed_first(place)) return;
    AcceptTurn turn{later(now(), kTurn), 0};
    if (service_->listeners[place.listener].protocol == Protocol::udp) return serve_flows(place, turn);
    for (;;) {
        if (was_shut_ = connections_->is_shut(); was_shut_) return watch_allowed();
        RateLimit& trigger = arming_.listeners[place.listener].trigger;
        const RateLimit before = trigger;
        if (!may_accept(place, turn)) return;
        if (accept_one(place)) continue;
        if (turn.taken > 1) trigger = before; // nobody was there to be counted
        return;
    }
}

/// The first one is counted by wake().
bool ServiceUnit::may_accept(const Place& place, AcceptTurn& turn) {
    if (turn.taken == 0) return ++turn.taken > 0;
    if (turn.taken == kMostPerTurn || now() >= turn.end || !may_take_another(arming_, place.listener, now())) return false;
    took_another(arming_, place.listener, now());
    ++turn.taken;
    return true;
}

/// False: nobody else is there, or can be served now. Who is accepted cannot go back into the backlog: what his start needs must be there.
bool ServiceUnit::accept_one(const Place& place) {
    const Listener& listener = service_->listeners[place.listener];
    if (!has_descriptors(kDescriptorsOfStart)) {
        if (queued(at(place).fd.get(), listener.protocol) > 0) cannot_accept(place, EMFILE);
        return false;
    }
    AcceptedSocket accepted = accept_next(at(place).fd.get());
    switch (accepted.outcome) {
    case AcceptedSocket::Outcome::nobody: return false;
    case AcceptedSocket::Outcome::exhausted:
    case AcceptedSocket::Outcome::failed: return cannot_accept(place, accepted.error), false;
    case AcceptedSocket::Outcome::taken: break;
    }
    auto ends = ends_of(accepted.fd.get(), listener.kind());
    if (!ends) return true; // gone already
    directories_used_ = !service_->runtime_directory.names.empty();
    connections_->serve(std::move(accepted.fd), std::move(*ends), listener);
    return true;
}

void ServiceUnit::cannot_accept(const Place& place, int error) {
    connections_->complain(LogLevel::error, fmt::format("listener {}: accept: {}", service_->listeners[place.listener].name,
                                                        std::generic_category().message(error)));
    hold_back(arming_, place.listener, later(now(), kPauseOfWant));
    watch_allowed();
}

/// Where nobody is served now it is a start, and who has come waits in the backlog for those that the service needs. If these cannot be had
/// they are asked again, after a pause that grows: one client who waits must not have them started for ever.
bool ServiceUnit::awaits_needed_first(const Place& place) {
    if (!host_.is_linked(*this) || !connections_->empty() || std::exchange(needed_ready_, false)) return false;
    await_needed("nobody is served", [this, listener = place.listener](bool ready) {
        needed_ready_ = ready && !std::exchange(start_called_off_, false);
        needed_pause_ = ready ? Duration() : std::clamp(needed_pause_ * 2, kPauseOfWant, kLongestPause);
        if (!ready && listener < arming_.listeners.size()) hold_back(arming_, listener, later(now(), needed_pause_));
        settle();
    });
    return !std::exchange(needed_ready_, false); // they may all be there
}

/// The worker is told when nobody is left: by now, or by connection_ended().
void ServiceUnit::stop_connections(Worker& worker, bool for_restart) {
    const bool nobody = connections_->empty();
    connections_->stop(for_restart);
    if (nobody && connections_->empty()) events_.push_back({&worker, Ended{}});
}

/// Most ends change nothing but a number.
void ServiceUnit::connection_ended() {
    if (was_shut_ && !connections_->is_shut()) {
        was_shut_ = false;
        watch_allowed();
    }
    if (!connections_->empty()) return;
    Worker& worker = *workers_.front();
    if (worker.life.state == State::stopping && !worker.instance) return post(worker, Ended{});
    if (!service_->accept || !waiters_.empty() || directories_used_) settle();
}

bool ServiceUnit::is_listening(const Worker& worker) const noexcept { return service_->accept && worker.life.state == State::idle; }

} // namespace swathe
