#include "supervise/draft.h"

#include "socket/interfaces.h"
#include "socket/local_routes.h"
#include "socket/backlog.h"
#include "socket/natives.h"
#include "socket/options.h"
#include "socket/revive.h"
#include "socket/unix_socket.h"
#include "supervise/node_owner.h"
#include "supervise/preflight.h"

#include <cerrno>

#include <fmt/format.h>

namespace swathe {
namespace {

bool is_wildcard(const SocketAddress& home) { return home.address == Address::any(home.address.family); }

Flow from_anywhere(Protocol protocol, const SocketAddress& to) { return {protocol, to, {Address::any(to.address.family), 0}, 0}; }

/// Could a global pass rule leave what is sent to `home` to the kernel's own lookup, which would find the socket there? For a
/// wildcard home any address counts. `guarded_only`: of rules without a guard the tables tell.
bool some_pass(const Config& config, Protocol protocol, const SocketAddress& home, bool guarded_only) {
    const auto covers = [&](const Endpoint& endpoint) {
        const auto has_port = [&](const PortRange& range) { return range.contains(home.port); };
        const auto has_address = [&](const auto& range) { return range.value.contains(home.address); };
        return std::any_of(endpoint.ports.begin(), endpoint.ports.end(), has_port) &&
               (is_wildcard(home) || std::any_of(endpoint.addresses.begin(), endpoint.addresses.end(), has_address));
    };
    return std::any_of(config.rules.begin(), config.rules.end(), [&](const GlobalRule& rule) {
        return rule.verdict == Verdict::pass && !(guarded_only && rule.guard.empty()) &&
               std::find(rule.protocols.begin(), rule.protocols.end(), protocol) != rule.protocols.end() &&
               std::any_of(rule.endpoints.begin(), rule.endpoints.end(), covers);
    });
}

using Decide = std::function<Decision(const Flow&)>;

/// A home is usable where nothing can come in by another way than the listener's own rules: its unguarded rule wins there; or,
/// for a home that was asked for, no rule leaves the packet to the kernel, since the implicit home rule refuses all else.
HomeCheck home_check(const Config& said, const RuleSet& rules, const Decide& decide, ListenerRef ref) {
    const Listener& listener = listener_at(said, ref);
    return [&, ref](const SocketAddress& home) {
        const bool asked_for = listener.home && *listener.home == home;
        if (is_wildcard(home)) return asked_for && !some_pass(said, listener.protocol, home, false);
        if (some_pass(said, listener.protocol, home, true)) return false;
        const Decision decision = decide(from_anywhere(listener.protocol, home));
        const bool its_own = decision.rule && rules.rules[*decision.rule].target == Target{Verdict::steer, ref} && listener.guard.empty();
        return its_own || (asked_for && (!decision.rule || decision.verdict != Verdict::pass));
    };
}

/// Who tells what the rules of a part decide before there are homes, which these decisions choose.
class Foresight {
public:
    /// Questions for which reading all rules is faster than compiling tables that are thrown away.
    static constexpr std::size_t kMostScans = 8;

