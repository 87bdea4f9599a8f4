#include "socket/local_routes.h"

#include "socket/route_table.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <fmt/format.h>

namespace swathe {
namespace {

/// What stands in the way of one prefix. The first is told, the others are counted.
class Troubles {
public:
    void add(const Prefix& prefix, std::string why, int error) {
        if (count_++ == 0)
            first_ = {fmt::format("local route {}{}{}", prefix.to_string(), why.empty() ? "" : ": ", why), error, std::nullopt};
    }
    Status status() && {
        if (count_ == 0) return {};
        if (count_ > 1) first_.message += fmt::format(" (and {} more)", count_ - 1);
        return Failure(std::move(first_));
    }

private:
    Error first_;
    std::size_t count_ = 0;
};

std::string explain_errno(int error) {
    if (error == EEXIST) return "another route to it is in the way";
    return error == ENETDOWN ? "the loopback interface is down" : "";
}

/// What has to change, given the namespace's table: adds first, so that no address is unrouted in between.
std::vector<RouteChange> plan_changes(const std::vector<Prefix>& wanted, const std::vector<LocalRoute>& table) {
    std::vector<Prefix> ours;
    std::vector<LocalRoute> others;
    for (const LocalRoute& route : table) {
        const bool is_ours = route.protocol == kRouteProtocol && route.delivery == Delivery::local;
        if (is_ours) ours.push_back(route.destination);
        else others.push_back(route);
    }
    std::sort(ours.begin(), ours.end());
    const auto spans = spans_of(std::move(others));
    std::vector<RouteChange> changes;
    for (const Prefix& prefix : wanted)
        if (!std::binary_search(ours.begin(), ours.end(), prefix) && !gaps_in(AddressRange::of(prefix), spans).empty())
            changes.push_back({prefix, true});
    for (const Prefix& prefix : ours)
        if (!std::binary_search(wanted.begin(), wanted.end(), prefix)) changes.push_back({prefix, false});
    return changes;
}

Status sync(Netlink& netlink, const std::vector<Prefix>& wanted) {
    auto table = read_local_table(netlink);
    if (!table) return Failure(std::move(table).error());
    std::vector<RouteChange> changes = plan_changes(wanted, *table);
    if (changes.empty()) return {};
    auto gateways = read_gateways(netlink);
    if (!gateways) return Failure(std::move(gateways).error());

    Troubles troubles;
    const auto dangerous = [&](const RouteChange& change) {
        const auto danger = change.add ? danger_of(change.prefix, *gateways) : std::nullopt;
        if (danger) troubles.add(change.prefix, *danger, 0);
        return danger.has_value();
    };
    changes.erase(std::remove_if(changes.begin(), changes.end(), dangerous), changes.end());
    auto errors = change_local_routes(netlink, changes);
    if (!errors) return Failure(std::move(errors).error());
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const bool gone = !changes[i].add && (*errors)[i] == ESRCH; // somebody else was faster
        if ((*errors)[i] != 0 && !gone) troubles.add(changes[i].prefix, explain_errno((*errors)[i]), (*errors)[i]);
    }
    return std::move(troubles).status();
}

} // namespace

std::vector<Prefix> wanted_routes(const Config& config) {
    std::vector<AddressRange> ranges;
    for (const Service& service : config.services)
        for (const Listener& listener : service.listeners)
            if (listener.local_routes)
                for (const Endpoint& endpoint : listener.endpoints)
                    for (const auto& range : endpoint.addresses) ranges.push_back(range.value);
    return minimal_prefixes(std::move(ranges));
}

Status sync_local_routes(const std::vector<Prefix>& wanted, const NetNamespace& ns) {
    std::vector<Prefix> sorted = wanted;
    std::sort(sorted.begin(), sorted.end());
    return with_routes(ns, [&](Netlink& netlink) { return sync(netlink, sorted); });
}

} // namespace swathe
