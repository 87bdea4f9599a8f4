#include "supervise/session.h"

#include "supervise/connection_facts.h"
#include "supervise/connections.h"

#include <fmt/format.h>

namespace swathe {
namespace {

bool is_socket(const StandardStream& stream) noexcept { return stream.kind == StandardStream::Kind::socket; }

/// Does a command besides those of exec_start get the connection?
bool is_passed_beside(const Service& service) noexcept {
    const bool taken = is_socket(service.standard_input) || is_socket(service.standard_output) || is_socket(service.standard_error);
    const bool later = !service.exec_start_post.empty() || !service.exec_reload.empty() || !service.exec_stop.empty() ||
                       !service.exec_stop_post.empty();
    return taken && later;
}

} // namespace

Status Session::make_instance(Loop& loop) {
    const auto number = static_cast<std::uint32_t>(number_ + 1); // of instances it begins with 1, and so do the names of control groups
    auto made = Instance::create(loop, *this, number, number);
    if (!made) return Failure(std::move(made).error());
    instance_ = std::move(*made);
    return {};
}

void Session::start(std::uint32_t of_source) {
    of_source_ = of_source;
    instance_->start();
}

std::string Session::title() const {
    return service_->log_addresses ? fmt::format("connection {} from {}", number_, peer_of(ends_)) : fmt::format("connection {}", number_);
}

const std::string& Session::notify_path() const noexcept { return all_.notify_path(); }
const CgroupTree& Session::cgroups() const noexcept { return all_.host().cgroups(); }
ServiceLog& Session::output() noexcept { return all_.output(); }
void Session::remove_later(std::shared_ptr<PrivateTmp> used) { all_.host().remove_later(std::move(used)); }
bool Session::is_waited_for(pid_t pid) const { return all_.host().is_waited_for(pid); }

/// A service that says nothing has nothing to be waited for.
void Session::drain_notifications() {
    if (service_->effective_notify_access() != NotifyAccess::none) all_.host().drain_notifications();
}

std::vector<PassedFd> Session::descriptors(const Instance&) {
    std::vector<PassedFd> fds;
    if (fd_) fds.push_back({fd_.get(), fd_name_, false, true});
    return fds;
}

/// Its bytes are asked of the socket at the end.
bool Session::needs_socket() const noexcept {
    const Run& run = instance_->run();
    if (run.phase == Phase::ended) return false;
    return run.is_starting() || service_->log_on_success.bytes || service_->log_on_failure.bytes || is_passed_beside(*service_);
}

void Session::changed(Instance& instance) {
    if (first_pid_ == 0) first_pid_ = instance.main_pid();
    if (instance.run().phase == Phase::ended) return all_.ended(*this);
    if (!needs_socket()) close();
}

/// What every connection would say is said of none, unless log_on_success asks for it.
void Session::say(const Instance&, LogLevel level, const std::string& text) const {
    if (level <= LogLevel::warning) all_.complain(level, fmt::format("{}: {}", title(), text));
}

tl::expected<SpawnPlan, SpawnError> Session::plan(const Command& command, std::string_view key, const RunFacts& facts) {
    return all_.plan(service_, command, key, facts);
}

std::shared_ptr<InstanceGroup> Session::shared_group() { return all_.group_for(*service_); }

Result<std::shared_ptr<const OutputEnds>> Session::open_output(const Command& command, std::optional<uid_t> owner) {
    if (auto ends = all_.output_for(service_, command, owner); !ends || *ends) return ends;
    return InstanceHost::open_output(command, owner);
}

void Session::add_variables(std::vector<std::pair<std::string, std::string>>& variables) const {
    for (auto& variable : connection_variables(ends_, service_->environment_style, of_source_)) variables.push_back(std::move(variable));
}

void Session::watches(pid_t pid) { all_.watches(pid, *this); }
void Session::watches_no_more(pid_t pid) { all_.watches_no_more(pid); }

} // namespace swathe
