#include "supervise/preflight.h"

#include "base/text.h"
#include "classify/tables.h"
#include "process/spawn.h"
#include "socket/local_routes.h"
#include "socket/interfaces.h"
#include "socket/natives.h"

#include <map>

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

Diagnostics check_lockouts(const Config& config, const NetNamespace& ns, const std::unordered_set<std::uint64_t>& ours) {
    auto natives = native_sockets(ns);
    if (!natives) return or_warning(Result<Diagnostics>(Failure(std::move(natives).error())));
    auto configured = interface_addresses(ns);
    if (!configured) return or_warning(Result<Diagnostics>(Failure(std::move(configured).error())));
    return find_lockouts(config, *natives, *configured, ours);
}

Diagnostics check_interfaces(const Config& config, const NetNamespace& ns) {
    Diagnostics found;
    const auto check = [&](const Guard& guard) {
        for (const auto& name : guard.interfaces)
            if (interface_index(ns, name.value).value_or(0) == 0)
                found.push_back({Diagnostic::Severity::warning,
                                 {fmt::format("interface: there is no {}; its rules match nothing until a reload finds it", quoted(name.value)), 0, name.pos}});
    };
    for (const Service& service : config.services)
        for (const Listener& listener : service.listeners) check(listener.guard);
    for (const GlobalRule& rule : config.rules) check(rule.guard);
    return found;
}

} // namespace

Diagnostics check_programs(const Config& config) {
    Diagnostics found;
    for (const Service& service : config.services) {
        const auto plan = plan_spawn(service, "/notify"); // any path: nothing is sent there
        const Status good = plan ? check_plan(*plan, service) : Status(Failure(plan.error()));
        if (!good) found.push_back({Diagnostic::Severity::error, Error(good.error()).at(service.pos)});
    }
    return found;
}

Diagnostics check_rules(const Config& config) {
    const RuleSet rules = rules_of(config);
    std::map<std::string, std::uint32_t> numbers; // any will do, as long as each interface has its own
    const InterfaceIndex number = [&](const std::string& name) { return numbers.emplace(name, numbers.size() + 1).first->second; };
    auto tables = compile({rules, config, [](ListenerRef ref, Family) { return ref.listener; }, number});
    return tables ? Diagnostics{} : std::move(tables).error();
}

Diagnostics check_network(const Config& config, const NetNamespace& ns, const std::unordered_set<std::uint64_t>& ours) {
    Diagnostics found = check_lockouts(config, ns, ours);
    append(found, or_warning(find_unrouted(config, ns)));
    append(found, find_ephemeral_overlaps(config, ns));
    append(found, check_interfaces(config, ns));
    return found;
}

Diagnostics preflight(const Config& config, const NetNamespace& ns) {
    Diagnostics found = check_programs(config);
    append(found, check_rules(config));
    append(found, check_network(config, ns));
    sort_by_place(found);
    return found;
}

} // namespace swathe
