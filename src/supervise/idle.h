#pragma once

#include "base/clock.h"

#include <cstdint>

namespace swathe {

/// Decides when a running service has been idle for `idle_stop_sec`: no connection that one of its listeners accepted is left, nothing
/// waits in their queues, and no packet was steered to them for that long. Pure and a value: the clock is passed in.
///
/// Nothing tells when a connection ends, so there is a look every quarter of the time, and what is gone at one look counts as gone from
/// then on. The cheap half of a look (counters, queues) comes first; only where it found nothing are connections asked for, so that at
/// the first such look they may have been there until then. The service stops after 1 to 1.5 times `idle_stop_sec`, and never early.
/// A connection that a dump overlooks because the table moved under it would have to be overlooked at every look in a row.
struct Idle {
    Duration limit = kInfinity;  ///< kInfinity = never
    std::uint64_t packets = 0;   ///< seen so far
    Monotonic quiet_since{};     ///< no sign of life from here on
    bool unconnected = false;    ///< the last answer was that there is no connection, and no packet has come since
    Monotonic look_at = Monotonic::max(); ///< the one timer; max() = none: never, or an answer is awaited
    friend bool operator==(const Idle&, const Idle&) noexcept = default;
};

/// What costs nothing to find out.
struct IdleSigns {
    std::uint64_t packets = 0; ///< steered to the service's listeners, in all; going backwards (counters begun anew) is a change, too
    bool queued = false;       ///< something waits in a listener's queue: an unaccepted connection, an unread datagram
};

enum class IdleNext : std::uint8_t {
    wait, ///< until look_at
    ask,  ///< for connections; the answer goes to answer()
    stop,
};

/// Call when the service is ready, and again for each new run.
[[nodiscard]] Idle begin_idle(Duration limit, const IdleSigns& signs, Monotonic now) noexcept;
/// The timer has fired. Returns `wait` or `ask`.
[[nodiscard]] IdleNext look(Idle& idle, const IdleSigns& signs, Monotonic now) noexcept;
/// The answer to `ask`, with the signs of now: traffic may have come while it was found. Never returns `ask`.
/// Where connections cannot be asked for the caller says that there are some: better idle for ever than cut off.
[[nodiscard]] IdleNext answer(Idle& idle, bool connections, const IdleSigns& signs, Monotonic now) noexcept;

/// Time between two looks: a quarter of `limit`, but at least 10 ms.
[[nodiscard]] Duration idle_step(Duration limit) noexcept;

} // namespace swathe
