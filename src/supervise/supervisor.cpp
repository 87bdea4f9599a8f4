#include "supervise/supervisor.h"

#include "base/log.h"
#include "dispatch/migration.h"
#include "socket/connections.h"
#include "socket/local_routes.h"
#include "socket/unix_socket.h"
#include "supervise/node_owner.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {

Supervisor::Supervisor(Loop& loop, std::shared_ptr<Site> own, SiteMaker maker, Options options)
    : loop_(loop), maker_(std::move(maker)), options_(std::move(options)) {
    World empty;
    empty.parts.push_back({std::move(own), {""}, {}, {}, {}});
    world_ = std::make_shared<const World>(std::move(empty));
}

Supervisor::~Supervisor() = default;

Result<std::unique_ptr<Supervisor>> Supervisor::create(Loop& loop, std::shared_ptr<Site> own, SiteMaker maker, Options options) {
    std::unique_ptr<Supervisor> self(new Supervisor(loop, std::move(own), std::move(maker), std::move(options)));
    if (auto opened = self->open_parts(); !opened) return Failure(std::move(opened).error());
    return self;
}

Status Supervisor::open_parts() {
    cgroups_.emplace(CgroupTree::find(options_.cgroup_label)); // it may move this process, so before there is any child
    auto notify = NotifySocket::open(
        loop_, options_.notify_path,
        [this](const NotifySocket::Sender& sender, Notification&& message, std::vector<UniqueFd> fds) {
            notified(sender, message, std::move(fds));
        },
        [this](const NotifySocket::Sender& sender, const Error& error) {
            complain(fmt::format("notification of pid {} (uid {}) refused: {}", sender.pid, sender.uid, error.to_string()));
        });
    if (!notify) return Failure(std::move(notify).error());
    notify_ = std::move(*notify);

    auto logs = ServiceLogs::create(loop_, log_sink());
    if (!logs) return Failure(std::move(logs).error());
    logs_ = std::move(*logs);

    auto orphans = Orphans::adopt(
        loop_, [this](pid_t pid) { return is_waited_for(pid); }, [](pid_t, const Exit&) {});
    if (!orphans) return Failure(std::move(orphans).error());
    orphans_ = std::move(*orphans);

    auto sweep = DeferSource::create(loop_, [this] { this->sweep(); });
    if (!sweep) return Failure(std::move(sweep).error());
    sweep_ = std::move(*sweep);

    auto commands = SocketCommands::create(loop_, *cgroups_, [this] { (void)sweep_->trigger(); });
    if (!commands) return Failure(std::move(commands).error());
    commands_ = std::move(*commands);
    closing_ = std::make_unique<ClosingSockets>(*commands_, [this](const LiveListener& listener) { release(listener); });

    auto tracing = Tracing::create(loop_, [this] { return trace_sources(); });
    if (!tracing) return Failure(std::move(tracing).error());
    tracing_ = std::move(*tracing);

    auto beside = Beside::create(loop_, {});
    if (!beside) return Failure(std::move(beside).error());
    beside_ = std::move(*beside);

    auto worker = Worker::start(loop_);
    if (!worker) return Failure(std::move(worker).error());
    worker_ = std::move(*worker);
    return {};
}

void Supervisor::remove_abandoned() {
    std::vector<std::shared_ptr<Site>> in_use;
    for (const Part& part : world_->parts) in_use.push_back(part.site);
    for (const std::string& line : maker_.remove_abandoned(in_use)) log(LogLevel::notice, line);
}

ServiceUnit* Supervisor::find(const std::string& service) {
    const auto found = units_.find(service);
    return found == units_.end() ? nullptr : found->second.get();
}

const std::vector<LiveListener>& Supervisor::listeners_of(const Service& service) const {
    return service.systemd ? beside_->find(service.name)->listeners : units_.at(service.name)->listeners();
}

bool Supervisor::is_waited_for(pid_t pid) const {
    return commands_->owns(pid) || std::any_of(units_.begin(), units_.end(), [&](const auto& entry) { return entry.second->owns(pid); }) ||
           std::any_of(leaving_.begin(), leaving_.end(), [&](const auto& unit) { return unit->owns(pid); });
}

/// Believed are processes that a service lets speak for it, as the kernel names them (NotifyAccess=); nobody else is.
void Supervisor::notified(const NotifySocket::Sender& sender, const Notification& message, std::vector<UniqueFd> fds) {
    for (const auto& [name, unit] : units_)
        if (unit->notified(sender, message, fds)) return;
    for (const auto& unit : leaving_)
        if (unit->notified(sender, message, fds)) return;
    complain(fmt::format("notification of pid {} (uid {}) ignored: no process that may speak for a service", sender.pid, sender.uid));
}

void Supervisor::remove_later(std::shared_ptr<PrivateTmp> used) {
    worker_->run([used] { (void)used->remove(); }, [] {});
}

std::uint64_t Supervisor::packets(const LiveSocket& socket) const {
    return socket.is_steered() ? socket.site->dispatcher.counters(socket.slot).lookups : 0;
}

Status Supervisor::tag(const LiveSocket& socket, std::uint64_t tag) {
    if (!tags_) {
        auto tags = ConnectionTags::create("");
        if (!tags) return Failure(std::move(tags).error().within("idle_stop_sec"));
        tags_.emplace(std::move(*tags));
    }
    for (const BoundSocket& bound : socket.group)
        if (auto put = tags_->put(bound.fd.get(), tag); !put) return put;
    return {};
}