    Foresight(const RuleSet& rules, const InterfaceIndex& index) : rules_(rules), index_(index) {}
    [[nodiscard]] Decision operator()(const Flow& flow) const {
        return tables_ ? decide(*tables_, flow) : decide_by_rules(rules_, flow, index_);
    }
    [[nodiscard]] Checked compile(const Config& config) {
        auto made = swathe::compile({rules_, config, numbering(config), index_});
        if (!made) return tl::unexpected(std::move(made).error());
        tables_ = std::move(*made);
        return {};
    }

private:
    const RuleSet& rules_;
    InterfaceIndex index_;
    std::optional<Tables> tables_;
};

bool is_exhausted(const Error& error) {
    return error.errno_value == EMFILE || error.errno_value == ENFILE || error.errno_value == ENOMEM || error.errno_value == ENOBUFS;
}

Part part_at(std::shared_ptr<Site> site) {
    Part part;
    part.site = std::move(site);
    return part;
}

PlaceOf places_of(const World& world) {
    return [&world](const std::string& netns) {
        const NetNamespace& ns = world.part_of(netns)->site->ns;
        return fmt::format("{}:{}", ns.device(), ns.inode());
    };
}

InterfaceIndex index_in(const NetNamespace& ns) {
    return [&ns](const std::string& name) { return interface_index(ns, name).value_or(0); };
}

/// Slots without sockets, which are systemd's.
std::vector<LiveSocket> slots_beside(const Listener& listener, const std::shared_ptr<Site>& site) {
    std::vector<LiveSocket> slots;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        if (!listener.has_family(family)) continue;
        Group unbound(BoundSocket{UniqueFd(), {}, family == Family::ipv4, family == Family::ipv6, 0});
        slots.push_back({std::move(unbound), LiveSocket::kNoSlot, site});
    }
    return slots;
}

void append(Diagnostics& all, Diagnostics more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

} // namespace

Checked Draft::look(Config next) {
    world_->config = std::move(next);
    if (auto found = find_sites(); !found) return found;
    plan_ = plan_reload(running_.world->config, world_->config, places_of(*running_.world), places_of(*world_));
    if (world_->parts.size() > 1)
        for (const Part& part : world_->parts) views_.push_back(only_in(world_->config, part.names));
    for (std::size_t i = 0; i < world_->parts.size(); ++i) world_->parts[i].rules = rules_of(said_of(i));
    return {};
}

Checked Draft::find_sites() {
    world_->parts.push_back(part_at(running_.world->parts.front().site));
    world_->parts.back().names.insert("");
    Diagnostics failed;
    for (const auto& [name, pos] : namespaces_of(world_->config)) {
        auto part = part_for(name);
        if (part)
            (*part)->names.insert(name);
        else
            failed.push_back({Diagnostic::Severity::error, std::move(part).error().at(pos)});
    }
    if (!failed.empty()) return tl::unexpected(std::move(failed));
    return {};
}

/// The part for a namespace that may have other names, or be new.
Result<Part*> Draft::part_for(const std::string& netns) {
    auto ns = NetNamespace::open(netns);
    if (!ns) return Failure(std::move(ns).error());
    for (Part& part : world_->parts)
        if (part.site->ns == *ns) return &part;
    for (const Part& old : running_.world->parts)
        if (old.site->ns == *ns) return &world_->parts.emplace_back(part_at(old.site));
    auto site = maker_.make(std::move(*ns));
    if (!site) return Failure(std::move(site).error());
    return &world_->parts.emplace_back(part_at(std::move(*site)));
}

Checked Draft::open() {
    opened_.resize(plan_.listeners.size());
    Diagnostics failed;
    for (std::size_t number = 0; number < world_->parts.size(); ++number) {
        const Part& part = world_->parts[number];
        const Config& said = said_of(number);
        std::vector<std::pair<std::size_t, Listener>> wanted; // step, and what of its listener needs a socket
        for (std::size_t i = 0; i < plan_.listeners.size(); ++i) {
            if (!part.names.contains(listener_at(world_->config, plan_.listeners[i].next).netns)) continue;
            if (auto tried = try_new_options(i); !tried) failed.push_back({Diagnostic::Severity::error, std::move(tried).error()});
            if (auto missing = without_socket(i)) wanted.emplace_back(i, std::move(*missing));
        }
        // the rules without homes tell which addresses may serve as homes
        Foresight foresight(part.rules, index_in(part.site->ns));
        if (wanted.size() > Foresight::kMostScans)
            if (auto compiled = foresight.compile(said); !compiled) return compiled;
        const Decide decide_so_far = [&](const Flow& flow) { return foresight(flow); };
        const std::size_t before = failed.size();
        for (const auto& [step, listener] : wanted) {
            const HomeCheck usable_home = home_check(said, part.rules, decide_so_far, plan_.listeners[step].next);
            auto opened = listener.is_unix() ? open_unix_of(step, listener) : open_listener_of(step, listener, usable_home);
            if (opened) continue;
            failed.push_back({Diagnostic::Severity::error, std::move(opened).error().at(listener.pos)});
            if (is_exhausted(failed.back().error)) return tl::unexpected(std::move(failed)); // the others would say the same
        }
        if (failed.size() == before) continue;
        // Rules that contradict each other are the better explanation.
        if (auto compiled = foresight.compile(said); !compiled) return compiled;
    }
    if (!failed.empty()) return tl::unexpected(std::move(failed));
    return {};
}

/// What of a listener no socket of ours takes yet: all of a new one, one family of a kept one, or nothing.
std::optional<Listener> Draft::without_socket(std::size_t step) {
    const ListenerRef ref = plan_.listeners[step].next;
    const Listener& listener = listener_at(world_->config, ref);
    const std::vector<LiveSocket>* kept = kept_sockets(step);
    if (kept == nullptr) return listener;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        if (!listener.has_family(family) || slot_for(*kept, family)) continue;
        const std::string& service = world_->config.services[ref.service].name;
        plan_.lines.push_back(fmt::format("{}/{}: {} socket opened", service, listener.name, to_string(family)));
        return only_family(listener, family);
    }
    return std::nullopt;
}

