#include "model/config.h"

#include <algorithm>
#include <utility>

namespace swathe {

bool Listener::has_family(Family family) const noexcept {
    return std::any_of(endpoints.begin(), endpoints.end(), [&](const Endpoint& e) {
        return std::any_of(e.addresses.begin(), e.addresses.end(), [&](const auto& a) { return a.value.family() == family; });
    });
}

Listener only_family(const Listener& listener, Family family) {
    Listener part = listener;
    for (Endpoint& endpoint : part.endpoints) {
        const AddressList all = std::exchange(endpoint.addresses, {});
        for (const auto& range : all)
            if (range.value.family() == family) endpoint.addresses.push_back(range);
    }
    std::erase_if(part.endpoints, [](const Endpoint& endpoint) { return endpoint.addresses.empty(); });
    if (part.home && part.home->address.family != family) part.home.reset();
    return part;
}

Config only_in(const Config& config, const std::set<std::string>& namespaces) {
    Config part;
    part.daemon = config.daemon;
    for (const GlobalRule& rule : config.rules)
        if (namespaces.contains(rule.netns)) part.rules.push_back(rule);
    for (const Service& service : config.services) {
        Service& copy = part.services.emplace_back();
        copy.name = service.name;
        copy.pos = service.pos;
        for (const Listener& listener : service.listeners) {
            if (namespaces.contains(listener.netns)) {
                copy.listeners.push_back(listener);
                continue;
            }
            Listener& elsewhere = copy.listeners.emplace_back();
            elsewhere.name = listener.name;
            elsewhere.protocol = listener.protocol;
            elsewhere.netns = listener.netns;
            elsewhere.pos = listener.pos;
        }
    }
    return part;
}

const char* to_string(Verdict verdict) noexcept {
    switch (verdict) {
    case Verdict::steer: return "steer";
    case Verdict::drop: return "drop";
    case Verdict::pass: return "pass";
    }
    return "";
}

} // namespace swathe
