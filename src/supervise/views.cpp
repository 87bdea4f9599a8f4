// Supervisor::status: what runs, as plain values for the control socket.

#include "classify/limits.h"
#include "model/choices.h"
#include "socket/backlog.h"
#include "socket/revive.h"
#include "supervise/connection_facts.h"
#include "supervise/flows.h"
#include "supervise/explain.h"
#include "supervise/flows.h"
#include "supervise/preflight.h"
#include "supervise/supervisor.h"

#include <algorithm>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::size_t kMostRulesToLookAt = 10'000; ///< in the loop: some milliseconds
constexpr std::size_t kMostAddressesShown = 100; ///< per listener; a million would drown the answer
constexpr std::size_t kMostConnectionsShown = 100; ///< per service; likewise

std::string label(const Endpoint& endpoint, const AddressRange& range, bool with_ports) {
    if (!with_ports) return range.to_string();
    return range.family() == Family::ipv4 ? fmt::format("{}:{}", range.to_string(), to_string(endpoint.ports))
                                          : fmt::format("[{}]:{}", range.to_string(), to_string(endpoint.ports));
}

void describe_addresses(const Listener& listener, ListenerView& view) {
    if (listener.is_unix()) {
        view.addresses.push_back(listener.path);
        return;
    }
    bool same_ports = true;
    for (const Endpoint& endpoint : listener.endpoints) same_ports = same_ports && endpoint.ports == listener.endpoints.front().ports;
    if (same_ports) view.ports = to_string(listener.endpoints.front().ports);
    std::size_t count = 0; // a million are not read for a hundred that are shown
    for (const Endpoint& endpoint : listener.endpoints) {
        for (std::size_t i = 0; i < endpoint.addresses.size() && count + i < kMostAddressesShown; ++i)
            view.addresses.push_back(label(endpoint, endpoint.addresses[i].value, !same_ports));
        count += endpoint.addresses.size();
    }
    if (count > kMostAddressesShown) view.addresses.push_back(fmt::format("... and {} more", count - kMostAddressesShown));
}

ListenerView::Socket view_of(const LiveSocket& socket, Protocol protocol) {
    ListenerView::Socket view;
    view.slot = socket.is_steered() ? socket.slot : 0;
    const SlotCounters counters = socket.is_steered() ? socket.site->dispatcher.counters(socket.slot) : SlotCounters{};
    view.lookups = counters.lookups;
    view.steered = counters.steered;
    view.no_socket = counters.no_socket;
    view.assign_errors = counters.assign_errors;
    view.last_errno = counters.last_errno;
    if (!socket.group.is_open()) return view;
    if (socket.is_steered()) view.home = socket.bound().home.to_string();
    for (const BoundSocket& bound : socket.group) {
        view.queued += queued(bound.fd.get(), protocol);
        if (view.unusable.empty()) view.unusable = why_unusable(bound.fd.get(), protocol);
    }
    if (!view.unusable.empty() && counters.assign_errors > 0)
        view.unusable += fmt::format("; last refused: {}", std::system_category().message(counters.last_errno));
    return view;
}

InstanceView view_of(const Instance& instance, bool draining) {
    InstanceView view{instance.number(), to_string(instance.run().phase), draining, std::nullopt, instance.status_text(), {}};
    if (instance.main_pid() != 0) view.main_pid = instance.main_pid();
    return view;
}

/// Those that are served, the first of them with their instances.
void describe_connections(const Connections& all, const Service& service, ServiceView& view) {
    for (std::size_t i = 0; i < std::min(all.living().size(), kMostConnectionsShown); ++i) {
        const Session& session = *all.living()[i];
        view.instances.push_back(view_of(session.instance(), false));
        view.instances.back().peer = peer_of(session.ends());
    }
    if (!service.accept) return;
    const Connections::Counts& counts = all.counts();
    const auto refused = [&](TurnedAway why) { return counts.refused[static_cast<std::size_t>(why)]; };
    view.connections = ConnectionsView{all.door().inside(), service.max_connections, all.door().most_of_a_source(),
                                       counts.accepted, counts.failed, {}, {}};
    view.connections->refused = {refused(TurnedAway::max_connections), refused(TurnedAway::max_connections_per_source),
                                 refused(TurnedAway::max_load), refused(TurnedAway::access_times), refused(TurnedAway::condition)};
}

std::optional<ListenerView::Socket::Refused> refused_at(const LiveSocket& socket, const Service& service, const Listener& listener) {
    if (!socket.is_steered() || (listener.blocked.empty() && !has_limits(service, listener))) return std::nullopt;
    const SlotCounters counters = socket.site->dispatcher.counters(socket.slot);
    ListenerView::Socket::Refused refused;
    refused.rate = counters.refused_by(DropReason::rate);
    refused.source_rate = counters.refused_by(DropReason::source_rate);
    refused.blocked = counters.refused_by(DropReason::blocked);
    refused.closed = counters.refused_by(DropReason::closed);
    refused.unasked = counters.unasked;
    refused.new_sources = counters.new_sources;
    return refused;
}

ListenerView view_of(const Service& service, const Listener& listener, const std::vector<LiveSocket>& sockets) {
    ListenerView shown;
    shown.name = listener.name;
    shown.protocol = name_of(listener.kind());
    shown.netns = listener.netns;
    describe_addresses(listener, shown);
    shown.limits = limits_in_words(service, listener);
    for (const LiveSocket& socket : sockets) {
        shown.sockets.push_back(view_of(socket, listener.protocol));
        shown.sockets.back().refused = refused_at(socket, service, listener);
    }
    return shown;
}