Status Draft::open_listener_of(std::size_t step, const Listener& listener, const HomeCheck& usable_home) {
    const std::shared_ptr<Site>& site = world_->part_of(listener.netns)->site;
    if (world_->config.services[plan_.listeners[step].next.service].systemd) {
        for (LiveSocket& slot : slots_beside(listener, site)) opened_[step].push_back(std::move(slot));
        return {};
    }
    const auto name_it = [&](Error error) { return Failure(std::move(error).within(fmt::format("listener {}", listener.name))); };
    const bool grouped = listener.listener_mode == ListenerMode::reuseport;
    auto opened = open_listener(listener, site->ns, usable_home, Admission::held_back, grouped ? Sharing::alone : Sharing::with_listeners);
    if (!opened) return name_it(std::move(opened).error());
    const std::size_t members = members_of(world_->config.services[plan_.listeners[step].next.service], listener);
    for (BoundSocket& bound : *opened) {
        LiveSocket& live = opened_[step].emplace_back(LiveSocket{Group(std::move(bound)), LiveSocket::kNoSlot, site});
        if (!grouped) continue;
        if (auto grown = live.group.grow(listener, site->ns, members, Admission::held_back); !grown)
            return name_it(std::move(grown).error());
    }
    return {};
}

Status Draft::open_unix_of(std::size_t step, const Listener& listener) {
    const std::shared_ptr<Site>& site = world_->part_of(listener.netns)->site;
    const auto name_it = [&](Error error) { return Failure(std::move(error).within(fmt::format("listener {}", listener.name))); };
    const auto owner = node_owner(listener);
    if (!owner) return name_it(owner.error());
    auto opened = open_unix_socket(listener, site->ns, *owner);
    if (!opened) return name_it(std::move(opened).error());
    opened_[step].push_back({Group(std::move(*opened)), LiveSocket::kNoSlot, site});
    return {};
}

/// Once the loop commits nothing may fail.
Status Draft::try_new_options(std::size_t step) const {
    if (!plan_.listeners[step].new_options) return {};
    const Listener& listener = listener_at(world_->config, plan_.listeners[step].next);
    const auto refuse = [&](Error error) {
        return Failure(std::move(error).within(fmt::format("listener {}", listener.name)).at(listener.pos));
    };
    if (auto owner = node_owner(listener); !owner) return refuse(std::move(owner).error());
    const Families families{listener.has_family(Family::ipv4), listener.has_family(Family::ipv6)};
    auto tried = try_options(listener, families, world_->part_of(listener.netns)->site->ns);
    if (!tried) return refuse(std::move(tried).error());
    return {};
}

const std::vector<LiveSocket>* Draft::kept_sockets(std::size_t step) const {
    const auto& kept = plan_.listeners[step].kept;
    return kept ? &running_.sockets.at(*kept) : nullptr;
}

Checked Draft::build() {
    Diagnostics failed;
    for (std::size_t number = 0; number < world_->parts.size(); ++number)
        if (auto built = build_part(number); !built) append(failed, std::move(built).error());
    if (!failed.empty()) return tl::unexpected(std::move(failed));
    for (std::size_t i = 0; i < plan_.listeners.size(); ++i) check_kept_homes(i);
    if (has_errors(warnings_)) return tl::unexpected(std::move(warnings_));

    for (Part& part : world_->parts) {
        auto loaded = part.site->dispatcher.prepare(part.tables);
        if (!loaded) return tl::unexpected(refusal(std::move(loaded).error()));
        prepared_.push_back(std::move(*loaded));
        const Part* old = old_part(part);
        if (old == nullptr) same_.emplace_back();
        else same_.push_back(same_rules({old->rules, running_.world->config, old->tables}, {part.rules, world_->config, part.tables}));
    }
    if (auto added = add_routes(); !added) return added;
    views_.clear();
    return {};
}

Checked Draft::build_part(std::size_t number) {
    Part& part = world_->parts[number];
    const Config& said = said_of(number);
    part.rules.homes = homes_in(part);
    const SlotOf slot_of = slots();
    auto tables = compile_tables(part, slot_of);
    if (!tables) return tl::unexpected(std::move(tables).error());
    part.tables = std::move(*tables);
    part.routes = wanted_routes(said);

    std::unordered_set<std::uint64_t> ours = running_.inodes;
    for (const std::vector<LiveSocket>& sockets : opened_)
        for (const LiveSocket& socket : sockets)
            for (const BoundSocket& bound : socket.group)
                if (const auto inode = socket_inode(bound.fd.get()); inode) ours.insert(*inode);
    const ClaimCheck claims = claim_check(said, part.tables, slot_of);
    append(warnings_, check_network(said, part.site->ns, ours, [&](const Listener& listener, const SocketAddress& at) {
               return claims(listener, at) && !steers_now(part, listener.protocol, at);
           }));
    const Diagnostics routes = check_routes(said, part.site->ns);
    for (const Diagnostic& d : routes) network_.push_back(d.error.to_string());
    append(warnings_, routes);
    return {};
}

tl::expected<Tables, Diagnostics> Draft::compile_tables(const Part& part, const SlotOf& slot_of) const {
    return compile({part.rules, world_->config, slot_of, index_in(part.site->ns), limiters()});
}

