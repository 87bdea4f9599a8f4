#include "supervise/idle.h"

#include <algorithm>

namespace swathe {
namespace {

constexpr int kLooks = 4; // within the limit
constexpr Duration kShortestStep = std::chrono::milliseconds(10);

/// Notes a sign of life. False: there is none.
bool take_signs(Idle& idle, const IdleSigns& signs, Monotonic now) noexcept {
    const bool alive = signs.queued || signs.packets != idle.packets;
    idle.packets = signs.packets;
    if (!alive) return false;
    idle.quiet_since = now;
    idle.unconnected = false;
    return true;
}

/// The end of the quiet time if that is nearer: with no sign of life until then the stop is not late.
IdleNext wait(Idle& idle, Monotonic now) noexcept {
    idle.look_at = std::min(later(now, idle_step(idle.limit)), later(idle.quiet_since, idle.limit));
    return IdleNext::wait;
}

} // namespace

Duration idle_step(Duration limit) noexcept { return std::max(limit / kLooks, kShortestStep); }

Idle begin_idle(Duration limit, const IdleSigns& signs, Monotonic now) noexcept {
    Idle idle;
    idle.limit = limit;
    idle.packets = signs.packets;
    idle.quiet_since = now;
    if (limit != kInfinity) (void)wait(idle, now);
    return idle;
}

IdleNext look(Idle& idle, const IdleSigns& signs, Monotonic now) noexcept {
    if (take_signs(idle, signs, now)) return wait(idle, now);
    idle.look_at = Monotonic::max();
    return IdleNext::ask;
}

IdleNext answer(Idle& idle, bool connections, const IdleSigns& signs, Monotonic now) noexcept {
    if (take_signs(idle, signs, now)) return wait(idle, now);
    if (connections || !idle.unconnected) idle.quiet_since = now; // one that is gone may have been there until now
    idle.unconnected = !connections;
    return now < later(idle.quiet_since, idle.limit) ? wait(idle, now) : IdleNext::stop;
}

} // namespace swathe
