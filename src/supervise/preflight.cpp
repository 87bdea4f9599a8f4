#include "supervise/preflight.h"

#include "base/text.h"
#include "classify/tables.h"
#include "model/instance_service.h"
#include "process/plan.h"
#include "socket/local_routes.h"
#include "socket/interfaces.h"
#include "socket/natives.h"
#include "socket/process_names.h"

#include <list>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

namespace swathe {
namespace {

void append(Diagnostics& all, Diagnostics more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// A look-up that failed is told as a warning: the network could not be asked, which is no fault of the configuration.
template <class T> Diagnostics or_warning(Result<T> asked) {
    if (asked) return std::move(*asked);
    return {{Diagnostic::Severity::warning, std::move(asked).error()}};
}

/// The sockets that systemd has bound for units that we steer to: nobody loses what they get. Told by the units' files.
std::unordered_set<std::uint64_t> sockets_of_systemd(const Config& config, const std::vector<NativeSocket>& natives) {
    std::vector<UnitSocket> theirs;
    for (const Service& service : config.services)
        if (service.systemd) theirs.insert(theirs.end(), service.systemd->sockets.begin(), service.systemd->sockets.end());
    if (theirs.empty()) return {};
    const std::unordered_set<std::uint64_t> held = sockets_of(1);
    std::unordered_set<std::uint64_t> inodes;
    for (const NativeSocket& native : natives)
        if (held.contains(native.inode) &&
            std::find(theirs.begin(), theirs.end(), UnitSocket{native.protocol, native.address}) != theirs.end())
            inodes.insert(native.inode);
    return inodes;
}

Diagnostics check_lockouts(const Config& config, const NetNamespace& ns, const std::unordered_set<std::uint64_t>& ours,
                           const ClaimCheck& claims) {
    auto natives = native_sockets(ns);
    if (!natives) return or_warning(Result<Diagnostics>(Failure(std::move(natives).error())));
    auto configured = interface_addresses(ns);
    if (!configured) return or_warning(Result<Diagnostics>(Failure(std::move(configured).error())));
    std::unordered_set<std::uint64_t> all_ours = own_sockets(); // looked at after the natives: a service may have opened its listeners anew
    all_ours.insert(ours.begin(), ours.end());
    all_ours.merge(sockets_of_systemd(config, *natives));
    const InterfaceNumber number_of = [&](const std::string& name) { return interface_index(ns, name).value_or(0); };
    return find_lockouts(config, *natives, *configured, all_ours, claims, number_of);
}

/// What a running daemon and its services listen on is what the next start will have again: nobody is locked out. Told by the name, since
/// this is advice; the daemon itself goes by inodes.
std::unordered_set<std::uint64_t> sockets_of_a_daemon(const NetNamespace& ns) {
    std::unordered_set<std::uint64_t> inodes;
    if (const auto natives = native_sockets(ns); natives)
        for (const NativeSocket& native : *natives)
            if (descends_from(native.pid, "swathed")) inodes.insert(native.inode);
    return inodes;
}

Diagnostics check_interfaces(const Config& config, const NetNamespace& ns) {
    Diagnostics found;
    const auto check = [&](const Guard& guard) {
        for (const auto& name : guard.interfaces)
            if (interface_index(ns, name.value).value_or(0) == 0)
                found.push_back(
                    {Diagnostic::Severity::warning,
                     {fmt::format("interface: there is no {}; its rules match nothing until a reload finds it", quoted(name.value)), 0,
                      name.pos}});
    };
    for (const Service& service : config.services)
        for (const Listener& listener : service.listeners) check(listener.guard);
    for (const GlobalRule& rule : config.rules) check(rule.guard);
    return found;
}

} // namespace

Diagnostics check_programs(const Config& config) {
    Diagnostics found;
    for (const Service& service : config.services)
        if (!service.systemd)
            for (Diagnostic& d : check_service(service)) found.push_back({d.severity, std::move(d.error).at(service.pos)});
    return found;
}

Diagnostics check_directories(const Config& config) {
    Diagnostics found;
    for (const Service& service : config.services) {
        if (service.exec_start.empty() || names_instance(service)) continue;
        const auto plan = plan_spawn(service, service.exec_start.front(), "exec_start", facts_of_check(service));
        if (!plan) continue;                              // check_programs() has told
        if (auto good = check_plan(*plan, service); !good)
            found.push_back({Diagnostic::Severity::error, std::move(good).error().at(service.pos)});
    }
    return found;
}

ClaimCheck claim_check(const Config& config, const Tables& tables, SlotOf slot_of) {
    std::unordered_map<const Listener*, ListenerRef> refs;
    for (std::uint32_t s = 0; s < config.services.size(); ++s)
        for (std::uint32_t l = 0; l < config.services[s].listeners.size(); ++l)
            refs.emplace(&config.services[s].listeners[l], ListenerRef{s, l});
    return [refs = std::move(refs), &tables, slot_of = std::move(slot_of)](const Listener& listener, const SocketAddress& at) {
        if (!listener.guard.empty()) return true; // it wins for some sources, and one is enough to lock out
        const Family family = at.address.family;
        const Decision decision = decide(tables, {listener.protocol, at, {Address::any(family), 0}, 0});
        return decision.by_listener() && decision.slot == slot_of(refs.at(&listener), family);
    };
}

Diagnostics check_network(const Config& config, const NetNamespace& ns, const std::unordered_set<std::uint64_t>& ours,
                          const ClaimCheck& claims) {
    Diagnostics found = check_lockouts(config, ns, ours, claims);
    append(found, check_interfaces(config, ns));
    return found;
}

Diagnostics check_routes(const Config& config, const NetNamespace& ns) {
    Diagnostics found = or_warning(find_unrouted(config, ns));
    append(found, find_ephemeral_overlaps(config, ns));
    return found;
}

std::map<std::string, SourcePos> namespaces_of(const Config& config) {
    std::map<std::string, SourcePos> names;
    for (const GlobalRule& rule : config.rules) names.emplace(rule.netns, rule.pos);
    for (const Service& service : config.services)
        for (const Listener& listener : service.listeners) names.emplace(listener.netns, listener.pos);
    names.erase(""); // the daemon's own
    return names;
}

SlotOf numbering(const Config& config) {
    std::vector<std::uint32_t> first;
    std::uint32_t count = 0;
    for (const Service& service : config.services) {
        first.push_back(count);
        count += static_cast<std::uint32_t>(service.listeners.size());
    }
    return [first = std::move(first)](ListenerRef ref, Family) { return first[ref.service] + ref.listener; };
}

namespace {

/// What concerns one network namespace, with what is said of it.
Diagnostics check_in(const Config& said, const NetNamespace& ns) {
    const RuleSet rules = rules_of(said);
    std::map<std::string, std::uint32_t> numbers; // any will do, as long as each interface has its own
    const InterfaceIndex number = [&](const std::string& name) { return numbers.emplace(name, numbers.size() + 1).first->second; };
    const SlotOf slot_of = numbering(said);
    auto tables = compile({rules, said, slot_of, number});
    if (!tables) return std::move(tables).error();
    Diagnostics found = check_network(said, ns, sockets_of_a_daemon(ns), claim_check(said, *tables, slot_of));
    append(found, check_routes(said, ns));
    return found;
}

} // namespace

Diagnostics preflight(const Config& config, const NetNamespace& own) {
    Diagnostics found = check_programs(config);
    append(found, check_directories(config));
    std::vector<std::pair<const NetNamespace*, std::set<std::string>>> places{{&own, {""}}};
    std::list<NetNamespace> opened;
    for (const auto& [name, pos] : namespaces_of(config)) {
        auto ns = NetNamespace::open(name);
        if (!ns) {
            found.push_back({Diagnostic::Severity::error, std::move(ns).error().at(pos)});
            continue;
        }
        const auto same = std::find_if(places.begin(), places.end(), [&](const auto& place) { return *place.first == *ns; });
        if (same != places.end())
            same->second.insert(name);
        else
            places.push_back({&opened.emplace_back(std::move(*ns)), {name}});
    }
    const bool elsewhere = places.size() > 1 || has_errors(found); // some listeners do not count here
    for (const auto& [ns, names] : places) append(found, check_in(elsewhere ? only_in(config, names) : config, *ns));
    sort_by_place(found);
    return found;
}

} // namespace swathe
