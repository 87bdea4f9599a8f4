#include "model/same_run.h"
#include "socket/backlog.h"
#include "supervise/connections.h"
#include "supervise/flows.h"
#include "supervise/service_unit.h"
#include "supervise/socket_commands.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace swathe {

namespace {

/// No two units of one daemon have the same.
std::uint64_t next_tag() noexcept {
    static std::uint64_t last = 0;
    return ++last;
}

} // namespace

ServiceUnit::ServiceUnit(Loop& loop, UnitHost& host, std::string notify_path, std::shared_ptr<const Service> service)
    : loop_(loop), host_(host), notify_path_(std::move(notify_path)), service_(std::move(service)),
      log_(host_.open_log(service_->name)), arming_(begin_arming(service_->listeners)), tag_(next_tag()) {}

ServiceUnit::~ServiceUnit() = default;

Result<std::unique_ptr<ServiceUnit>> ServiceUnit::create(Loop& loop, UnitHost& host, std::string notify_path,
                                                          std::shared_ptr<const Service> service) {
    std::unique_ptr<ServiceUnit> unit(new ServiceUnit(loop, host, std::move(notify_path), std::move(service)));
    if (auto made = unit->make_workers(); !made) return Failure(std::move(made).error());
    if (auto made = unit->make_connections(); !made) return Failure(std::move(made).error());
    auto arming = TimerSource::create(loop, [self = unit.get()] { self->arming_changed(); });
    if (!arming) return Failure(std::move(arming).error());
    unit->arming_timer_ = std::move(*arming);
    auto idle = TimerSource::create(loop, [self = unit.get()] { self->look_for_use(); });
    if (!idle) return Failure(std::move(idle).error());
    unit->idle_timer_ = std::move(*idle);
    auto dismissal = TimerSource::create(loop, [self = unit.get()] { self->dismiss_workers(); });
    if (!dismissal) return Failure(std::move(dismissal).error());
    unit->dismissal_ = std::move(*dismissal);
    unit->note_time();
    return unit;
}

/// As many as the service asks for; those that are too many are stopped, and forgotten once they have ended.
Status ServiceUnit::make_workers() {
    while (workers_.size() < std::max(service_->workers, 1U)) {
        auto worker = std::make_unique<Worker>();
        worker->number = static_cast<std::uint32_t>(workers_.size()) + 1;
        worker->life = swathe::begin(*service_);
        worker->store = std::make_unique<FdStore>(loop_);
        auto timer = TimerSource::create(loop_, [this, raw = worker.get()] { post(*raw, TimerFired{}); });
        if (!timer) return Failure(std::move(timer).error());
        worker->timer = std::move(*timer);
        workers_.push_back(std::move(worker));
    }
    return {};
}

void ServiceUnit::start(Done done) {
    waiters_.push_back({Awaited::running, std::move(done)});
    clear_limits(arming_); // the administrator overrules them
    start_called_off_ = false;
    begin_start(StartAsked{});
}

void ServiceUnit::call() {
    if (state() == State::paused || state() == State::failed) return; // services that call each other must not do so for ever
    start_called_off_ = false;
    begin_start(StartAsked{});
}

void ServiceUnit::stop(Done done) {
    waiters_.push_back({Awaited::gone, std::move(done)});
    call_off_start();
    if (connections_ && !service_->accept) connections_->stop(false); // of the time before a reload
    for (const auto& instance : draining_) instance->stop(false); // no longer than any other stop
    post_to_all(StopAsked{});
}

/// One that has not begun, since it waits for others or for commands.
void ServiceUnit::call_off_start() {
    held_start_.reset();
    start_called_off_ = awaits_needed_;
    needed_ready_ = false;
}

void ServiceUnit::let_go(Done done) {
    waiters_.push_back({Awaited::gone, std::move(done)});
    call_off_start();
    for (const auto& instance : draining_) instance->stop(false);
    post_to_all(LetGo{});
}

void ServiceUnit::restart(bool overlap, Done done) {
    if (around_ != Around::nothing || must_open()) return start(std::move(done)); // nothing of it runs
    if (roll_) std::exchange(roll_, std::nullopt)->done(failure("another restart has taken over"));
    roll_ = Roll{0, overlap || service_->restart_mode == RestartMode::overlap, nullptr, false, std::move(done)};
    settle();
}

void ServiceUnit::pause(Duration longest) {
    swathe::pause(arming_, longest, now());
    say(LogLevel::notice, "paused: who connects waits in the backlog");
    arming_changed();
}

