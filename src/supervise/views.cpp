// Supervisor::status: what runs, as plain values for the control socket.

#include "model/choices.h"
#include "socket/backlog.h"
#include "socket/local_routes.h"
#include "socket/natives.h"
#include "socket/revive.h"
#include "supervise/supervisor.h"

#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::chrono::milliseconds kShortLook(10);
constexpr std::size_t kMostAddressesShown = 100; ///< per listener; a million would drown the answer

std::string label(const Endpoint& endpoint, const AddressRange& range, bool with_ports) {
    if (!with_ports) return range.to_string();
    return range.family() == Family::ipv4 ? fmt::format("{}:{}", range.to_string(), to_string(endpoint.ports))
                                          : fmt::format("[{}]:{}", range.to_string(), to_string(endpoint.ports));
}

void describe_addresses(const Listener& listener, ListenerView& view) {
    bool same_ports = true;
    for (const Endpoint& endpoint : listener.endpoints) same_ports = same_ports && endpoint.ports == listener.endpoints.front().ports;
    if (same_ports) view.ports = to_string(listener.endpoints.front().ports);
    std::size_t count = 0;
    for (const Endpoint& endpoint : listener.endpoints)
        for (const auto& address : endpoint.addresses)
            if (count++ < kMostAddressesShown) view.addresses.push_back(label(endpoint, address.value, !same_ports));
    if (count > kMostAddressesShown) view.addresses.push_back(fmt::format("... and {} more", count - kMostAddressesShown));
}

ListenerView::Socket view_of(const LiveSocket& socket, Protocol protocol, const Dispatcher& dispatcher) {
    ListenerView::Socket view;
    view.slot = socket.slot;
    const SlotCounters counters = dispatcher.counters(socket.slot);
    view.lookups = counters.lookups;
    view.steered = counters.steered;
    view.no_socket = counters.no_socket;
    view.assign_errors = counters.assign_errors;
    view.last_errno = counters.last_errno;
    if (!socket.bound.fd) return view;
    view.home = socket.bound.home.to_string();
    view.queued = queued(socket.bound.fd.get(), protocol);
    view.unusable = why_unusable(socket.bound.fd.get(), protocol);
    if (!view.unusable.empty() && counters.assign_errors > 0)
        view.unusable += fmt::format("; last refused: {}", std::system_category().message(counters.last_errno));
    return view;
}

ServiceView view_of(const ServiceUnit& unit, const Dispatcher& dispatcher) {
    const Service& service = unit.service();
    ServiceView view;
    view.name = service.name;
    view.description = service.description;
    view.state = to_string(unit.lifecycle().state);
    view.result = to_string(unit.lifecycle().result);
    view.failure = unit.why_it_failed();
    view.activation = name_of(service.activation);
    view.type = name_of(service.type);
    if (unit.has_child()) view.main_pid = unit.main_pid();
    view.status_text = unit.status_text();
    view.starts = unit.starts();
    view.restarts = unit.restarts();
    view.state_since_usec = unit.since_usec();
    view.files = service.files;
    for (std::size_t i = 0; i < service.listeners.size(); ++i) {
        const Listener& listener = service.listeners[i];
        ListenerView& shown = view.listeners.emplace_back();
        shown.name = listener.name;
        shown.protocol = to_string(listener.protocol);
        describe_addresses(listener, shown);
        for (const LiveSocket& socket : unit.listeners()[i].sockets) shown.sockets.push_back(view_of(socket, listener.protocol, dispatcher));
    }
    return view;
}

std::vector<std::string> look_at_network(const Config& config, const NetNamespace& ns) {
    std::vector<std::string> lines;
    const auto append = [&](const Diagnostics& found) {
        for (const Diagnostic& d : found) lines.push_back(d.error.to_string());
    };
    if (auto unrouted = find_unrouted(config, ns); unrouted)
        append(*unrouted);
    else
        lines.push_back(unrouted.error().to_string());
    append(find_ephemeral_overlaps(config, ns));
    return lines;
}

} // namespace

/// A look through a million addresses takes long enough to keep services waiting: who asks for the status again and again gets
/// the last answer, so that looking takes a hundredth of the time at most. A look at an ordinary configuration is always new.
const std::vector<std::string>& Supervisor::network_warnings() const {
    const Monotonic begin = now();
    if (look_ && look_->generation == dispatcher_.generation() && begin < look_->good_until) return look_->warnings;
    look_ = NetworkLook{look_at_network(world_->config, options_.ns), dispatcher_.generation(), begin};
    const auto took = now() - begin;
    if (took > kShortLook) look_->good_until = begin + 100 * took;
    return look_->warnings;
}

StatusView Supervisor::status(const std::string& service) const {
    StatusView view;
    view.daemon.version = SWATHE_VERSION;
    view.daemon.pid = ::getpid();
    view.daemon.netns = options_.ns.name();
    view.daemon.generation = dispatcher_.generation();
    view.daemon.rules = world_->rules.rules.size();
    if (auto programs = dispatcher_.programs(); programs)
        for (const AttachedProgram& p : *programs) view.daemon.programs.push_back({p.id, p.name, p.ours});
    else
        view.daemon.warnings.push_back(programs.error().to_string());
    for (const auto& [name, unit] : units_)
        if (unit->lacks_sockets()) view.daemon.warnings.push_back(unit->hint_of_restart());
    const std::vector<std::string>& network = network_warnings();
    view.daemon.warnings.insert(view.daemon.warnings.end(), network.begin(), network.end());
    for (const auto& [name, unit] : units_)
        if (service.empty() || service == name) view.services.push_back(view_of(*unit, dispatcher_));
    return view;
}

} // namespace swathe
