// Supervisor::apply: from one configuration to the next. First everything that can fail is done on a draft; then the
// dispatcher switches in one step; then sockets and services follow, which cannot fail any more.

#include "base/log.h"
#include "socket/backlog.h"
#include "socket/local_routes.h"
#include "socket/natives.h"
#include "socket/revive.h"
#include "supervise/draft.h"
#include "supervise/preflight.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/socket.h>

namespace swathe {
namespace {

Diagnostics refusal(Error error) { return {{Diagnostic::Severity::error, std::move(error)}}; }

const Listener& listener_at(const Config& config, ListenerRef ref) { return config.services[ref.service].listeners[ref.listener]; }

bool is_wildcard(const SocketAddress& home) { return home.address == Address::any(home.address.family); }

/// Could a global pass rule leave what is sent to `home` to the kernel's own lookup, which would find the socket there? For a
/// wildcard home any address counts. `guarded_only`: of rules without a guard the tables tell.
bool some_pass(const Config& config, Protocol protocol, const SocketAddress& home, bool guarded_only) {
    const auto covers = [&](const Endpoint& endpoint) {
        return std::any_of(endpoint.ports.begin(), endpoint.ports.end(), [&](const PortRange& range) { return range.contains(home.port); }) &&
               (is_wildcard(home) || std::any_of(endpoint.addresses.begin(), endpoint.addresses.end(),
                                                 [&](const auto& range) { return range.value.contains(home.address); }));
    };
    return std::any_of(config.rules.begin(), config.rules.end(), [&](const GlobalRule& rule) {
        return rule.verdict == Verdict::pass && !(guarded_only && rule.guard.empty()) &&
               std::find(rule.protocols.begin(), rule.protocols.end(), protocol) != rule.protocols.end() &&
               std::any_of(rule.endpoints.begin(), rule.endpoints.end(), covers);
    });
}

constexpr std::size_t kMostScans = 8; // new listeners for which reading all rules is faster than compiling tables that are thrown away

using Decide = std::function<Decision(const Flow&)>;

/// A home is usable where nothing can come in by another way than the listener's own rules: its unguarded rule wins there; or,
/// for a home that was asked for, no rule leaves the packet to the kernel, since the implicit home rule refuses all else.
HomeCheck home_check(const World& world, const Decide& decide, ListenerRef ref) {
    const Config& config = world.config;
    const Listener& listener = listener_at(config, ref);
    return [&, ref](const SocketAddress& home) {
        const bool asked_for = listener.home && *listener.home == home;
        if (is_wildcard(home)) return asked_for && !some_pass(config, listener.protocol, home, false);
        if (some_pass(config, listener.protocol, home, true)) return false;
        const Decision decision = decide({listener.protocol, home, {Address::any(home.address.family), 0}, 0});
        const bool its_own = decision.rule && world.rules.rules[*decision.rule].target == Target{Verdict::steer, ref} && listener.guard.empty();
        return its_own || (asked_for && (!decision.rule || decision.verdict != Verdict::pass));
    };
}

/// Shares ownership of the whole world, so that a unit's service lives as long as the unit.
std::shared_ptr<const Service> service_of(const std::shared_ptr<const World>& world, std::uint32_t index) {
    return {world, &world->config.services[index]};
}

void set_backlogs(const LiveListener& listener, int backlog) {
    for (const LiveSocket& socket : listener.sockets)
        if (socket.bound.fd) set_backlog(socket.bound.fd.get(), backlog);
}

void append(std::vector<Home>& homes, Protocol protocol, const std::vector<LiveSocket>& sockets) {
    for (const LiveSocket& socket : sockets) homes.push_back({protocol, socket.bound.home});
}

} // namespace

tl::expected<Supervisor::Applied, Diagnostics> Supervisor::apply(Config next) {
    auto made = draft(std::move(next));
    if (!made) return tl::unexpected(std::move(made).error());
    Draft& ready = **made;
    if (auto switched = switch_to(ready); !switched) return tl::unexpected(refusal(std::move(switched).error()));
    Applied applied{ready.plan.lines, ready.warnings};
    commit(ready);
    for (const auto& [name, unit] : units_)
        if (unit->lacks_sockets()) applied.lines.push_back(unit->hint_of_restart());
    return applied;
}

tl::expected<std::unique_ptr<Supervisor::Draft>, Diagnostics> Supervisor::draft(Config next) {
    auto made = std::make_unique<Draft>(dispatcher_);
    made->plan = plan_reload(world_->config, next);
    made->world->config = std::move(next);
    made->world->rules = rules_of(made->world->config);
    if (auto opened = open_sockets(*made); !opened) return tl::unexpected(std::move(opened).error());

    const Config& config = made->world->config;
    std::vector<Home> homes;
    std::map<ListenerRef, std::size_t> step_of;
    for (std::size_t i = 0; i < made->plan.listeners.size(); ++i) {
        const auto& step = made->plan.listeners[i];
        step_of.emplace(step.next, i);
        const Protocol protocol = listener_at(config, step.next).protocol;
        if (step.kept) append(homes, protocol, kept_listener(*made, i).sockets);
        append(homes, protocol, made->opened[i]);
    }
    made->world->rules.homes = std::move(homes);
    const SlotOf slot_of = [&](ListenerRef ref, Family family) {
        const std::size_t i = step_of.at(ref);
        const bool kept = made->plan.listeners[i].kept.has_value();
        const auto slot = kept ? slot_for(kept_listener(*made, i).sockets, family) : std::nullopt;
        return slot ? *slot : slot_for(made->opened[i], family).value(); // open_sockets() has seen to it
    };
    auto tables = compile_tables(config, made->world->rules, slot_of);
    if (!tables) return tl::unexpected(std::move(tables).error());
    made->world->tables = std::move(*tables);
    const ClaimCheck claims = claim_check(config, made->world->tables, slot_of);
    made->warnings = check_network(config, options_.ns, our_inodes(*made), [&](const Listener& listener, const SocketAddress& at) {
        return claims(listener, at) && !steers_now(listener.protocol, at);
    });
    for (std::size_t i = 0; i < made->plan.listeners.size(); ++i)
        if (made->plan.listeners[i].kept) check_kept_homes(*made, i);
    if (has_errors(made->warnings)) return tl::unexpected(std::move(made->warnings));
    for (const std::uint32_t s : made->plan.added) {
        auto unit = ServiceUnit::create(loop_, *this, options_.notify_path, service_of(made->world, s));
        if (!unit) return tl::unexpected(refusal(std::move(unit).error()));
        made->units.push_back(std::move(*unit));
    }
    return made;
}

/// A pass rule leaves what it matches to the kernel's own lookup, which would find a kept socket at its home, whatever the listener claims.
void Supervisor::check_kept_homes(Draft& draft, std::size_t step) const {
    const Config& config = draft.world->config;
    const Listener& listener = listener_at(config, draft.plan.listeners[step].next);
    for (const LiveSocket& socket : kept_listener(draft, step).sockets) {
        const SocketAddress& home = socket.bound.home;
        const Decision decision = decide(draft.world->tables, {listener.protocol, home, {Address::any(home.address.family), 0}, 0});
        const bool passed = decision.rule && decision.verdict == Verdict::pass;
        if (!passed && !some_pass(config, listener.protocol, home, !is_wildcard(home))) continue;
        const std::string why = fmt::format("listener {}: its socket is bound to {}, and a [[pass]] rule there would make the service reachable beyond "
                                            "what the listener claims; say home = \"ADDRESS:PORT\" with another one, or restart swathed",
                                            listener.name, home.to_string());
        draft.warnings.push_back({Diagnostic::Severity::error, {why, 0, listener.pos}});
    }
}

/// Who listens where packets are steered already is locked out by no reload. Else any local user could keep all reloads from
/// succeeding, by a socket on an address of a listener.
bool Supervisor::steers_now(Protocol protocol, const SocketAddress& at) const {
    if (dispatcher_.generation() == 0) return false;
    return decide(world_->tables, {protocol, at, {Address::any(at.address.family), 0}, 0}).verdict == Verdict::steer;
}

std::unordered_set<std::uint64_t> Supervisor::our_inodes(const Draft& draft) const {
    std::unordered_set<std::uint64_t> inodes;
    const auto collect = [&](const std::vector<LiveSocket>& sockets) {
        for (const LiveSocket& socket : sockets)
            if (socket.bound.fd)
                if (auto inode = socket_inode(socket.bound.fd.get()); inode) inodes.insert(*inode);
    };
    for (const auto& [name, unit] : units_) {
        for (const LiveListener& listener : unit->listeners()) collect(listener.sockets);
        inodes.insert(unit->inherited().begin(), unit->inherited().end());
    }
    for (const auto& unit : leaving_) inodes.insert(unit->inherited().begin(), unit->inherited().end());
    for (const auto& sockets : draft.opened) collect(sockets);
    return inodes;
}

tl::expected<void, Diagnostics> Supervisor::open_sockets(Draft& draft) {
    draft.opened.resize(draft.plan.listeners.size());
    std::vector<std::pair<std::size_t, Listener>> wanted; // step, and what of its listener needs a socket
    for (std::size_t i = 0; i < draft.plan.listeners.size(); ++i)
        if (auto missing = without_socket(draft, i)) wanted.emplace_back(i, std::move(*missing));
    if (wanted.empty()) return {};

    // the rules without homes tell which addresses may serve as homes
    const Config& config = draft.world->config;
    const RuleSet& rules = draft.world->rules;
    Decide decide_so_far = [&](const Flow& flow) { return decide_by_rules(rules, flow, interface_index()); };
    std::optional<Tables> provisional;
    if (wanted.size() > kMostScans) {
        auto tables = compile_tables(config, rules, numbering(config));
        if (!tables) return tl::unexpected(std::move(tables).error());
        provisional = std::move(*tables);
        decide_so_far = [&](const Flow& flow) { return decide(*provisional, flow); };
    }
    Diagnostics failed;
    for (const auto& [step, listener] : wanted) {
        const HomeCheck usable_home = home_check(*draft.world, decide_so_far, draft.plan.listeners[step].next);
        if (auto opened = open_listener_of(draft, step, listener, usable_home); !opened)
            failed.push_back({Diagnostic::Severity::error, std::move(opened).error().at(listener.pos)});
    }
    if (failed.empty()) return {};
    if (!provisional) // rules that contradict each other are the better explanation
        if (auto tables = compile_tables(config, rules, numbering(config)); !tables) return tl::unexpected(std::move(tables).error());
    return tl::unexpected(std::move(failed));
}

/// What of a listener no socket of ours takes yet: all of a new one, one family of a kept one, or nothing.
std::optional<Listener> Supervisor::without_socket(Draft& draft, std::size_t step) const {
    const ReloadPlan::ListenerStep& planned = draft.plan.listeners[step];
    const Listener& listener = listener_at(draft.world->config, planned.next);
    if (!planned.kept) return listener;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        if (!listener.has_family(family) || slot_for(kept_listener(draft, step).sockets, family)) continue;
        draft.plan.lines.push_back(fmt::format("{}/{}: {} socket opened", draft.world->config.services[planned.next.service].name, listener.name,
                                               to_string(family)));
        return only_family(listener, family);
    }
    return std::nullopt;
}

