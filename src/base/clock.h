#pragma once

#include <chrono>

namespace swathe {

/// CLOCK_MONOTONIC, so that suspend and clock steps do not count (libstdc++'s steady_clock is that clock).
using Monotonic = std::chrono::steady_clock::time_point;
using Duration = std::chrono::microseconds; ///< systemd's unit

/// "infinity" of a time span: no time-out.
inline constexpr Duration kInfinity = Duration::max();

[[nodiscard]] inline Monotonic now() noexcept { return std::chrono::steady_clock::now(); }

/// `by` after `from`, or Monotonic::max() where that lies beyond it: `kInfinity` and spans of more than 292 years do.
[[nodiscard]] constexpr Monotonic later(Monotonic from, Duration by) noexcept {
    const auto room = std::chrono::duration_cast<Duration>(Monotonic::max() - from);
    return by >= room ? Monotonic::max() : from + by;
}

} // namespace swathe
