#include "model/order.h"

#include <algorithm>
#include <functional>
#include <map>
#include <queue>

namespace swathe {
namespace {

/// What must have been started before a service, and where it says so.
struct Edge {
    std::size_t to = 0;
    const ServiceName* said = nullptr;
};
using Edges = std::vector<std::vector<Edge>>;

Edges edges_of(std::span<const Service> services) {
    std::map<std::string_view, std::size_t> numbers;
    for (std::size_t i = 0; i < services.size(); ++i) numbers.emplace(services[i].name, i);
    Edges edges(services.size());
    const auto each = [&](const std::vector<ServiceName>& list, auto take) {
        for (const ServiceName& name : list)
            if (const auto found = numbers.find(name.value); found != numbers.end()) take(found->second, &name);
    };
    for (std::size_t i = 0; i < services.size(); ++i) {
        for (const auto* list : {&services[i].after, &services[i].requires_, &services[i].binds_to})
            each(*list, [&](std::size_t other, const ServiceName* said) { edges[i].push_back({other, said}); });
        each(services[i].before, [&](std::size_t other, const ServiceName* said) { edges[other].push_back({i, said}); });
    }
    return edges;
}

/// Requires that a service waits for more than 0 others if and only if one of these waits, too, and that one does.
Failure cycle_in(std::span<const Service> services, const Edges& edges, const std::vector<std::size_t>& waits_for) {
    const auto next = [&](std::size_t i) -> const Edge& {
        return *std::find_if(edges[i].begin(), edges[i].end(), [&](const Edge& e) { return waits_for[e.to] > 0; });
    };
    std::size_t at = 0;
    while (waits_for[at] == 0) ++at;
    for (std::size_t steps = 0; steps < services.size(); ++steps) at = next(at).to; // inside of a cycle by then
    std::vector<std::size_t> cycle{at};
    while ((at = next(at).to) != cycle.front()) cycle.push_back(at);
    std::rotate(cycle.begin(), std::min_element(cycle.begin(), cycle.end()), cycle.end());
    std::string text = "each waits for the next: ";
    for (const std::size_t i : cycle) text += services[i].name + " -> ";
    return failure_at(next(cycle.front()).said->pos, text + services[cycle.front()].name);
}

} // namespace

Result<std::vector<std::size_t>> start_order(std::span<const Service> services) {
    const Edges edges = edges_of(services);
    std::vector<std::size_t> waits_for(services.size());
    std::vector<std::vector<std::size_t>> waiting(services.size());
    for (std::size_t i = 0; i < services.size(); ++i) {
        waits_for[i] = edges[i].size();
        for (const Edge& edge : edges[i]) waiting[edge.to].push_back(i);
    }
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t i = 0; i < services.size(); ++i)
        if (waits_for[i] == 0) ready.push(i);
    std::vector<std::size_t> order;
    while (!ready.empty()) {
        order.push_back(ready.top());
        ready.pop();
        for (const std::size_t i : waiting[order.back()])
            if (--waits_for[i] == 0) ready.push(i);
    }
    if (order.size() < services.size()) return cycle_in(services, edges, waits_for);
    return order;
}

} // namespace swathe
