#include "supervise/service_unit.h"

#include "socket/backlog.h"
#include "socket/revive.h"

#include <chrono>
#include <csignal>
#include <cstring>

#include <fmt/format.h>

namespace swathe {
namespace {

std::int64_t realtime_usec() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string describe(const Exit& exit) {
    switch (exit.kind) {
    case Exit::Kind::code: return fmt::format("exited with status {}", exit.value);
    case Exit::Kind::signal: return fmt::format("was killed by SIG{}", sigabbrev_np(exit.value) != nullptr ? sigabbrev_np(exit.value) : "?");
    case Exit::Kind::core: return fmt::format("dumped core on SIG{}", sigabbrev_np(exit.value) != nullptr ? sigabbrev_np(exit.value) : "?");
    }
    return {};
}

} // namespace

ServiceUnit::ServiceUnit(Loop& loop, UnitHost& host, std::string notify_path, std::shared_ptr<const Service> service)
    : loop_(loop), host_(host), notify_path_(std::move(notify_path)), service_(std::move(service)), policy_(policy_of(*service_)),
      lifecycle_(swathe::begin(*service_).next), since_usec_(realtime_usec()) {}

Result<std::unique_ptr<ServiceUnit>> ServiceUnit::create(Loop& loop, UnitHost& host, std::string notify_path,
                                                          std::shared_ptr<const Service> service) {
    std::unique_ptr<ServiceUnit> unit(new ServiceUnit(loop, host, std::move(notify_path), std::move(service)));
    auto timer = TimerSource::create(loop, [self = unit.get()] { self->post(TimerFired{}); });
    if (!timer) return Failure(std::move(timer).error());
    unit->timer_ = std::move(*timer);
    return unit;
}

std::optional<std::uint32_t> slot_for(const std::vector<LiveSocket>& sockets, Family family) noexcept {
    for (const LiveSocket& socket : sockets)
        if (family == Family::ipv4 ? socket.bound.takes_ipv4 : socket.bound.takes_ipv6) return socket.slot;
    return std::nullopt;
}

void ServiceUnit::begin() {
    for (const Action& action : swathe::begin(*service_).actions) (void)perform(action);
    if (service_->activation == Activation::eager) post(StartAsked{});
}

void ServiceUnit::start(Done done) {
    waiters_.push_back({Awaited::running, std::move(done)});
    post(StartAsked{});
}

void ServiceUnit::stop(Done done) {
    waiters_.push_back({Awaited::gone, std::move(done)});
    post(StopAsked{});
}

void ServiceUnit::restart(Done done) {
    waiters_.push_back({Awaited::running, std::move(done)});
    post(RestartAsked{});
}

void ServiceUnit::replace(std::shared_ptr<const Service> service, std::vector<LiveListener> listeners, bool with_new_sockets) {
    disarm();
    lacks_sockets_ = lacks_sockets_ || with_new_sockets;
    const bool now_eager = service->activation == Activation::eager && service_->activation != Activation::eager;
    const Lifecycle fresh = swathe::begin(*service).next;
    if (service->start_limit_interval_sec != service_->start_limit_interval_sec || service->start_limit_burst != service_->start_limit_burst)
        lifecycle_.start_limit = fresh.start_limit;
    service_ = std::move(service);
    policy_ = policy_of(*service_);
    listeners_ = std::move(listeners);
    if (std::exchange(slots_empty_, false)) fill_slots(); // keep_slots() empties them again where they should be
    if (lifecycle_.state == State::failed) close_listeners(); // the new ones, too
    keep_slots();
    if (lifecycle_.state != State::idle) return;
    arm();
    if (now_eager) post(StartAsked{});
}

std::string ServiceUnit::hint_of_restart() const {
    return fmt::format("{}: the running instance does not have its new sockets; who comes there waits until: swathectl restart {}", service_->name,
                       service_->name);
}

std::vector<LiveListener> ServiceUnit::take_listeners() {
    disarm();
    return std::exchange(listeners_, {});
}

std::vector<LiveListener> ServiceUnit::leave_configuration() {
    std::vector<LiveListener> listeners = take_listeners();
    auto alone = std::make_shared<Service>(*service_); // the old configuration may be large: a draining child must not hold it
    alone->listeners.clear();
    service_ = std::move(alone);
    return listeners;
}

void ServiceUnit::notified(const Notification& message) {
    if (message.status) status_text_ = *message.status;
    if (message.ready) post(Ready{});
}

void ServiceUnit::post(Event event) {
    events_.push_back(std::move(event));
    if (draining_) return; // an action's answer: taken up when its turn comes
    draining_ = true;
    while (!events_.empty()) {
        const Event next = std::move(events_.front());
        events_.pop_front();
        take(next);
    }
    draining_ = false;
    settle();
}

void ServiceUnit::take(const Event& event) {
    const State from = lifecycle_.state;
    const Step decided = step(policy_, lifecycle_, event, now());
    lifecycle_ = decided.next;
    if (lifecycle_.state != from) changed();
    for (const Action& action : decided.actions)
        if (!perform(action)) break;
    keep_slots();
}

/// Does one action. False: it failed, the lifecycle has been told, and what was to follow is void.
bool ServiceUnit::perform(const Action& action) {
    const auto report = [this](const Status& done) {
        if (!done) say(LogLevel::error, done.error().to_string());
        return true;
    };
    struct Visitor {
        ServiceUnit& unit;
        const decltype(report)& reported;
        bool operator()(const ArmListeners&) const { return unit.arm(), true; }
        bool operator()(const DisarmListeners&) const { return unit.disarm(), true; }
        bool operator()(const CloseListeners&) const { return unit.close_listeners(), true; }
        bool operator()(const OpenListeners&) const {
            const Status opened = unit.open_listeners();
            if (opened) return true;
            unit.last_failure_ = opened.error().to_string();
            unit.post(OpenFailed{unit.last_failure_});
            return false;
        }
        bool operator()(const SpawnChild&) const { return unit.spawn_child(), true; }
        bool operator()(const SignalChild& a) const { return unit.child_ ? reported(unit.child_->child().signal(a.signal)) : true; }
        bool operator()(const SetTimer& a) const { return reported(unit.timer_->arm(a.at)); }
        bool operator()(const ClearTimer&) const { return unit.timer_->disarm(), true; }
    };
    return std::visit(Visitor{*this, report}, action);
}

/// Answers those who wait for what has now come true, or no longer can.
void ServiceUnit::settle() {
    std::vector<Waiter> waiting = std::exchange(waiters_, {});
    for (Waiter& waiter : waiting) {
        const bool process = lifecycle_.has_child();
        const bool reached = waiter.what == Awaited::running ? lifecycle_.state == State::running : !process;
        if (reached)
            waiter.done({});
        else if (process)
            waiters_.push_back(std::move(waiter));
        else
            waiter.done(failure(last_failure_.empty() ? to_string(lifecycle_.result) : last_failure_)); // who asked knows the name
    }
}

void ServiceUnit::changed() {
    since_usec_ = realtime_usec();
    switch (lifecycle_.state) {
    case State::idle:
    case State::starting: break;
    case State::running:
        last_failure_.clear();
        say(LogLevel::info, fmt::format("{}, pid {}", service_->type == ServiceType::notify ? "ready" : "started", main_pid()));
        break;
    case State::stopping: say(LogLevel::info, "stopping"); break;
    case State::killing: say(LogLevel::warning, "did not stop in time; killed"); break;
    case State::backoff: say(LogLevel::info, "will be restarted"); break;
    case State::paused:
        last_failure_ = "start limit hit; traffic waits in the backlog until the interval has passed";
        say(LogLevel::warning, last_failure_);
        break;
    case State::failed:
        if (lifecycle_.result == ServiceResult::start_limit_hit) last_failure_ = "start limit hit";
        say(LogLevel::error, last_failure_ + "; its sockets are closed until it is started by hand");
        break;
    case State::stopped: say(LogLevel::info, "stopped"); break;
    }
}

void ServiceUnit::arm() {
    if (!sources_.empty()) return;
    revive_listeners();
    for (std::size_t l = 0; l < listeners_.size(); ++l)
        for (std::size_t s = 0; s < listeners_[l].sockets.size(); ++s) {
            const int fd = listeners_[l].sockets[s].bound.fd.get();
            if (fd < 0 || !why_unusable(fd, service_->listeners[l].protocol).empty()) continue;
            auto source = IoSource::watch(loop_, fd, EPOLLIN, [this, number = sources_.size(), l, s](std::uint32_t revents) {
                woken(number, l, s, revents);
            });
            if (!source) {
                say(LogLevel::error, source.error().to_string());
                continue;
            }
            sources_.push_back(std::move(*source));
        }
}

/// Whoever else holds a listener that is watched may shut it down. That is no traffic, and reported for ever.
void ServiceUnit::woken(std::size_t source, std::size_t listener, std::size_t socket, std::uint32_t revents) {
    if ((revents & EPOLLHUP) == 0) return post(Traffic{});
    if (revivals_.allow(now())) revive_socket(listener, socket);
    if (why_unusable(listeners_[listener].sockets[socket].bound.fd.get(), service_->listeners[listener].protocol).empty()) return;
    say(LogLevel::error, fmt::format("listener {} is not watched until the service has run again", service_->listeners[listener].name));
    (void)sources_[source].set_enabled(false);
}

/// What a child has done to its sockets ends with it: the next one, and who waits for it, gets them as they should be.
void ServiceUnit::revive_listeners() {
    for (std::size_t l = 0; l < listeners_.size(); ++l)
        for (std::size_t s = 0; s < listeners_[l].sockets.size(); ++s)
            if (listeners_[l].sockets[s].bound.fd) revive_socket(l, s);
}

void ServiceUnit::revive_socket(std::size_t listener, std::size_t socket) {
    const Listener& wanted = service_->listeners[listener];
    const LiveSocket& live = listeners_[listener].sockets[socket];
    const std::string why = why_unusable(live.bound.fd.get(), wanted.protocol);
    auto revived = revive(live.bound, wanted.protocol, wanted.backlog);
    if (revived && !*revived) return;
    if (!revived) return say(LogLevel::error, std::move(revived).error().within(fmt::format("listener {}: {}", wanted.name, why)).to_string());
    say(LogLevel::notice, fmt::format("listener {}: {}; {} again", wanted.name, why, wanted.protocol == Protocol::tcp ? "listening" : "free"));
    if (slots_empty_ && wanted.when_down != WhenDown::queue) return;
    if (auto filled = host_.fill_slot(live); !filled) // before 5.19 a fall emptied it
        say(LogLevel::error, filled.error().to_string());
}

void ServiceUnit::disarm() { sources_.clear(); }

void ServiceUnit::close_listeners() {
    disarm();
    for (LiveListener& listener : listeners_)
        for (LiveSocket& socket : listener.sockets) {
            host_.empty_slot(socket);
            socket.bound.fd.reset();
        }
}

Status ServiceUnit::open_listeners() {
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
        LiveListener& closed = listeners_[i];
        auto opened = host_.reopen(service_->listeners[i], closed);
        if (!opened) return Failure(std::move(opened).error().within(fmt::format("listener {}", service_->listeners[i].name)));
        for (std::size_t s = 0; s < closed.sockets.size(); ++s) {
            closed.sockets[s].bound = std::move((*opened)[s]);
            if (auto filled = host_.fill_slot(closed.sockets[s]); !filled) return filled;
        }
    }
    return {};
}