Status Supervisor::open_listener_of(Draft& draft, std::size_t step, const Listener& listener, const HomeCheck& usable_home) {
    auto opened = open_listener(listener, options_.ns, usable_home);
    if (!opened) return Failure(std::move(opened).error().within(fmt::format("listener {}", listener.name)));
    for (BoundSocket& bound : *opened) {
        auto slot = dispatcher_.allocate_slot();
        if (!slot) return Failure(std::move(slot).error());
        draft.opened[step].push_back({std::move(bound), *slot});
    }
    return {};
}

const LiveListener& Supervisor::kept_listener(const Draft& draft, std::size_t step) const {
    const ListenerRef old = *draft.plan.listeners[step].kept;
    return units_.at(world_->config.services[old.service].name)->listeners()[old.listener];
}

tl::expected<Tables, Diagnostics> Supervisor::compile_tables(const Config& config, const RuleSet& rules, const SlotOf& slot_of) const {
    return compile({rules, config, slot_of, interface_index()});
}

Status Supervisor::switch_to(Draft& draft) {
    for (const auto& sockets : draft.opened)
        for (const LiveSocket& socket : sockets)
            if (auto filled = dispatcher_.set_socket(socket.slot, socket.bound.fd.get()); !filled) return filled;

    // before the switch the routes of both worlds exist, so that no packet is lost on either side of it
    const std::vector<Prefix> before = wanted_routes(world_->config);
    std::vector<Prefix> both = wanted_routes(draft.world->config);
    const bool first = dispatcher_.generation() == 0; // a predecessor's routes may be there
    const bool touch_routes = first || !before.empty() || !both.empty();
    both.insert(both.end(), before.begin(), before.end());
    Status done = touch_routes ? sync_local_routes(both, options_.ns) : Status();
    if (done) done = dispatcher_.publish(draft.world->tables);
    if (!done && touch_routes)
        if (auto undone = sync_local_routes(before, options_.ns); !undone) log(LogLevel::error, undone.error().to_string());
    routes_ours_ = routes_ours_ || !both.empty();
    return done;
}

