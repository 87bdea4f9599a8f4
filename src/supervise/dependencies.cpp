#include "supervise/dependencies.h"

#include "model/service_links.h"

#include <algorithm>

namespace swathe {
namespace {

using Names = std::vector<ServiceName>;

bool has(const Names& list, const std::string& name) noexcept {
    return std::any_of(list.begin(), list.end(), [&](const ServiceName& one) { return one.value == name; });
}

const Peer* find(std::span<const Peer> peers, const std::string& name) noexcept {
    const auto found = std::find_if(peers.begin(), peers.end(), [&](const Peer& peer) { return peer.service->name == name; });
    return found == peers.end() ? nullptr : &*found;
}

bool stops_with(const Service& service, const std::string& name) noexcept {
    return has(service.requires_, name) || has(service.requisite, name) || has(service.binds_to, name) || has(service.part_of, name);
}

/// What plan_start() puts together.
class Planner {
public:
    Planner(const Service& service, std::span<const Peer> others) : service_(service), others_(others) {}

    StartPlan run() && {
        for (const ServiceName& name : service_.requisite) require_running(name.value);
        for (const Peer& peer : others_)
            if (peer.is_there && (has(service_.conflicts, peer.service->name) || has(peer.service->conflicts, service_.name)))
                plan_.stop.push_back(peer.service->name);
        for (const auto* list : {&service_.requires_, &service_.binds_to, &service_.wants})
            for (const ServiceName& name : *list) need(name.value, list != &service_.wants);
        for (const Peer& peer : others_) // it starts nobody for this, but who is being started comes first
            if (peer.is_starting && follows(service_, *peer.service)) need(peer.service->name, false);
        return std::move(plan_);
    }

private:
    /// One that is on its way is waited for.
    void require_running(const std::string& name) {
        const Peer* const peer = find(others_, name);
        if (peer != nullptr && peer->is_starting && !peer->is_running)
            plan_.start.push_back({name, true, true});
        else if (plan_.missing.empty() && (peer == nullptr || !peer->is_running))
            plan_.missing = name;
    }

    void need(const std::string& name, bool required) {
        const Peer* const peer = find(others_, name);
        const auto is_it = [&](const StartPlan::Needed& needed) { return needed.name == name; };
        if (peer == nullptr || peer->is_running || std::any_of(plan_.start.begin(), plan_.start.end(), is_it)) return;
        plan_.start.push_back({name, required, follows(service_, *peer->service)});
    }

    const Service& service_;
    std::span<const Peer> others_;
    StartPlan plan_;
};

} // namespace

StartPlan plan_start(const Service& service, std::span<const Peer> others) { return Planner(service, others).run(); }

bool follows(const Service& later, const Service& earlier) noexcept {
    const std::string& name = earlier.name;
    return has(later.after, name) || has(later.requires_, name) || has(later.binds_to, name) || has(earlier.before, later.name);
}

std::vector<std::string> stopped_with(const std::string& name, std::span<const Peer> others) {
    std::vector<std::string> all;
    std::vector<std::string> wave{name};
    while (!wave.empty()) {
        std::vector<std::string> next;
        for (const Peer& peer : others) {
            const std::string& other = peer.service->name;
            const bool is_new = other != name && std::find(all.begin(), all.end(), other) == all.end();
            const auto stops_it = [&](const std::string& stopped) { return stops_with(*peer.service, stopped); };
            if (peer.is_there && is_new && std::any_of(wave.begin(), wave.end(), stops_it)) next.push_back(other);
        }
        all.insert(all.end(), next.begin(), next.end());
        wave = std::move(next);
    }
    return all;
}

std::vector<std::string> bound_to(const std::string& name, std::span<const Peer> others) {
    std::vector<std::string> bound;
    for (const Peer& peer : others)
        if (peer.is_there && has(peer.service->binds_to, name)) bound.push_back(peer.service->name);
    return bound;
}

std::set<std::string> linked_services(std::span<const Service> services) {
    std::set<std::string> linked;
    for (const Service& service : services)
        for (const auto& link : kServiceLinks)
            for (const ServiceName& name : service.*link.list) {
                linked.insert(service.name);
                linked.insert(name.value);
            }
    return linked;
}

} // namespace swathe
