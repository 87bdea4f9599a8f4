// Draft: which slots take the packets of listeners, and which count them.

#include "supervise/draft.h"

namespace swathe {

std::map<ListenerRef, std::size_t> Draft::steps() const {
    std::map<ListenerRef, std::size_t> steps;
    for (std::size_t i = 0; i < plan_.listeners.size(); ++i) steps.emplace(plan_.listeners[i].next, i);
    return steps;
}

SlotOf Draft::slots() const {
    return [this, step_of = steps()](ListenerRef ref, Family family) {
        const std::size_t step = step_of.at(ref);
        const std::vector<LiveSocket>* kept = kept_sockets(step);
        const auto slot = kept != nullptr ? slot_for(*kept, family) : std::nullopt;
        return slot ? *slot : slot_for(opened_[step], family).value(); // open_sockets() has seen to it
    };
}

LimiterOf Draft::limiters() const {
    return [this, step_of = steps()](ListenerRef ref) {
        const std::size_t step = step_of.at(ref);
        const std::vector<LiveSocket>* kept = kept_sockets(step);
        return limiter_of(kept != nullptr && !kept->empty() ? *kept : opened_[step]);
    };
}

} // namespace swathe
