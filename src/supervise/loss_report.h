#pragma once

#include "base/clock.h"
#include "base/error.h"

#include <optional>
#include <string>

namespace swathe {

inline constexpr Duration kLossInterval = std::chrono::seconds(10); ///< between two complaints about lines of one service

/// Lines of one service that could not be written: what is to be said of them, and when. Pure: the clock is passed in.
class LossReport {
public:
    /// One line is lost. What to say at once: the first time, and after a pause of kLossInterval.
    [[nodiscard]] std::optional<std::string> lost(const Error& why, Monotonic now);
    /// What to say at `now`, how many lines were lost since; at most once in kLossInterval.
    [[nodiscard]] std::optional<std::string> due(Monotonic now);
    [[nodiscard]] bool pending() const noexcept { return count_ > 0; }

private:
    [[nodiscard]] std::optional<std::string> count_up_to(Monotonic now);

    std::uint64_t count_ = 0; ///< not told yet
    std::string why_;
    std::optional<Monotonic> said_; ///< when something was
};

} // namespace swathe