void ServiceUnit::fill_slots() {
    for (const LiveListener& listener : listeners_)
        for (const LiveSocket& socket : listener.sockets)
            if (socket.bound.fd)
                if (auto filled = host_.fill_slot(socket); !filled) say(LogLevel::error, filled.error().to_string());
}

/// While a service is down for good or for long, the listeners that do not want to queue have no socket to offer, and the
/// dispatcher does what their when_down says
void ServiceUnit::keep_slots() {
    const State state = lifecycle_.state;
    const bool down = state == State::stopped || state == State::paused || state == State::failed;
    if (down == slots_empty_) return;
    slots_empty_ = down;
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
        if (service_->listeners[i].when_down == WhenDown::queue) continue;
        for (const LiveSocket& socket : listeners_[i].sockets) {
            if (!socket.bound.fd) continue;
            if (down)
                host_.empty_slot(socket);
            else if (auto filled = host_.fill_slot(socket); !filled)
                say(LogLevel::error, filled.error().to_string());
        }
    }
}

void ServiceUnit::spawn_child() {
    const auto fail = [this](const Error& error, SpawnStep at = SpawnStep::none) {
        last_failure_ = error.to_string();
        say(LogLevel::error, fmt::format("cannot be started: {}", last_failure_));
        post(SpawnFailed{last_failure_, static_cast<int>(at)});
    };
    auto plan = plan_spawn(*service_, service_->exec_start.front(), "exec_start", {notify_path_, {}});
    if (!plan) return fail(plan.error());
    for (const std::string& warning : plan->warnings) say(LogLevel::warning, warning);
    revive_listeners();
    for (std::size_t i = 0; i < listeners_.size(); ++i)
        for (const LiveSocket& socket : listeners_[i].sockets)
            if (socket.bound.fd) plan->fds.push_back({socket.bound.fd.get(), service_->listeners[i].name});

    auto child = spawn(*plan);
    if (!child)
        return fail(Error(child.error().error).within(fmt::format("{} (step {})", plan->path, to_string(child.error().step))), child.error().step);
    auto watch = ChildWatch::watch(loop_, std::move(*child), [this](const Exit& exit) { child_exited(exit); });
    if (!watch) return fail(watch.error());
    child_ = std::move(*watch);
    inherited_.clear();
    for (const PassedFd& passed : plan->fds)
        if (auto inode = socket_inode(passed.fd); inode) inherited_.push_back(*inode);
    lacks_sockets_ = false;
    status_text_.clear();
    ++starts_;
    if (lifecycle_.restarts > 0) ++restarts_;
    post(Spawned{main_pid()});
}

void ServiceUnit::child_exited(const Exit& exit) {
    host_.drain_notifications(); // its last words count: READY=1 just before the end
    const bool clean = exit.kind == Exit::Kind::code && exit.value == 0;
    last_failure_ = fmt::format("pid {} {}", main_pid(), describe(exit));
    say(clean || lifecycle_.state == State::stopping ? LogLevel::info : LogLevel::warning, last_failure_);
    child_.reset();
    inherited_.clear();
    revive_listeners(); // whatever comes next: while it is down, who comes waits in the backlog
    post(Exited{exit});
}

void ServiceUnit::say(LogLevel level, const std::string& text) const {
    log(level, fmt::format("{}: {}", service_->name, text), {{"SWATHE_SERVICE", service_->name}});
}

} // namespace swathe