void Supervisor::commit(Draft& draft) {
    std::map<ListenerRef, LiveListener> old;
    for (std::uint32_t s = 0; s < world_->config.services.size(); ++s) {
        std::vector<LiveListener> listeners = units_.at(world_->config.services[s].name)->take_listeners();
        for (std::uint32_t l = 0; l < listeners.size(); ++l) old.emplace(ListenerRef{s, l}, std::move(listeners[l]));
    }
    std::vector<std::vector<LiveListener>> fresh(draft.world->config.services.size());
    std::vector<bool> with_new(fresh.size());
    for (std::size_t i = 0; i < draft.plan.listeners.size(); ++i) {
        const auto& step = draft.plan.listeners[i];
        LiveListener live;
        if (step.kept) live = std::move(old.extract(*step.kept).mapped());
        if (step.new_backlog) set_backlogs(live, listener_at(draft.world->config, step.next).backlog);
        if (!draft.opened[i].empty()) with_new[step.next.service] = true;
        std::move(draft.opened[i].begin(), draft.opened[i].end(), std::back_inserter(live.sockets));
        draft.opened[i].clear(); // no longer the draft's to release
        fresh[step.next.service].push_back(std::move(live));
    }
    for (const std::uint32_t s : draft.plan.removed) retire(world_->config.services[s].name);

    world_ = draft.world;
    for (auto& unit : draft.units) units_.emplace(unit->service().name, std::move(unit));
    for (std::uint32_t s = 0; s < fresh.size(); ++s) {
        const std::shared_ptr<const Service> service = service_of(world_, s);
        units_.at(service->name)->replace(service, std::move(fresh[s]), with_new[s]);
    }
    for (const std::uint32_t s : draft.plan.added) units_.at(world_->config.services[s].name)->begin();
    for (const auto& [ref, closed] : old)
        for (const LiveSocket& socket : closed.sockets) dispatcher_.release_slot(socket.slot);
    if (routes_ours_)
        if (auto removed = sync_local_routes(wanted_routes(world_->config), options_.ns); !removed)
            log(LogLevel::error, removed.error().to_string());
}

} // namespace swathe
