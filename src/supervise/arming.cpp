#include "supervise/arming.h"

#include <algorithm>

namespace swathe {
namespace {

RateLimit window_of(const EventLimit& limit) { return {limit.interval, limit.burst}; }

Arming::OfListener begin_listener(const Listener& listener) {
    return {window_of(listener.poll_limit), window_of(listener.trigger_limit), listener.trigger_limit_fails, {}};
}

/// The first moment at which a limit allows another event: its window's end still belongs to it.
Monotonic reopening(const RateLimit& limit) noexcept { return later(limit.window_end(), Duration(1)); }

Waking hold(Arming::OfListener& listener, const RateLimit& used_up, Waking why) noexcept {
    listener.closed_until = reopening(used_up);
    return why;
}

} // namespace

Monotonic Arming::next_change(Monotonic now) const noexcept {
    if (held(now)) return held_until;
    Monotonic next = Monotonic::max();
    if (!wanted) return next;
    for (const OfListener& listener : listeners)
        if (now < listener.closed_until) next = std::min(next, listener.closed_until);
    return next;
}

Arming begin_arming(std::span<const Listener> listeners) {
    Arming arming;
    for (const Listener& listener : listeners) arming.listeners.push_back(begin_listener(listener));
    return arming;
}

Arming carry_arming(const Arming& old, std::span<const Listener> listeners, std::span<const std::optional<std::size_t>> former) {
    Arming arming = begin_arming(listeners);
    arming.wanted = old.wanted;
    arming.held_until = old.held_until;
    for (std::size_t i = 0; i < listeners.size(); ++i) {
        if (!former[i]) continue;
        const Arming::OfListener& before = old.listeners[*former[i]];
        Arming::OfListener& after = arming.listeners[i];
        const bool same_poll = before.poll.same_limit(after.poll), same_trigger = before.trigger.same_limit(after.trigger);
        if (same_poll) after.poll = before.poll;
        if (same_trigger) after.trigger = before.trigger;
        if (same_poll && same_trigger) after.closed_until = before.closed_until; // a limit that changed reopens: it is counted anew
    }
    return arming;
}

Waking wake(Arming& arming, std::size_t listener, Monotonic now) noexcept {
    if (!arming.watches(listener, now)) return Waking::ignored;
    Arming::OfListener& one = arming.listeners[listener];
    if (!one.poll.allow(now)) return hold(one, one.poll, Waking::poll_limit);
    if (one.trigger.allow(now)) return Waking::start;
    return one.trigger_fails ? Waking::fail : hold(one, one.trigger, Waking::trigger_limit);
}

bool may_take_another(const Arming& arming, std::size_t listener, Monotonic now) noexcept {
    RateLimit trial = arming.listeners[listener].trigger;
    return trial.allow(now);
}

void took_another(Arming& arming, std::size_t listener, Monotonic now) noexcept { (void)arming.listeners[listener].trigger.allow(now); }

void hold_back(Arming& arming, std::size_t listener, Monotonic until) noexcept { arming.listeners[listener].closed_until = until; }

void pause(Arming& arming, Duration most, Monotonic now) noexcept { arming.held_until = later(now, most); }

bool resume(Arming& arming, Monotonic now) noexcept {
    const bool was_held = arming.held(now);
    arming.held_until = {};
    return was_held;
}

void clear_limits(Arming& arming) noexcept {
    for (Arming::OfListener& listener : arming.listeners) {
        listener.poll.reset();
        listener.trigger.reset();
        listener.closed_until = {};
    }
}

} // namespace swathe
