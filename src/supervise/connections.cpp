#include "supervise/connections.h"

#include "process/conditions.h"
#include "process/own_directories.h"
#include "supervise/connection_facts.h"
#include "model/instance_service.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr Duration kLoadAge = std::chrono::seconds(1);
constexpr Duration kSweepPause = std::chrono::seconds(1); ///< a timer for each end would be a few system calls for each connection
constexpr std::size_t kBannerBytes = 4096; ///< of a banner_file: what any socket takes at once

/// Is it a failure of which how the process ended says nothing?
bool is_untold(ServiceResult result) noexcept {
    return result == ServiceResult::timeout || result == ServiceResult::protocol || result == ServiceResult::oom_kill ||
           result == ServiceResult::assertion;
}

unsigned minute_of_day() noexcept {
    const std::time_t at = std::time(nullptr);
    std::tm parts{};
    if (::localtime_r(&at, &parts) == nullptr) return 0;
    return static_cast<unsigned>(parts.tm_hour * 60 + parts.tm_min);
}

/// A pipe must not keep the daemon waiting.
Result<std::string> read_banner(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0) return system_failure(path);
    if (!S_ISREG(status.st_mode)) return failure(path + ": not a regular file");
    std::string text(kBannerBytes, '\0');
    const ssize_t length = ::read(file.get(), text.data(), text.size());
    if (length < 0) return system_failure(path);
    text.resize(static_cast<std::size_t>(length));
    return text;
}

} // namespace

Connections::Connections(Loop& loop, UnitHost& host, std::string notify_path, std::shared_ptr<ServiceLog> log,
                         std::function<void()> changed)
    : loop_(loop), host_(host), notify_path_(std::move(notify_path)), log_(std::move(log)), changed_(std::move(changed)) {}

Connections::~Connections() = default;

Result<std::unique_ptr<Connections>> Connections::create(Loop& loop, UnitHost& host, std::string notify_path,
                                                         std::shared_ptr<ServiceLog> log, std::function<void()> changed) {
    std::unique_ptr<Connections> made(new Connections(loop, host, std::move(notify_path), std::move(log), std::move(changed)));
    auto sweep = TimerSource::create(loop, [self = made.get()] {
        self->sweeping_ = false;
        self->ended_.clear();
    });
    if (!sweep) return Failure(std::move(sweep).error());
    made->sweep_ = std::move(*sweep);
    return made;
}

void Connections::use(const Service& service) {
    auto own = std::make_shared<Service>(service);
    own->listeners.clear();
    service_ = std::move(own);
    differs_ = names_instance(*service_);
    plans_.forget();
    output_ = nullptr;
    door_.forget();
    if (gates_) gates_->open();
    for (const auto& connection : living_) { // what a source is may have changed
        connection->source = source_of(connection->ends(), *service_);
        enter(connection->source);
    }
}

void Connections::enter(const SourceKey& source) {
    door_.enter(source);
    if (gates_) gates_->follow(*service_, door_, source);
}

void Connections::leave(const SourceKey& source) {
    door_.leave(source);
    if (gates_) gates_->follow(*service_, door_, source);
}

// --- who comes in

bool Connections::admits(const ConnectionEnds& ends) {
    const auto why = door_.refuses(*service_, source_of(ends, *service_), facts());
    if (why) refuse(*why, ends);
    return !why;
}

void Connections::serve(UniqueFd fd, ConnectionEnds ends, const Listener& listener, SocketKeeper* keeper) {
    ended_.clear(); // their call stacks are over: it is the loop that calls this
    if (!admits(ends)) return;
    const SourceKey source = source_of(ends, *service_);
    if (auto set = set_accepted_options(fd.get(), listener, ends); !set) complain(LogLevel::warning, set.error().to_string());
    stopping_ = false;
    group_end_ = nullptr; // who is in its group now is not to be ended with those that were left
    std::shared_ptr<const Service> service = service_for(ends);
    greet(fd.get(), *service);
    const std::uint64_t number = counts_.accepted++;
    auto made = std::make_unique<Session>(*this, std::move(service), std::move(fd), std::move(ends), listener.name, number);
    Session& connection = *made;
    if (auto ready = connection.make_instance(loop_); !ready) {
        ++counts_.failed;
        return complain(LogLevel::error, fmt::format("{}: {}", connection.title(), ready.error().to_string()));
    }
    connection.source = source;
    connection.keeper = keeper;
    connection.place = living_.size();
    living_.push_back(std::move(made));
    enter(source);
    if (keeper != nullptr) keeper->begun(connection);
    connection.start(door_.inside_of(source));
    tell_of_start(connection);
}

