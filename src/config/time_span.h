#pragma once

#include "base/clock.h"
#include "base/error.h"

#include <string>
#include <string_view>

namespace swathe {

/// The longest finite span: longer ones would overflow when added to the clock's nanoseconds.
inline constexpr Duration kTimeSpanMax = std::chrono::hours(24 * 36525); // 100 years

/// Reads a time span as systemd.time(7) has it: "5min 20s", "1.5h", "100ms", a bare number of `bare` units, or "infinity"
/// (kInfinity). Numbers add up. Fractions of a microsecond are cut. Errors: no number, unknown unit, a sign, over
/// kTimeSpanMax.
[[nodiscard]] Result<Duration> parse_time_span(std::string_view text, Duration bare = std::chrono::seconds(1));

/// The shortest text that parse_time_span() reads as `span`: "1min 30s", "100ms", "infinity", "0".
[[nodiscard]] std::string format_time_span(Duration span);

} // namespace swathe
