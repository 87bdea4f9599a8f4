// Supervisor: the commands around sockets, where the configuration brings services or takes them away.
//
// Those before the sockets are run between the two looks of the worker at a draft, so that nothing is bound yet and nothing in force is
// touched: what they say decides whether the reload goes on. If it does not, those of the stop take back what the ones that succeeded
// have done. All others follow the switch, which they cannot undo.

#include "base/log.h"
#include "supervise/reload.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

/// Is there anything to be run when its sockets close?
bool has_stop_commands(const Service& service) noexcept { return !service.socket_stop_pre.empty() || !service.socket_stop_post.empty(); }

} // namespace

/// What is to run before the draft opens sockets: of services that have new ones, and are not down with theirs closed.
std::vector<std::shared_ptr<const Service>> Supervisor::opening(const Draft& draft) {
    std::vector<std::shared_ptr<const Service>> all;
    for (const std::uint32_t s : draft.opening()) {
        const Service& service = draft.world()->config.services[s];
        const ServiceUnit* const unit = find(service.name);
        const bool down = unit != nullptr && (unit->is_closed() || unit->around() == ServiceUnit::Around::stop);
        if (!down) all.emplace_back(draft.world(), &service);
    }
    return all;
}

void Supervisor::open_after_commands(const std::shared_ptr<Reload>& reload) {
    if (!reload->checked) return finish(reload, tl::unexpected(std::move(reload->checked).error()));
    const auto services = opening(*reload->draft);
    const auto is_leaving = [this](const auto& service) { return closing_->has(service->name); };
    if (!shut_down_done_ && std::any_of(services.begin(), services.end(), is_leaving)) { // they have the same homes and paths
        when_closed_ = [this, reload] { open_after_commands(reload); };
        return;
    }
    if (shut_down_done_) return finish(reload, tl::unexpected(refusal({"the daemon is stopping", 0, std::nullopt})));
    struct Pending {
        std::size_t count = 1; // one for this call
        Diagnostics failed;
    };
    auto pending = std::make_shared<Pending>();
    const auto ended = [this, reload, pending] {
        if (--pending->count > 0) return;
        if (!pending->failed.empty()) return finish(reload, tl::unexpected(std::move(pending->failed)));
        worker_->run([reload] { reload->checked = within_memory([&] { return reload->draft->open(); }); },
                     [this, reload] { build(reload); });
    };
    for (const auto& service : services) {
        if (service->socket_start_pre.empty()) continue;
        ++pending->count;
        commands_->run(service, log_for(service->name), SocketStage::start_pre, [this, reload, pending, service, ended](const Status& ran) {
            if (!ran) pending->failed.push_back({Diagnostic::Severity::error, ran.error()});
            if (ran && find(service->name) == nullptr) reload->prepared.push_back(service);
            ended();
        });
    }
    ended();
}

/// A service that is not there yet has its log as soon as something of it runs.
std::shared_ptr<ServiceLog> Supervisor::log_for(const std::string& service) {
    if (const ServiceUnit* const unit = find(service); unit != nullptr) return unit->own_log();
    std::shared_ptr<ServiceLog>& log = early_logs_[service];
    if (!log) log = logs_->open(service);
    return log;
}

std::shared_ptr<ServiceLog> Supervisor::open_log(const std::string& service) {
    const auto early = early_logs_.find(service);
    return early == early_logs_.end() ? logs_->open(service) : early->second;
}

/// systemd.socket(5): a socket that was prepared and could not be opened is stopped. Are all of the refused reload?
bool Supervisor::is_taken_back(Reload& reload) {
    for (const auto& service : std::exchange(reload.prepared, {})) {
        reload.taken_back.push_back(service->name);
        closing_->add({service, log_for(service->name), {}, false});
    }
    const auto closes = [this](const std::string& name) { return closing_->has(name); };
    if (std::none_of(reload.taken_back.begin(), reload.taken_back.end(), closes)) return true;
    (void)sweep_->trigger();
    return false;
}

void Supervisor::run_socket_commands(const ServiceUnit& unit, SocketStage stage, std::function<void(const Status&)> done) {
    commands_->run(unit.shared_service(), unit.own_log(), stage, [this, tag = unit.tag(), done = std::move(done)](const Status& ran) {
        const bool there = std::any_of(units_.begin(), units_.end(), [&](const auto& entry) { return entry.second->tag() == tag; });
        if (there) done(ran);
    });
}

/// The sockets of a unit that leaves: closed at once, or when the commands before that have been run.
void Supervisor::let_go_of_sockets(ServiceUnit& unit) {
    const bool open = !unit.is_closed();
    const bool pre_has_run = unit.around() == ServiceUnit::Around::stop;
    const std::shared_ptr<const Service> service = unit.shared_service();
    std::vector<LiveListener> listeners = unit.leave_configuration();
    if (open && has_stop_commands(*service)) {
        auto alone = std::make_shared<Service>(*service); // the old configuration may be large
        alone->listeners.clear();
        return closing_->add({std::move(alone), unit.own_log(), std::move(listeners), pre_has_run});
    }
    commands_->call_off(service->name);
    for (const LiveListener& listener : listeners) release(listener);
}

void Supervisor::close_sockets() {
    closing_->go_on([this](const std::string& service) {
        return std::any_of(leaving_.begin(), leaving_.end(), [&](const auto& unit) { return unit->service().name == service; });
    });
    if (const auto again = std::exchange(when_closed_, nullptr)) again();
}

} // namespace swathe