std::vector<Home> Draft::homes_in(const Part& part) const {
    std::vector<Home> homes;
    const auto add = [&](Protocol protocol, const std::vector<LiveSocket>& sockets) {
        for (const LiveSocket& socket : sockets)
            if (!socket.bound().is_unix()) homes.push_back({protocol, socket.bound().home});
    };
    for (std::size_t i = 0; i < plan_.listeners.size(); ++i) {
        const ListenerRef ref = plan_.listeners[i].next;
        const Listener& listener = listener_at(world_->config, ref);
        // Systemd's is reached as it says.
        if (!part.names.contains(listener.netns) || world_->config.services[ref.service].systemd) continue;
        if (const std::vector<LiveSocket>* kept = kept_sockets(i); kept != nullptr) add(listener.protocol, *kept);
        add(listener.protocol, opened_[i]);
    }
    return homes;
}

/// A pass rule leaves what it matches to the kernel's own lookup, which would find a kept socket at its home, whatever the listener claims.
void Draft::check_kept_homes(std::size_t step) {
    const std::vector<LiveSocket>* kept = kept_sockets(step);
    const ListenerRef ref = plan_.listeners[step].next;
    const Listener& listener = listener_at(world_->config, ref);
    if (kept == nullptr || listener.is_unix() || world_->config.services[ref.service].systemd) return;
    const Part& part = *world_->part_of(listener.netns);
    const Config& said = said_of(static_cast<std::size_t>(&part - world_->parts.data()));
    for (const LiveSocket& socket : *kept) {
        const SocketAddress& home = socket.bound().home;
        const Decision decision = decide(part.tables, from_anywhere(listener.protocol, home));
        const bool passed = decision.rule && decision.verdict == Verdict::pass;
        if (!passed && !some_pass(said, listener.protocol, home, !is_wildcard(home))) continue;
        const std::string why =
            fmt::format("listener {}: its socket is bound to {}, and a [[pass]] rule there would make the service reachable beyond "
                        "what the listener claims; say home = \"ADDRESS:PORT\" with another one, or restart swathed",
                        listener.name, home.to_string());
        warnings_.push_back({Diagnostic::Severity::error, {why, 0, listener.pos}});
    }
}

const Part* Draft::old_part(const Part& part) const {
    for (const Part& old : running_.world->parts)
        if (old.site == part.site) return &old;
    return nullptr;
}

/// Who listens where packets are steered already is locked out by no reload. Else any local user could keep all reloads from
/// succeeding, by a socket on an address of a listener.
bool Draft::steers_now(const Part& part, Protocol protocol, const SocketAddress& at) const {
    const Part* old = old_part(part);
    return old != nullptr && decide(old->tables, from_anywhere(protocol, at)).by_listener();
}

Checked Draft::add_routes() {
    routes_touched_.resize(world_->parts.size());
    for (std::size_t i = 0; i < world_->parts.size(); ++i) {
        const Part& part = world_->parts[i];
        const Part* old = old_part(part);
        std::vector<Prefix> both = part.routes;
        if (old != nullptr) both.insert(both.end(), old->routes.begin(), old->routes.end());
        const bool first = old == nullptr || old->tables.nodes.empty(); // a predecessor's routes may be there
        if (!first && both.empty()) continue;
        routes_touched_[i] = true;
        if (auto added = sync_local_routes(both, part.site->ns); !added) return tl::unexpected(refusal(std::move(added).error()));
    }
    return {};
}

Draft::Hits Draft::carried_hits() const {
    Hits hits(world_->parts.size());
    for (std::size_t i = 0; i < hits.size(); ++i)
        if (!same_[i].empty()) hits[i] = world_->parts[i].site->dispatcher.carried_hits(prepared_[i], same_[i]);
    return hits;
}

std::vector<Error> Draft::settle_routes(bool committed) const {
    std::vector<Error> errors;
    const auto set = [&](const std::vector<Prefix>& wanted, const NetNamespace& ns) {
        if (auto done = sync_local_routes(wanted, ns); !done) errors.push_back(std::move(done).error());
    };
    for (std::size_t i = 0; i < routes_touched_.size(); ++i) {
        if (!routes_touched_[i]) continue;
        const Part& part = world_->parts[i];
        const Part* old = old_part(part);
        set(committed ? part.routes : old != nullptr ? old->routes : std::vector<Prefix>{}, part.site->ns);
    }
    if (!committed) return errors;
    for (const Part& old : running_.world->parts) { // namespaces that are no longer steered in
        const auto is_there = [&](const Part& part) { return part.site == old.site; };
        if (!old.routes.empty() && std::none_of(world_->parts.begin(), world_->parts.end(), is_there)) set({}, old.site->ns);
    }
    return errors;
}

} // namespace swathe