void ServiceUnit::resume() {
    if (swathe::resume(arming_, now())) arming_changed();
}

/// Done when every instance has answered; the first failure is told.
void ServiceUnit::reload_service(Done done) {
    struct Pending {
        std::size_t count = 0;
        Status outcome;
        Done done;
    };
    auto pending = std::make_shared<Pending>();
    pending->done = std::move(done);
    std::vector<Instance*> instances;
    for (const auto& worker : workers_)
        if (worker->instance) instances.push_back(worker->instance.get());
    if (instances.empty()) return pending->done(failure("it is not running"));
    pending->count = instances.size();
    for (Instance* instance : instances)
        instance->reload([pending](const Status& outcome) {
            if (!outcome && pending->outcome) pending->outcome = outcome;
            if (--pending->count == 0) pending->done(std::move(pending->outcome));
        });
}

void ServiceUnit::replace(std::shared_ptr<const Service> service, std::vector<LiveListener> listeners, bool with_new_sockets) {
    disarm();
    if (with_new_sockets) ++socket_set_;
    const bool now_eager = service->activation == Activation::eager && service_->activation != Activation::eager;
    const bool new_limit = service->start_limit_interval_sec != service_->start_limit_interval_sec ||
                           service->start_limit_burst != service_->start_limit_burst;
    const std::shared_ptr<const Service> before = std::exchange(service_, std::move(service));
    log_->configure(*service_);
    carry_arming_over(*before);
    for (const auto& worker : workers_)
        if (new_limit) worker->life.start_limit = swathe::begin(*service_).start_limit;
    listeners_ = std::move(listeners);
    if (std::exchange(slots_empty_, false)) fill_slots(); // keep_slots() empties them again where they should be
    if (closed_) close_listeners(); // the new ones, too
    tag_listeners();
    each_instance([](Instance& instance) { instance.change_limits(); });
    accept_changed(*before);
    if (flows_) forget_entrances();
    resize_workers();
    spread_traffic(true);
    keep_slots();
    watch_as_needed();
    follow_idleness();
    const bool as_it_was = !with_new_sockets && same_run(*before, *service_); // sockets that it lacks are a reason, too
    if (service_->restart_mode == RestartMode::overlap && state() == State::running && !as_it_was)
        restart(true, [this](const Status& done) {
            if (!done) say(LogLevel::error, fmt::format("what the reload has changed is not in force: {}", done.error().to_string()));
        });
    if (with_new_sockets && around_ == Around::nothing && !closed_)
        run_commands(SocketStage::start_post, [this](const Status& ran) { tell_failure(*service_, ran); });
    if (now_eager && state() == State::idle) begin_start(StartAsked{});
}

/// New workers join those that run; those that are too many end.
void ServiceUnit::resize_workers() {
    const bool serving = has_instance();
    const std::size_t before = workers_.size();
    if (auto made = make_workers(); !made) return say(LogLevel::error, made.error().to_string());
    for (std::size_t i = before; i < workers_.size() && serving; ++i) post(*workers_[i], StartAsked{});
    if (workers_.size() == std::max(service_->workers, 1U)) return;
    if (!serving || !has_groups()) return dismiss_workers();
    // Until then they take what was on its way to them.
    if (auto armed = dismissal_->arm(later(now(), kHandshakes)); !armed) dismiss_workers();
}

/// Those that are too many are asked to end.
void ServiceUnit::dismiss_workers() {
    for (std::size_t i = std::max(service_->workers, 1U); i < workers_.size(); ++i) events_.push_back({workers_[i].get(), StopAsked{}});
    drain_events();
}

std::vector<LiveListener> ServiceUnit::take_listeners() {
    disarm();
    return std::exchange(listeners_, {});
}

std::vector<LiveListener> ServiceUnit::leave_configuration() {
    std::vector<LiveListener> listeners = take_listeners();
    auto alone = std::make_shared<Service>(*service_); // the old configuration may be large: a draining child must not hold it
    alone->listeners.clear();
    arming_ = Arming{};
    service_ = std::move(alone);
    return listeners;
}

std::string ServiceUnit::hint_of_restart() const {
    return fmt::format("{0}: the running instance does not have its new sockets; who comes there waits until: swathectl restart {0}",
                       service_->name);
}

bool ServiceUnit::lacks_sockets() const noexcept {
    bool lacks = false;
    each_instance([&](const Instance& instance) { lacks = lacks || (instance.run().is_up() && instance.socket_set() != socket_set_); });
    return lacks;
}

