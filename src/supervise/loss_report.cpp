#include "supervise/loss_report.h"

#include <utility>

#include <fmt/format.h>

namespace swathe {

std::optional<std::string> LossReport::lost(const Error& why, Monotonic now) {
    ++count_;
    why_ = why.to_string();
    if (said_ && now < later(*said_, kLossInterval)) return std::nullopt;
    if (count_ > 1) return count_up_to(now);
    said_ = now;
    return fmt::format("its output cannot be written: {}; lines are lost", why_);
}

std::optional<std::string> LossReport::due(Monotonic now) {
    if (count_ == 0 || now < later(*said_, kLossInterval)) return std::nullopt;
    return count_up_to(now);
}

std::optional<std::string> LossReport::count_up_to(Monotonic now) {
    said_ = now;
    const std::uint64_t count = std::exchange(count_, 0);
    return fmt::format("{} line{} of its output lost: {}", count, count == 1 ? "" : "s", why_);
}

} // namespace swathe
