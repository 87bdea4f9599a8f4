#include "supervise/lifecycle.h"

#include <cmath>
#include <csignal>
#include <utility>

namespace swathe {
namespace {

enum class Watching { armed, disarmed, closed };

/// What the listeners are in is a matter of the state alone, and so cannot get out of step with it.
Watching watching_in(State state) noexcept {
    switch (state) {
    case State::idle: return Watching::armed;
    case State::failed: return Watching::closed;
    case State::starting:
    case State::running:
    case State::stopping:
    case State::killing:
    case State::backoff:
    case State::paused:
    case State::stopped: return Watching::disarmed;
    }
    return Watching::disarmed;
}

/// One call of step(): what becomes of the service, and which orders that takes.
class Transition {
public:
    Transition(const LifecyclePolicy& policy, const Lifecycle& before, Monotonic now)
        : policy_(policy), before_(before), next_(before), now_(now) {}

    void on(const Traffic&) {
        if (next_.state == State::idle) start_fresh();
    }

    void on(const StartAsked&) {
        switch (next_.state) {
        case State::idle:
        case State::backoff:
        case State::stopped: return start_fresh();
        case State::paused:
        case State::failed:
            next_.start_limit.reset(); // the administrator overrules it
            return start_fresh();
        case State::starting:
        case State::running: return;
        case State::stopping:
        case State::killing: return plan_after_stop(true);
        }
    }

    void on(const StopAsked&) {
        switch (next_.state) {
        case State::idle:
        case State::backoff:
        case State::paused: return rest_in(State::stopped);
        case State::starting:
        case State::running:
            plan_after_stop(false);
            return terminate();
        case State::stopping:
        case State::killing: return plan_after_stop(false);
        case State::failed:
        case State::stopped: return;
        }
    }

    void on(const RestartAsked&) {
        switch (next_.state) {
        case State::starting:
        case State::running:
            plan_after_stop(true);
            return terminate();
        case State::idle:
        case State::stopping:
        case State::killing:
        case State::backoff:
        case State::paused:
        case State::failed:
        case State::stopped: return on(StartAsked{});
        }
    }

    void on(const Spawned&) {
        if (!std::exchange(next_.spawning, false)) return;
        if (next_.state == State::stopping) return terminate(); // asked to stop before it was there
        if (policy_.type == ServiceType::notify)
            set_timer(policy_.timeout_start);
        else
            next_.state = State::running;
    }

    void on(const SpawnFailed& failed) {
        if (!std::exchange(next_.spawning, false)) return;
        const bool was_child = failed.exit_status != 0;
        next_.last_exit = was_child ? std::optional(Exit{Exit::Kind::code, failed.exit_status}) : std::nullopt;
        run_ended(was_child ? ServiceResult::exit_code : ServiceResult::resources);
    }

    void on(const OpenFailed&) {
        if (!std::exchange(next_.spawning, false)) return;
        note(ServiceResult::resources);
        next_.stop_asked = next_.start_after_stop = false;
        rest_in(State::failed);
    }

    void on(const Ready&) {
        if (next_.state == State::starting && !next_.spawning) rest_in(State::running);
    }

    void on(const Exited& exited) {
        if (!next_.has_child()) return;
        next_.last_exit = exited.exit;
        const ServiceResult result = result_of(exited.exit);
        const bool never_ready = next_.state == State::starting && result == ServiceResult::success;
        run_ended(never_ready ? ServiceResult::protocol : result);
    }

    void on(const TimerFired&) {
        if (!next_.timer) return;
        next_.timer.reset();
        timer_fired_ = true;
        switch (next_.state) {
        case State::starting:
            note(ServiceResult::timeout);
            return terminate();
        case State::stopping:
            note(ServiceResult::timeout);
            next_.state = State::killing;
            commands_.emplace_back(SignalChild{SIGKILL});
            return;
        case State::backoff:
            if (next_.restarts != UINT32_MAX) ++next_.restarts;
            return start();
        case State::paused: return rest_in(State::idle);
        case State::idle:
        case State::running:
        case State::killing:
        case State::failed:
        case State::stopped: return; // no timer is ever set in these
        }
    }

