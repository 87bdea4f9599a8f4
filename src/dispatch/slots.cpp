#include "dispatch/slots.h"

namespace swathe {

std::optional<std::uint32_t> Slots::take() {
    if (!free_.empty()) return free_.extract(free_.begin()).value();
    if (next_ == capacity_) return std::nullopt;
    return next_++;
}

void Slots::release(std::uint32_t slot) {
    if (taken(slot)) resting_.insert(slot);
}

void Slots::wake(const std::vector<bool>& named) {
    for (auto at = resting_.begin(); at != resting_.end();) {
        if (*at < named.size() && named[*at]) {
            ++at;
            continue;
        }
        free_.insert(*at);
        at = resting_.erase(at);
    }
}

} // namespace swathe
