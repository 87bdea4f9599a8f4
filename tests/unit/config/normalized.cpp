#include "normalized.h"

#include <algorithm>

namespace swathe {
namespace {

/// Each address once; the first stays first, since the socket is bound there, and of the others the order means
/// nothing.
void sort(AddressList& addresses) {
    std::vector<Placed<AddressRange>> all(addresses.begin(), addresses.end());
    const auto less = [](const auto& a, const auto& b) { return a.value < b.value; };
    const AddressRange first = all.front().value;
    std::sort(all.begin(), all.end(), less);
    all.erase(std::unique(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.value == b.value; }),
              all.end());
    std::stable_partition(all.begin(), all.end(), [&](const auto& a) { return a.value == first; });
    addresses.clear();
    for (const auto& one : all) addresses.push_back(one);
}

void join(std::vector<Endpoint>& endpoints) {
    std::vector<Endpoint> joined;
    for (const Endpoint& endpoint : endpoints) {
        const auto same =
            std::find_if(joined.begin(), joined.end(), [&](const Endpoint& e) { return e.ports == endpoint.ports; });
        if (same == joined.end())
            joined.push_back(endpoint);
        else
            same->addresses.append(endpoint.addresses);
    }
    for (Endpoint& endpoint : joined) sort(endpoint.addresses);
    endpoints = std::move(joined);
}

void settle(std::vector<Command>& commands) {
    for (Command& command : commands)
        command.expand =
            command.expand && std::any_of(command.argv.begin(), command.argv.end(),
                                          [](const std::string& word) { return word.find('$') != word.npos; });
}

} // namespace

Config normalized(Config config) {
    for (Service& service : config.services) {
        for (Listener& listener : service.listeners) join(listener.endpoints);
        for (auto* list : {&service.exec_condition, &service.exec_start_pre, &service.exec_start,
                           &service.exec_start_post, &service.exec_reload, &service.exec_stop, &service.exec_stop_post,
                           &service.socket_start_pre, &service.socket_start_post, &service.socket_stop_pre, &service.socket_stop_post})
            settle(*list);
    }
    return config;
}

} // namespace swathe
