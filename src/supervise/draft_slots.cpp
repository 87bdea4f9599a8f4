// Draft: which listeners lack a socket, which slots take their packets, and which count them.

#include "supervise/draft.h"

namespace swathe {

std::map<ListenerRef, std::size_t> Draft::steps() const {
    std::map<ListenerRef, std::size_t> steps;
    for (std::size_t i = 0; i < plan_.listeners.size(); ++i) steps.emplace(plan_.listeners[i].next, i);
    return steps;
}

std::vector<std::uint32_t> Draft::opening() const {
    std::vector<std::uint32_t> services;
    for (std::size_t i = 0; i < plan_.listeners.size(); ++i) {
        const ListenerRef ref = plan_.listeners[i].next;
        const Listener& listener = listener_at(world_->config, ref);
        const std::vector<LiveSocket>* kept = kept_sockets(i);
        const auto lacks = [&](Family family) { return listener.has_family(family) && !slot_for(*kept, family); };
        const bool opens = kept == nullptr || lacks(Family::ipv4) || lacks(Family::ipv6);
        const bool is_ours = !world_->config.services[ref.service].systemd;
        if (opens && is_ours && (services.empty() || services.back() != ref.service)) services.push_back(ref.service);
    }
    return services;
}

SlotOf Draft::slots() const {
    return [this, step_of = steps()](ListenerRef ref, Family family) {
        const std::size_t step = step_of.at(ref);
        const std::vector<LiveSocket>* kept = kept_sockets(step);
        const auto slot = kept != nullptr ? slot_for(*kept, family) : std::nullopt;
        return slot ? *slot : slot_for(opened_[step], family).value(); // open() has seen to it
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