std::shared_ptr<const Service> Connections::service_for(const ConnectionEnds& ends) const {
    if (!differs_) return service_;
    return std::make_shared<const Service>(with_instance(*service_, instance_name(ends, counts_.accepted)));
}

/// Only what is asked for: neither is free.
DoorFacts Connections::facts() {
    DoorFacts facts;
    if (service_->max_load) facts.load = load();
    if (!service_->access_times.empty()) facts.minute = minute_of_day();
    if (!service_->conditions.empty()) facts.unmet = first_unmet(service_->conditions, this_machine()).has_value();
    return facts;
}

double Connections::load() {
    const Monotonic at = now();
    if (at < load_until_) return load_;
    load_until_ = later(at, kLoadAge);
    if (::getloadavg(&load_, 1) != 1) load_ = 0;
    return load_;
}

void Connections::refuse(TurnedAway why, const ConnectionEnds& ends) {
    ++counts_.refused[static_cast<std::size_t>(why)];
    const bool each = service_->log_on_failure.any();
    const bool named = service_->log_addresses && (service_->log_on_failure.host || !each);
    const std::string text = fmt::format("{} refused: {}", named ? "connection from " + peer_of(ends) : "connection", key_of(why));
    each ? say(LogLevel::notice, text) : complain(LogLevel::warning, text);
}

void Connections::greet(int fd, const Service& service) {
    if (!service.banner.empty()) send_at_once(fd, service.banner);
    if (!service.banner_file) return;
    const auto text = read_banner(service.banner_file->value);
    text ? send_at_once(fd, *text) : complain(LogLevel::warning, "banner_file: " + text.error().to_string());
}

// --- what their instances share

tl::expected<SpawnPlan, SpawnError> Connections::plan(const std::shared_ptr<const Service>& service, const Command& command,
                                                      std::string_view key, const RunFacts& facts) {
    if (service != service_) return plan_spawn(*service, command, key, facts); // another generation's, or its very own
    return plans_.plan(*service, command, key, facts, now());
}

/// Number 0 of the service's control groups. Who is left in it from an earlier daemon is somebody's connection, and goes on.
std::shared_ptr<InstanceGroup> Connections::group_for(const Service& service) {
    if (needs_own_group(service)) return nullptr;
    if (group_) return group_;
    auto made = InstanceGroup::make(host_.cgroups(), service, 0);
    if (!made) {
        complain(LogLevel::error, made.error().to_string());
        return nullptr;
    }
    group_ = std::make_shared<InstanceGroup>(std::move(*made));
    return group_;
}

Result<std::shared_ptr<const OutputEnds>> Connections::output_for(const std::shared_ptr<const Service>& service, const Command& command,
                                                                  std::optional<uid_t> owner) {
    const bool shared = service == service_ && !service->exec_start.empty() && &command == &service->exec_start.front();
    if (!shared) return std::shared_ptr<const OutputEnds>();
    if (output_ && output_owner_ == owner) return output_;
    auto ends = log_->begin(*service, command, owner);
    if (!ends) return Failure(std::move(ends).error());
    ends->belong_to_many();
    output_ = std::make_shared<const OutputEnds>(std::move(*ends));
    output_owner_ = owner;
    return output_;
}

Instance* Connections::speaker(const NotifySocket::Sender& sender) const {
    for (const pid_t pid : {sender.pid, ::getpgid(sender.pid)}) { // a process leads a group, where it has no control group of its own
        const auto found = processes_.find(pid);
        if (found != processes_.end() && found->second->instance().believes(sender)) return &found->second->instance();
    }
    const auto believes = [&](const auto& one) { return needs_own_group(one->service()) && one->instance().believes(sender); };
    const auto found = std::find_if(living_.begin(), living_.end(), believes);
    return found == living_.end() ? nullptr : &(*found)->instance();
}

// --- how they end

/// By index: one that ends at once leaves the list, and is kept until the sweep.
void Connections::stop(bool for_restart) {
    if (group_end_) return;
    stopping_ = true;
    for_restart_ = for_restart;
    std::vector<Session*> all;
    for (const auto& connection : living_) all.push_back(connection.get());
    for (Session* connection : all) connection->instance().stop(for_restart);
    if (living_.empty()) end_group();
}

void Connections::hold(bool still) {
    for (const auto& connection : living_) connection->instance().hold(still);
}

