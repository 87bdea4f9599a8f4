#include "supervise/supervisor.h"

#include "base/log.h"
#include "socket/interfaces.h"
#include "socket/local_routes.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {

Supervisor::Supervisor(Loop& loop, Options options, Dispatcher dispatcher)
    : loop_(loop), options_(std::move(options)), dispatcher_(std::move(dispatcher)), world_(std::make_shared<World>()) {}

Supervisor::~Supervisor() = default;

Result<std::unique_ptr<Supervisor>> Supervisor::create(Loop& loop, Options options) {
    auto dispatcher = Dispatcher::create({options.ns.fd(), options.pin_path});
    if (!dispatcher) return Failure(std::move(dispatcher).error());
    std::unique_ptr<Supervisor> self(new Supervisor(loop, std::move(options), std::move(*dispatcher)));

    auto notify = NotifySocket::open(
        loop, self->options_.notify_path,
        [s = self.get()](const NotifySocket::Sender& sender, const Notification& message) { s->notified(sender, message); },
        [s = self.get()](const NotifySocket::Sender& sender, const Error& error) {
            s->complain(fmt::format("notification of pid {} (uid {}) refused: {}", sender.pid, sender.uid, error.to_string()));
        });
    if (!notify) return Failure(std::move(notify).error());
    self->notify_ = std::move(*notify);

    auto orphans = Orphans::adopt(
        loop, [s = self.get()](pid_t pid) { return s->unit_of(pid) != nullptr; }, [](pid_t, const Exit&) {});
    if (!orphans) return Failure(std::move(orphans).error());
    self->orphans_ = std::move(*orphans);

    auto sweep = DeferSource::create(loop, [s = self.get()] { s->sweep(); });
    if (!sweep) return Failure(std::move(sweep).error());
    self->sweep_ = std::move(*sweep);
    return self;
}

ServiceUnit* Supervisor::find(const std::string& service) {
    const auto found = units_.find(service);
    return found == units_.end() ? nullptr : found->second.get();
}

ServiceUnit* Supervisor::unit_of(pid_t main_pid) {
    for (const auto& [name, unit] : units_)
        if (unit->main_pid() == main_pid) return unit.get();
    for (const auto& unit : leaving_)
        if (unit->main_pid() == main_pid) return unit.get();
    return nullptr;
}

/// Believed is the main process of a service, as the kernel names it (NotifyAccess=main); nobody else is.
void Supervisor::notified(const NotifySocket::Sender& sender, const Notification& message) {
    if (ServiceUnit* unit = unit_of(sender.pid); unit != nullptr) return unit->notified(message);
    complain(fmt::format("notification of pid {} (uid {}) ignored: not the main process of a service", sender.pid, sender.uid));
}

/// Anyone can write to the notify socket: what strangers make us say is limited.
void Supervisor::complain(const std::string& text) {
    if (complaints_.allow(now())) log(LogLevel::warning, text);
}

void Supervisor::shut_down(std::function<void()> done) {
    shut_down_done_ = std::move(done);
    if (auto detached = dispatcher_.detach(); !detached) log(LogLevel::error, detached.error().to_string());
    std::vector<std::string> names;
    for (const auto& [name, unit] : units_) names.push_back(name);
    for (const std::string& name : names) retire(name);
    (void)sweep_->trigger();
}

/// Stops a unit that is no longer wanted; sweep() forgets it when its child is gone.
void Supervisor::retire(const std::string& name) {
    auto node = units_.extract(name);
    ServiceUnit& unit = *leaving_.emplace_back(std::move(node.mapped()));
    for (const LiveListener& listener : unit.leave_configuration())
        for (const LiveSocket& socket : listener.sockets) dispatcher_.release_slot(socket.slot);
    unit.stop([this](const Status&) { (void)sweep_->trigger(); });
}

void Supervisor::sweep() {
    std::erase_if(leaving_, [](const auto& unit) { return !unit->has_child(); });
    if (!leaving_.empty() || !shut_down_done_) return;
    if (routes_ours_)
        if (auto removed = sync_local_routes({}, options_.ns); !removed) log(LogLevel::error, removed.error().to_string());
    std::exchange(shut_down_done_, nullptr)();
}

Status Supervisor::fill_slot(std::uint32_t slot, int fd) { return dispatcher_.set_socket(slot, fd); }

void Supervisor::empty_slot(std::uint32_t slot) { dispatcher_.clear_socket(slot); }

void Supervisor::drain_notifications() { notify_->drain(); }

Result<std::vector<BoundSocket>> Supervisor::reopen(const Listener& listener, const LiveListener& closed) {
    std::vector<BoundSocket> opened;
    for (const LiveSocket& socket : closed.sockets) {
        const bool both = socket.bound.takes_ipv4 && socket.bound.takes_ipv6;
        Listener part = both ? listener : only_family(listener, socket.bound.takes_ipv4 ? Family::ipv4 : Family::ipv6);
        part.family_sockets = FamilySockets::dual;
        part.home = socket.bound.home; // there or nowhere: it is what the implicit home rule guards
        auto bound = open_listener(part, options_.ns, [](const SocketAddress&) { return true; });
        if (!bound) return bound;
        opened.push_back(std::move(bound->front()));
    }
    return opened;
}

InterfaceIndex Supervisor::interface_index() const {
    return [this](const std::string& name) { return swathe::interface_index(options_.ns, name).value_or(0); };
}

} // namespace swathe