/// A unit that is gone by then is not told: it is looked up by its tag.
void Supervisor::ask_connections(std::uint64_t tag, std::vector<std::shared_ptr<Site>> sites, std::function<void(bool)> answer) {
    auto found = std::make_shared<bool>(true);
    if (!tags_) return answer(false); // no listener of it takes connections
    worker_->run(
        [found, sites = std::move(sites), tags = tags_->fd(), tag] {
            *found = std::any_of(sites.begin(), sites.end(), [&](const auto& site) {
                return has_connections(site->ns, tags, {&tag, 1}).value_or(true);
            });
        },
        [this, found, tag, answer = std::move(answer)] {
            const bool there = std::any_of(units_.begin(), units_.end(), [&](const auto& entry) { return entry.second->tag() == tag; });
            if (there) answer(*found);
        });
}

void Supervisor::bury(std::unique_ptr<Instance> ended) {
    graveyard_.push_back(std::move(ended));
    (void)sweep_->trigger();
}

void Supervisor::emptied() {
    if (!leaving_.empty()) (void)sweep_->trigger();
}

/// Anyone can write to the notify socket: what strangers make us say is limited.
void Supervisor::complain(const std::string& text) {
    if (complaints_.allow(now())) log(LogLevel::warning, text);
}

void Supervisor::shut_down(std::function<void()> done) {
    shut_down_done_ = std::move(done);
    commands_->call_off_all();
    if (const auto waiting = std::exchange(when_closed_, nullptr)) waiting();
    begin_shut_down_if_asked();
}

/// Not while the worker has a draft, which may add routes, or take them away.
void Supervisor::begin_shut_down_if_asked() {
    if (!shut_down_done_ || unsettled_ > 0) return;
    tracing_->stop("swathed is stopping"); // while everything is there that it asks for
    for (const Part& part : world_->parts)
        if (auto detached = part.site->dispatcher.detach(); !detached) log(LogLevel::error, detached.error().to_string());
    retire_who_may_go();
    (void)sweep_->trigger();
}

/// Stops a unit that is no longer wanted; sweep() forgets it when its child is gone.
void Supervisor::retire(const std::string& name) {
    auto node = units_.extract(name);
    ServiceUnit& unit = *leaving_.emplace_back(std::move(node.mapped()));
    let_go_of_sockets(unit);
    unit.stop([this](const Status&) { (void)sweep_->trigger(); });
}

void Supervisor::release(const LiveListener& listener) {
    for (const LiveSocket& socket : listener.sockets)
        if (socket.is_steered()) socket.site->dispatcher.release_slot(socket.slot);
}

void Supervisor::sweep() {
    graveyard_.clear();
    std::erase_if(leaving_, [](const auto& unit) { return !unit->has_instance(); });
    close_sockets();
    if (!shut_down_done_ || unsettled_ > 0) return;
    retire_who_may_go();
    if (!leaving_.empty() || !units_.empty() || !closing_->empty() || !commands_->empty()) return;
    for (const Part& part : world_->parts)
        if (part.site->has_routes)
            if (auto removed = sync_local_routes({}, part.site->ns); !removed) log(LogLevel::error, removed.error().to_string());
    logs_->followers().stop("swathed is stopping"); // after the last words of the services
    std::exchange(shut_down_done_, nullptr)();
}

Status Supervisor::fill_slot(const LiveSocket& socket) {
    if (!socket.is_steered()) return {};
    return socket.site->dispatcher.set_socket(socket.slot, socket.bound().fd.get());
}

void Supervisor::empty_slot(const LiveSocket& socket) {
    if (socket.is_steered()) socket.site->dispatcher.clear_socket(socket.slot);
}

void Supervisor::drain_notifications() { notify_->drain(); }

namespace {

Result<BoundSocket> reopen_unix(const Listener& listener, const NetNamespace& ns) {
    const auto owner = node_owner(listener);
    if (!owner) return Failure(owner.error());
    auto opened = open_unix_socket(listener, ns, *owner);
    if (opened && opened->node) opened->node->keep();
    return opened;
}

} // namespace

Result<int> Supervisor::migration() {
    if (!migration_) {
        auto loaded = load_migration();
        if (!loaded) return Failure(std::move(loaded).error());
        migration_ = std::move(*loaded);
    }
    return migration_.get();
}

Result<std::vector<Group>> Supervisor::reopen(const Listener& listener, const LiveListener& closed, std::size_t members) {
    const bool grouped = listener.listener_mode == ListenerMode::reuseport;
    std::vector<Group> opened;
    for (const LiveSocket& socket : closed.sockets) {
        if (socket.bound().is_unix()) {
            auto bound = reopen_unix(listener, socket.site->ns);
            if (!bound) return Failure(std::move(bound).error());
            opened.emplace_back(std::move(*bound));
            continue;
        }
        const bool both = socket.bound().takes_ipv4 && socket.bound().takes_ipv6;
        Listener part = both ? listener : only_family(listener, socket.bound().takes_ipv4 ? Family::ipv4 : Family::ipv6);
        part.family_sockets = FamilySockets::dual;
        part.home = socket.bound().home; // there or nowhere: it is what the implicit home rule guards
        auto bound = open_listener(part, socket.site->ns, [](const SocketAddress&) { return true; }, Admission::at_once,
                                   grouped ? Sharing::alone : Sharing::with_listeners);
        if (!bound) return Failure(std::move(bound).error());
        Group& group = opened.emplace_back(std::move(bound->front()));
        if (!grouped) continue;
        if (auto grown = group.grow(part, socket.site->ns, members); !grown) return Failure(std::move(grown).error());
    }
    return opened;
}

} // namespace swathe