ServiceView view_of(const ServiceUnit& unit) {
    const Service& service = unit.service();
    ServiceView view;
    view.name = service.name;
    view.description = service.description;
    view.state = to_string(unit.state());
    view.result = to_string(unit.lifecycle().result);
    view.failure = unit.why_it_failed();
    view.activation = name_of(service.activation);
    view.type = name_of(service.type);
    if (unit.main_pid() != 0) view.main_pid = unit.main_pid();
    view.status_text = unit.status_text();
    view.starts = unit.starts();
    view.restarts = unit.restarts();
    view.state_since_usec = unit.since_usec();
    view.files = service.files;
    view.paused_by_hand = unit.is_held();
    for (const auto& worker : unit.workers())
        for (const Instance* instance : {worker->instance.get(), worker->successor.get()})
            if (instance != nullptr) view.instances.push_back(view_of(*instance, false));
    for (const auto& instance : unit.draining()) view.instances.push_back(view_of(*instance, true));
    if (unit.connections() != nullptr) describe_connections(*unit.connections(), service, view);
    if (view.connections && unit.flows() != nullptr) {
        const Flows::Counts counts = unit.flows()->counts();
        view.connections->flows = FlowsView{counts.continued, counts.idle, counts.lost};
    }
    for (std::size_t i = 0; i < service.listeners.size(); ++i)
        view.listeners.push_back(view_of(service, service.listeners[i], unit.listeners()[i].sockets));
    return view;
}

ServiceView view_of(const BesideUnit& unit) {
    const Service& service = *unit.service;
    ServiceView view;
    view.name = service.name;
    view.description = service.description;
    view.supervisor = "systemd";
    view.state = unit.state ? unit.state->active_state : "unknown";
    view.failure = unit.problem;
    if (unit.state) view.status_text = unit.state->sub_state;
    if (unit.state) view.state_since_usec = static_cast<std::int64_t>(unit.state->since_usec);
    view.files = service.files;
    for (std::size_t i = 0; i < service.listeners.size(); ++i) {
        const std::vector<LiveSocket>& sockets = unit.listeners[i].sockets;
        ListenerView& shown = view.listeners.emplace_back(view_of(service, service.listeners[i], sockets));
        for (std::size_t s = 0; s < sockets.size(); ++s)
            if (sockets[s].bound().cookie != 0) shown.sockets[s].home = sockets[s].bound().home.to_string();
    }
    return view;
}

std::vector<std::string> look_at_network(const World& world) {
    std::vector<std::string> lines;
    for (const Part& part : world.parts)
        for (const Diagnostic& d : check_routes(world.parts.size() > 1 ? only_in(world.config, part.names) : world.config, part.site->ns))
            lines.push_back(d.error.to_string());
    return lines;
}

} // namespace

/// A look at an ordinary configuration is always new. Through a million addresses it takes long enough to keep services waiting: it is made
/// in the worker for who asks next, and so seldom that it takes a hundredth of the time at most.
const std::vector<std::string>& Supervisor::network_warnings() {
    if (look_ && (looking_ || now() < look_->good_until)) return look_->warnings;
    if (!look_ || world_->rules() <= kMostRulesToLookAt)
        look_ = NetworkLook{look_at_network(*world_), generation_, {}};
    else
        look_in_worker();
    return look_->warnings;
}

void Supervisor::look_in_worker() {
    looking_ = true;
    auto look = std::make_shared<NetworkLook>();
    look->generation = generation_;
    worker_->run(
        [look, world = world_] {
            const Monotonic begin = now();
            try {
                look->warnings = look_at_network(*world);
            } catch (const std::bad_alloc&) {
                look->warnings = {"not enough memory to look at the routes"};
            }
            look->good_until = now() + 100 * (now() - begin);
        },
        [this, look] {
            looking_ = false;
            if (look->generation == generation_) look_ = std::move(*look);
        });
}

StatusView Supervisor::status(const std::string& service) {
    StatusView view;
    view.daemon.version = SWATHE_VERSION;
    view.daemon.pid = ::getpid();
    view.daemon.netns = world_->parts.front().site->ns.name();
    view.daemon.generation = generation_;
    view.daemon.rules = world_->rules();
    view.daemon.traces = tracing_->running();
    for (const Part& part : world_->parts) {
        auto programs = part.site->dispatcher.programs();
        if (!programs) view.daemon.warnings.push_back(programs.error().to_string());
        if (programs)
            for (const AttachedProgram& p : *programs) view.daemon.programs.push_back({p.id, p.name, p.ours, part.name()});
    }
    for (const auto& [name, unit] : units_)
        if (unit->lacks_sockets()) view.daemon.warnings.push_back(unit->hint_of_restart());
    if (const std::string missing = cgroups_->describe(); !missing.empty()) view.daemon.warnings.push_back(missing);
    const std::vector<std::string>& network = network_warnings();
    view.daemon.warnings.insert(view.daemon.warnings.end(), network.begin(), network.end());
    for (const auto& [name, unit] : units_)
        if (service.empty() || service == name) view.services.push_back(view_of(*unit));
    for (const auto& [name, unit] : beside_->units())
        if (service.empty() || service == name) view.services.push_back(view_of(unit));
    std::sort(view.services.begin(), view.services.end(), [](const ServiceView& a, const ServiceView& b) { return a.name < b.name; });
    return view;
}

} // namespace swathe
