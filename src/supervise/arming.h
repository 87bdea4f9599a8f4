#pragma once

#include "base/rate_limit.h"
#include "model/listener.h"

#include <optional>
#include <span>
#include <vector>

namespace swathe {

/// Which listeners of a service are watched for traffic: those for which its lifecycle wants it, that are not paused by hand, and whose
/// poll and trigger limits are not used up. Who comes meanwhile waits in the backlog. Pure and a value: the clock is passed in.
///
/// Both limits are systemd.socket(5)'s, for each listener. PollLimit: a wake-up beyond it is no traffic yet, and the listener is not
/// watched until the window has passed. TriggerLimit: the same for a start that its traffic asks for; or the service fails
/// (`trigger_limit_fails`). A wake-up that the poll limit holds does not count against the trigger limit.
struct Arming {
    struct OfListener {
        RateLimit poll, trigger;
        bool trigger_fails = false;
        Monotonic closed_until{}; ///< by one of the limits
        friend bool operator==(const OfListener&, const OfListener&) noexcept = default;
    };
    std::vector<OfListener> listeners;
    bool wanted = false;    ///< by the lifecycle: between ArmListeners and DisarmListeners
    Monotonic held_until{}; ///< paused by hand; Monotonic::max() = until it is resumed

    [[nodiscard]] bool held(Monotonic now) const noexcept { return now < held_until; }
    [[nodiscard]] bool watches(std::size_t listener, Monotonic now) const noexcept {
        return wanted && !held(now) && now >= listeners[listener].closed_until;
    }
    /// When watches() or held() next change without an event; Monotonic::max() = never.
    [[nodiscard]] Monotonic next_change(Monotonic now) const noexcept;
    friend bool operator==(const Arming&, const Arming&) noexcept = default;
};

[[nodiscard]] Arming begin_arming(std::span<const Listener> listeners);
/// After a reload. Listener `i` was `former[i]` of the old ones, or is new (nothing). A window goes on while its limit is the same.
[[nodiscard]] Arming carry_arming(const Arming& old, std::span<const Listener> listeners,
                                  std::span<const std::optional<std::size_t>> former);

/// What a wake-up of a listener means.
enum class Waking : std::uint8_t {
    ignored,      ///< it is not watched (any more): an event that was already under way
    start,        ///< Traffic for the lifecycle
    poll_limit,   ///< held back until the listener's `closed_until`
    trigger_limit, ///< the same
    fail,         ///< trigger limit, and the service is to fail
};
/// A listener that is watched has become readable.
[[nodiscard]] Waking wake(Arming& arming, std::size_t listener, Monotonic now) noexcept;

/// Of a listener whose connections are accepted one by one, and which wake() has let through: may another one be taken in the same turn?
/// The trigger limit counts them all; what is to happen beyond it is for the next wake-up to say.
[[nodiscard]] bool may_take_another(const Arming& arming, std::size_t listener, Monotonic now) noexcept;
void took_another(Arming& arming, std::size_t listener, Monotonic now) noexcept;
/// Nothing can be accepted for want of descriptors or memory: the listener is not watched for a moment.
void hold_back(Arming& arming, std::size_t listener, Monotonic until) noexcept;

/// `swathectl pause`; a new one replaces the one before. kInfinity = until it is resumed.
void pause(Arming& arming, Duration most, Monotonic now) noexcept;
/// `swathectl resume`. The limits stay as they are. False: it was not paused.
bool resume(Arming& arming, Monotonic now) noexcept;
/// A start by hand overrules the limits: all windows begin anew.
void clear_limits(Arming& arming) noexcept;

} // namespace swathe
