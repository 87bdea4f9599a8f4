#include "model/config.h"

#include <algorithm>

namespace swathe {

bool Listener::has_family(Family family) const noexcept {
    return std::any_of(endpoints.begin(), endpoints.end(), [&](const Endpoint& e) {
        return std::any_of(e.addresses.begin(), e.addresses.end(), [&](const auto& a) { return a.value.family() == family; });
    });
}

Listener only_family(const Listener& listener, Family family) {
    Listener part = listener;
    for (Endpoint& endpoint : part.endpoints) std::erase_if(endpoint.addresses, [&](const auto& a) { return a.value.family() != family; });
    std::erase_if(part.endpoints, [](const Endpoint& endpoint) { return endpoint.addresses.empty(); });
    if (part.home && part.home->address.family != family) part.home.reset();
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
