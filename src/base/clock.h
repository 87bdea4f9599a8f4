#pragma once

#include <chrono>

namespace swathe {

/// CLOCK_MONOTONIC, so that suspend and clock steps do not count (libstdc++'s steady_clock is that clock).
using Monotonic = std::chrono::steady_clock::time_point;
using Duration = std::chrono::microseconds; ///< systemd's unit

/// "infinity" of a time span: no time-out.
inline constexpr Duration kInfinity = Duration::max();

[[nodiscard]] inline Monotonic now() noexcept { return std::chrono::steady_clock::now(); }

} // namespace swathe
