#pragma once

#include "base/clock.h"

#include <cstdint>

namespace swathe {

/// A tumbling window, as systemd's (src/basic/ratelimit.c): the first event opens it, and event number burst + 1
/// inside `interval` is refused. An interval or a burst of 0 never refuses. Pure: the clock is passed in.
class RateLimit {
public:
    RateLimit() noexcept = default;
    RateLimit(Duration interval, std::uint32_t burst) noexcept : interval_(interval), burst_(burst) {}

    [[nodiscard]] bool allow(Monotonic now) noexcept; ///< counts one event; false = over the limit
    [[nodiscard]] Monotonic window_end() const noexcept { return later(begin_, interval_); } ///< after this the next event is allowed again
    void reset() noexcept { count_ = 0; }
    [[nodiscard]] bool same_limit(const RateLimit& other) const noexcept { return interval_ == other.interval_ && burst_ == other.burst_; }
    friend bool operator==(const RateLimit&, const RateLimit&) noexcept = default;

private:
    Duration interval_{};
    std::uint32_t burst_ = 0;
    Monotonic begin_{};
    std::uint32_t count_ = 0;
};

} // namespace swathe