    /// Timer and listeners by what has changed, then the commands.
    [[nodiscard]] Step finish() && {
        Step step{next_, {}};
        const std::optional<Monotonic> running_timer = timer_fired_ ? std::nullopt : before_.timer;
        if (next_.timer && next_.timer != running_timer) step.actions.emplace_back(SetTimer{*next_.timer});
        if (!next_.timer && running_timer) step.actions.emplace_back(ClearTimer{});
        add_listener_actions(step.actions);
        step.actions.insert(step.actions.end(), commands_.begin(), commands_.end());
        return step;
    }

private:
    /// A first start, as against an automatic restart.
    void start_fresh() {
        next_.restarts = 0;
        start();
    }

    void start() {
        if (!next_.start_limit.allow(now_)) return hit_limit();
        next_.result = ServiceResult::success;
        next_.spawning = true;
        rest_in(State::starting);
        commands_.emplace_back(SpawnChild{});
    }

    void hit_limit() {
        next_.result = ServiceResult::start_limit_hit;
        switch (policy_.start_limit_hit) {
        case LimitAction::fail: return rest_in(State::failed);
        case LimitAction::pause:
            rest_in(State::paused);
            set_timer_at(later(next_.start_limit.window_end(), Duration(1))); // the end still belongs to the window
            return;
        }
    }

    /// The main process gets its chance. Requires a state with a child, or with one that is about to come.
    void terminate() {
        rest_in(State::stopping);
        if (next_.spawning) return; // Spawned brings us here again
        commands_.emplace_back(SignalChild{SIGTERM});
        commands_.emplace_back(SignalChild{SIGCONT});
        set_timer(policy_.timeout_stop);
    }

    void plan_after_stop(bool start_again) {
        next_.stop_asked = true;
        next_.start_after_stop = start_again;
    }

    void run_ended(ServiceResult result) {
        note(result);
        const bool stop_asked = std::exchange(next_.stop_asked, false);
        if (std::exchange(next_.start_after_stop, false)) return start_fresh();
        if (stop_asked) return rest_in(State::stopped);
        if (!wants_restart(policy_.restart, next_.result)) return rest_in(State::idle);
        rest_in(State::backoff);
        set_timer(restart_delay(policy_, next_.restarts == UINT32_MAX ? UINT32_MAX : next_.restarts + 1));
    }

    void note(ServiceResult result) {
        if (next_.result == ServiceResult::success) next_.result = result;
    }

    void rest_in(State state) {
        next_.state = state;
        next_.timer.reset();
    }

    void set_timer(Duration span) {
        if (span != kInfinity) set_timer_at(later(now_, span));
    }

    void set_timer_at(Monotonic at) {
        if (at != Monotonic::max()) next_.timer = at;
    }

    void add_listener_actions(std::vector<Action>& actions) const {
        const Watching from = watching_in(before_.state);
        const Watching to = watching_in(next_.state);
        if (from == to) return;
        if (from == Watching::closed) actions.emplace_back(OpenListeners{});
        if (from == Watching::armed) actions.emplace_back(DisarmListeners{});
        if (to == Watching::armed) actions.emplace_back(ArmListeners{});
        if (to == Watching::closed) actions.emplace_back(CloseListeners{});
    }

