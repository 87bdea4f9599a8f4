#include "supervise/reload_plan.h"

#include <map>
#include <tuple>

#include <fmt/format.h>

namespace swathe {
namespace {

/// What makes a listener the same listener. Not the families: a socket that takes more than it is sent is good enough, and what it does
/// not take gets a socket of its own.
using Identity = std::tuple<std::string, bool, std::string, unsigned, SocketKind, std::string, FamilySockets, ListenerMode,
                            std::optional<SocketAddress>, std::string>;

std::map<Identity, ListenerRef> identities(const Config& config, const PlaceOf& place) {
    std::map<Identity, ListenerRef> all;
    for (std::uint32_t s = 0; s < config.services.size(); ++s) {
        // the listeners of a socket unit may share one name; of those that have all else in common the place counts
        std::map<std::tuple<std::string, SocketKind, std::string>, unsigned> seen;
        const Service& service = config.services[s];
        for (std::uint32_t l = 0; l < service.listeners.size(); ++l) {
            const Listener& listener = service.listeners[l];
            const unsigned place_among = seen[{listener.name, listener.kind(), listener.path}]++;
            all.emplace(Identity{service.name, service.systemd.has_value(), listener.name, place_among, listener.kind(), listener.path,
                                 listener.family_sockets, listener.listener_mode, listener.home, place(listener.netns)},
                        ListenerRef{s, l});
        }
    }
    return all;
}

/// By name and by whether systemd supervises it: who changes that is another service.
std::map<std::pair<std::string, bool>, std::uint32_t> names(const Config& config) {
    std::map<std::pair<std::string, bool>, std::uint32_t> all;
    for (std::uint32_t s = 0; s < config.services.size(); ++s)
        all.emplace(std::pair(config.services[s].name, config.services[s].systemd.has_value()), s);
    return all;
}

std::string label(const Config& config, ListenerRef ref) {
    return fmt::format("{}/{}", config.services[ref.service].name, listener_at(config, ref).name);
}

void match_services(const Config& old, const Config& next, ReloadPlan& plan) {
    const auto before = names(old);
    const auto after = names(next);
    for (const auto& [name, index] : after)
        if (!before.contains(name)) plan.added.push_back(index);
    for (const auto& [name, index] : before)
        if (!after.contains(name)) plan.removed.push_back(index);
    for (const std::uint32_t s : plan.added) plan.lines.push_back(fmt::format("{}: added", next.services[s].name));
    for (const std::uint32_t s : plan.removed) plan.lines.push_back(fmt::format("{}: removed", old.services[s].name));
}

} // namespace

ReloadPlan plan_reload(const Config& old, const Config& next, const PlaceOf& old_place, const PlaceOf& next_place) {
    ReloadPlan plan;
    match_services(old, next, plan);

    auto before = identities(old, old_place);
    std::map<ListenerRef, ReloadPlan::ListenerStep> steps;
    for (const auto& [identity, ref] : identities(next, next_place)) {
        ReloadPlan::ListenerStep found{ref, std::nullopt, false, false};
        if (const auto same = before.find(identity); same != before.end()) {
            const Listener& kept = listener_at(old, same->second);
            found.kept = same->second;
            found.new_backlog = kept.protocol == Protocol::tcp && kept.backlog != listener_at(next, ref).backlog;
            found.new_options = kept.options() != listener_at(next, ref).options() || !kept.has_same_file(listener_at(next, ref));
            before.erase(same);
        }
        steps.emplace(ref, found);
    }
    for (const auto& [ref, found] : steps) {
        plan.listeners.push_back(found);
        const bool systemds = next.services[ref.service].systemd.has_value();
        if (!found.kept)
            plan.lines.push_back(fmt::format("{}: {}", label(next, ref), systemds ? "steered to systemd's socket" : "socket opened"));
        if (found.new_options) plan.lines.push_back(fmt::format("{}: options changed", label(next, ref)));
        if (found.new_backlog) plan.lines.push_back(fmt::format("{}: backlog changed", label(next, ref)));
    }
    for (const auto& [identity, ref] : before) {
        const bool systemds = old.services[ref.service].systemd.has_value();
        plan.lines.push_back(fmt::format("{}: {}", label(old, ref), systemds ? "no longer steered to systemd's socket" : "socket closed"));
    }
    return plan;
}

} // namespace swathe