void Connections::ended(Session& connection) {
    tell_of_end(connection);
    connection.close();
    forget_directories(connection);
    leave(connection.source);
    std::unique_ptr<Session> gone = std::move(living_[connection.place]);
    if (connection.place + 1 != living_.size()) {
        living_[connection.place] = std::move(living_.back());
        living_[connection.place]->place = connection.place;
    }
    living_.pop_back();
    ended_.push_back(std::move(gone));
    if (!std::exchange(sweeping_, true)) (void)sweep_->arm(later(now(), kSweepPause)); // cannot fail for a source of a living loop
    if (SocketKeeper* const keeper = std::exchange(connection.keeper, nullptr); keeper != nullptr) keeper->ended(connection);
    if (living_.empty() && stopping_) end_group();
    changed_();
}

/// Those of one instance alone; the service's own are its unit's affair.
void Connections::forget_directories(const Session& connection) {
    if (!differs_ || connection.service().runtime_directory.names.empty()) return;
    Service own = connection.service();
    std::erase_if(own.runtime_directory.names, [&](const auto& name) {
        const auto& all = service_->runtime_directory.names;
        return std::any_of(all.begin(), all.end(), [&](const auto& shared) { return shared.value == name.value; });
    });
    if (auto removed = remove_runtime_directories(own, false); !removed) complain(LogLevel::error, removed.error().to_string());
}

/// All connections have ended, and the service is to stop: who left the session of his connection is still in the group, and so is whom an
/// earlier daemon served that was killed.
void Connections::end_group() {
    stopping_ = false;
    if (!group_ && (!service_->accept || !group_for(*service_))) return; // without accept it is the worker's
    const std::string left = group_->left_over();
    const bool spared = service_->kill_mode == KillMode::process || service_->kill_mode == KillMode::none;
    if (!left.empty() && spared) say(LogLevel::notice, fmt::format("processes of former connections are left: {}", left));
    if (left.empty() || spared) return void(group_ = nullptr);
    group_end_ = std::make_unique<GroupEnd>(loop_, group_, *service_,
                                            GroupEnd::Host{[this](LogLevel level, const std::string& text) { say(level, text); },
                                                           [this] { group_ended(); }});
    if (!group_end_->begin(for_restart_)) group_end_ = nullptr, group_ = nullptr;
}

void Connections::group_ended() {
    group_end_ = nullptr;
    group_ = nullptr;
    changed_();
}

// --- what is said of them

void Connections::tell_of_start(const Session& connection) {
    const ConnectionLog& wanted = connection.service().log_on_success;
    if ((!wanted.host && !wanted.pid) || connection.first_pid() == 0) return;
    std::string text = fmt::format("connection {}", connection.number());
    if (wanted.host && connection.service().log_addresses)
        text = fmt::format("{} to {}", connection.title(), connection.ends().local.to_string());
    if (wanted.pid) text += fmt::format(", pid {}", connection.first_pid());
    say(LogLevel::info, text);
}

void Connections::tell_of_end(const Session& connection) {
    const Run& run = connection.instance().run();
    const bool failed = run.result != ServiceResult::success;
    if (failed) ++counts_.failed;
    if (is_untold(run.result)) complain(LogLevel::warning, fmt::format("{}: failed: {}", connection.title(), to_string(run.result)));
    const ConnectionLog& always = connection.service().log_on_success;
    const ConnectionLog more = failed ? connection.service().log_on_failure : ConnectionLog{};
    if (!always.duration && !always.bytes && !always.exit && !more.any()) return;
    std::string text = fmt::format("{} ended", more.host ? connection.title() : fmt::format("connection {}", connection.number()));
    if (more.pid && connection.first_pid() != 0) text += fmt::format(", pid {}", connection.first_pid());
    if ((always.exit || more.exit) && run.main_exit) text += fmt::format(", {}", describe(*run.main_exit));
    if (always.duration || more.duration) text += fmt::format(", {:.3f} s", std::chrono::duration<double>(connection.age()).count());
    if (const auto moved = always.bytes || more.bytes ? connection.moved() : std::nullopt; moved)
        text += fmt::format(", {} bytes received, {} sent", moved->received, moved->sent);
    say(more.any() ? LogLevel::notice : LogLevel::info, text);
}

void Connections::complain(LogLevel level, const std::string& text) {
    if (!complaints_.allow(now())) {
        ++unsaid_;
        return;
    }
    if (const auto unsaid = std::exchange(unsaid_, 0); unsaid > 0)
        say(LogLevel::warning, fmt::format("{} lines about connections were left out", unsaid));
    say(level, text);
}

void Connections::say(LogLevel level, const std::string& text) const {
    log(level, fmt::format("{}: {}", service_->name, text), {{"SWATHE_SERVICE", service_->name}});
}

} // namespace swathe