State ServiceUnit::state() const noexcept {
    const auto runs = [](const auto& worker) { return worker->life.state == State::running; };
    return std::any_of(workers_.begin(), workers_.end(), runs) ? State::running : workers_.front()->life.state;
}

bool ServiceUnit::is_starting() const noexcept {
    const auto starts = [](const auto& worker) { return worker->life.state == State::starting; };
    return awaits_needed_ || held_start_ || std::any_of(workers_.begin(), workers_.end(), starts);
}

pid_t ServiceUnit::main_pid() const noexcept { return workers_.front()->instance ? workers_.front()->instance->main_pid() : 0; }

const std::string& ServiceUnit::status_text() const noexcept {
    static const std::string none;
    return workers_.front()->instance ? workers_.front()->instance->status_text() : none;
}

bool ServiceUnit::has_instance() const noexcept {
    bool found = false;
    each_instance([&](const Instance&) { found = true; });
    return found || (connections_ && !connections_->empty());
}

bool ServiceUnit::will_restart() const noexcept {
    return std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->life.state == State::backoff; });
}

bool ServiceUnit::owns(pid_t pid) const noexcept {
    bool found = false;
    each_instance([&](const Instance& instance) { found = found || instance.owns(pid); });
    return found || (connections_ && connections_->owns(pid));
}

std::vector<std::uint64_t> ServiceUnit::inherited() const {
    std::vector<std::uint64_t> all;
    each_instance([&](const Instance& instance) { all.insert(all.end(), instance.inherited().begin(), instance.inherited().end()); });
    return all;
}

bool ServiceUnit::notified(const NotifySocket::Sender& sender, const Notification& message, std::vector<UniqueFd>& fds) {
    Instance* const speaker = this->speaker(sender);
    if (speaker == nullptr) return false;
    speaker->notified(sender, message, std::move(fds));
    return true;
}

Instance* ServiceUnit::speaker(const NotifySocket::Sender& sender) const noexcept {
    Instance* found = nullptr;
    each_instance([&](Instance& instance) {
        if (found == nullptr && instance.believes(sender)) found = &instance;
    });
    return found == nullptr && connections_ ? connections_->speaker(sender) : found;
}

std::vector<PassedFd> ServiceUnit::descriptors(const Instance& instance) {
    revive_listeners();
    // Another worker's, or the predecessor's, which must not come to wait in accept(2) for what its successor took.
    std::vector<std::uint64_t> others;
    each_instance([&](const Instance& other) {
        if (&other != &instance) others.insert(others.end(), other.inherited().begin(), other.inherited().end());
    });
    std::vector<PassedFd> fds;
    for (std::size_t i = 0; i < listeners_.size(); ++i)
        for (const LiveSocket& socket : listeners_[i].sockets) {
            const int fd = socket.group[socket.member_of(instance.number() - 1)].fd.get();
            if (fd < 0) continue;
            const auto inode = socket_inode(fd);
            const bool in_use = inode && std::find(others.begin(), others.end(), *inode) != others.end();
            fds.push_back({fd, service_->listeners[i].name, in_use});
        }
    if (const Worker* worker = worker_of(instance); worker != nullptr)
        for (PassedFd& stored : worker->store->all()) fds.push_back(std::move(stored));
    return fds;
}

void ServiceUnit::store(const Instance& instance, std::vector<UniqueFd> fds, const Notification& message) {
    Worker* const worker = worker_of(instance);
    if (worker == nullptr) return;
    if (message.fdstore_remove && message.fd_name) worker->store->remove(*message.fd_name);
    if (!message.fdstore) return;
    const auto most = service_->file_descriptor_store_max;
    const std::size_t refused = worker->store->add(std::move(fds), message.stored_name(), message.fd_poll, most);
    if (refused == 0) return;
    say(LogLevel::warning,
        fmt::format("{} of the descriptors that it stores are more than file_descriptor_store_max ({}) allows", refused, most));
}

void ServiceUnit::forget_restarts(const Instance& instance) {
    if (Worker* const worker = worker_of(instance); worker != nullptr) worker->life.restarts = 0;
}

void ServiceUnit::say(const Instance& instance, LogLevel level, const std::string& text) const {
    say(level, service_->workers > 1 ? fmt::format("instance {}: {}", instance.number(), text) : text);
}

void ServiceUnit::say(LogLevel level, const std::string& text) const {
    log(level, fmt::format("{}: {}", service_->name, text), {{"SWATHE_SERVICE", service_->name}});
}

} // namespace swathe
