#include "supervise/flow_idle.h"

#include <algorithm>

namespace swathe {
namespace {

constexpr std::chrono::milliseconds kStep(500); ///< a clock that is slewed is not off by so much between two looks

std::chrono::nanoseconds offset_of(const BothClocks& at) noexcept {
    return std::chrono::nanoseconds(at.realtime_ns) - at.now.time_since_epoch();
}

/// When the newest datagram has come.
Monotonic newest(const FlowIdle& idle, const FlowActivity& signs, const BothClocks& at) noexcept {
    if (signs == idle.seen && signs.is_told) return idle.last;
    const bool unread_is_new = signs.unread_bytes != 0 && signs.unread_bytes != idle.seen.unread_bytes;
    if (unread_is_new || signs.dropped != idle.seen.dropped || !signs.is_told || signs.read_ns == idle.seen.read_ns) return at.now;
    if (std::chrono::abs(offset_of(at) - idle.offset) > kStep) return at.now;
    return std::clamp(at.now - std::chrono::nanoseconds(at.realtime_ns - signs.read_ns), idle.last, at.now);
}

} // namespace

BothClocks BothClocks::read() noexcept {
    const auto realtime = std::chrono::system_clock::now().time_since_epoch();
    return {swathe::now(), std::chrono::duration_cast<std::chrono::nanoseconds>(realtime).count()};
}

FlowIdle begin_flow_idle(Duration limit, const FlowActivity& signs, const BothClocks& at) noexcept {
    return {signs, at.now, later(at.now, limit), offset_of(at)};
}

bool look(FlowIdle& idle, Duration limit, const FlowActivity& signs, const BothClocks& at) noexcept {
    idle.last = newest(idle, signs, at);
    idle.seen = signs;
    idle.offset = offset_of(at);
    idle.look_at = later(idle.last, limit);
    return at.now >= idle.look_at;
}

} // namespace swathe
