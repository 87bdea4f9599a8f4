#include "base/rate_limit.h"

namespace swathe {

bool RateLimit::allow(Monotonic now) noexcept {
    if (interval_ <= Duration::zero() || burst_ == 0) return true;
    if (count_ == 0 || now > window_end()) {
        begin_ = now;
        count_ = 1;
        return true;
    }
    if (count_ >= burst_) return false;
    ++count_;
    return true;
}

} // namespace swathe