    const LifecyclePolicy& policy_;
    const Lifecycle& before_;
    Lifecycle next_;
    Monotonic now_;
    std::vector<Action> commands_;
    bool timer_fired_ = false;
};

} // namespace

bool Lifecycle::has_child() const noexcept {
    switch (state) {
    case State::starting:
    case State::running:
    case State::stopping:
    case State::killing: return !spawning;
    case State::idle:
    case State::backoff:
    case State::paused:
    case State::failed:
    case State::stopped: return false;
    }
    return false;
}

LifecyclePolicy policy_of(const Service& service) {
    LifecyclePolicy policy;
    policy.type = service.type;
    policy.restart = service.restart;
    policy.restart_sec = service.restart_sec;
    policy.restart_steps = service.restart_steps;
    policy.restart_max_delay_sec = service.restart_max_delay_sec;
    policy.start_limit_hit = service.start_limit_hit;
    policy.timeout_start = service.timeout_start();
    policy.timeout_stop = service.timeout_stop_sec;
    return policy;
}

Step begin(const Service& service) {
    Step first;
    first.next.start_limit = RateLimit(service.start_limit_interval_sec, service.start_limit_burst);
    first.actions.emplace_back(ArmListeners{});
    return first;
}

Step step(const LifecyclePolicy& policy, const Lifecycle& now_state, const Event& event, Monotonic now) {
    Transition transition(policy, now_state, now);
    std::visit([&](const auto& what) { transition.on(what); }, event);
    return std::move(transition).finish();
}

Duration restart_delay(const LifecyclePolicy& policy, std::uint32_t n) {
    const Duration first = policy.restart_sec;
    const Duration last = policy.restart_max_delay_sec.value_or(kInfinity);
    const bool grows = policy.restart_steps > 0 && last != kInfinity && first > Duration::zero() && first < last;
    if (!grows || n <= 1) return first;
    if (n > policy.restart_steps) return last;
    const double factor = std::pow(static_cast<double>(last.count()) / static_cast<double>(first.count()),
                                   static_cast<double>(n - 1) / static_cast<double>(policy.restart_steps));
    const double delay = static_cast<double>(first.count()) * factor;
    return delay >= static_cast<double>(last.count()) ? last : Duration(static_cast<Duration::rep>(delay));
}

ServiceResult result_of(const Exit& exit) noexcept {
    switch (exit.kind) {
    case Exit::Kind::code: return exit.value == 0 ? ServiceResult::success : ServiceResult::exit_code;
    case Exit::Kind::core: return ServiceResult::core_dump;
    case Exit::Kind::signal: break;
    }
    const bool clean = exit.value == SIGHUP || exit.value == SIGINT || exit.value == SIGTERM || exit.value == SIGPIPE;
    return clean ? ServiceResult::success : ServiceResult::signal;
}

bool wants_restart(RestartPolicy policy, ServiceResult result) noexcept {
    if (result == ServiceResult::start_limit_hit) return false;
    switch (policy) {
    case RestartPolicy::no:
    case RestartPolicy::on_watchdog: return false;
    case RestartPolicy::always: return true;
    case RestartPolicy::on_success: return result == ServiceResult::success;
    case RestartPolicy::on_failure: return result != ServiceResult::success;
    case RestartPolicy::on_abnormal: return result != ServiceResult::success && result != ServiceResult::exit_code;
    case RestartPolicy::on_abort: return result == ServiceResult::signal || result == ServiceResult::core_dump;
    }
    return false;
}

const char* to_string(ServiceResult result) noexcept {
    switch (result) {
    case ServiceResult::success: return "success";
    case ServiceResult::resources: return "resources";
    case ServiceResult::protocol: return "protocol";
    case ServiceResult::timeout: return "timeout";
    case ServiceResult::exit_code: return "exit-code";
    case ServiceResult::signal: return "signal";
    case ServiceResult::core_dump: return "core-dump";
    case ServiceResult::start_limit_hit: return "start-limit-hit";
    }
    return "";
}

const char* to_string(State state) noexcept {
    switch (state) {
    case State::idle: return "idle";
    case State::starting: return "starting";
    case State::running: return "running";
    case State::stopping: return "stopping";
    case State::killing: return "killing";
    case State::backoff: return "backoff";
    case State::paused: return "paused";
    case State::failed: return "failed";
    case State::stopped: return "stopped";
    }
    return "";
}

} // namespace swathe
