#include "supervise/lifecycle.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace swathe {
namespace {

/// One call of step(): what becomes of the worker, and which orders that takes.
class Transition {
public:
    Transition(const Service& service, const Lifecycle& before, Monotonic now)
        : service_(service), before_(before), next_(before), now_(now) {}

    void on(const Traffic&) {
        if (next_.state == State::idle && !service_.accept) start_fresh();
    }

    void on(const LimitHit&) {
        if (next_.state != State::idle) return;
        next_.result = ServiceResult::trigger_limit_hit;
        rest_in(State::failed);
    }

    void on(const StartAsked&) {
        switch (next_.state) {
        case State::idle:
            if (service_.accept) return; // it listens
            [[fallthrough]];
        case State::backoff:
        case State::stopped: return start_fresh();
        case State::paused:
        case State::failed:
            next_.start_limit.reset(); // the administrator overrules it
            return start_fresh();
        case State::starting:
        case State::running: return;
        case State::stopping: return plan_after_stop(true);
        }
    }

    void on(const StopAsked&) {
        switch (next_.state) {
        case State::idle:
        case State::failed:
            if (service_.accept) return stop_connections(false);
            return next_.state == State::idle ? rest_in(State::stopped) : void();
        case State::backoff:
        case State::paused: return rest_in(State::stopped);
        case State::starting:
        case State::running:
            plan_after_stop(false);
            return stop_all();
        case State::stopping: return plan_after_stop(false);
        case State::stopped: return;
        }
    }

    void on(const RestartAsked& asked) {
        switch (next_.state) {
        case State::running:
            if (asked.overlap && !service_.accept) return start_successor();
            [[fallthrough]];
        case State::starting:
            plan_after_stop(true);
            return stop_all();
        case State::idle:
            if (service_.accept) return stop_connections(true);
            [[fallthrough]];
        case State::stopping:
        case State::backoff:
        case State::paused:
        case State::failed:
        case State::stopped: return on(StartAsked{});
        }
    }

    void on(const LetGo&) {
        switch (next_.state) {
        case State::starting:
        case State::running:
            next_.stop_asked = next_.idle_after_stop = true;
            return stop_all();
        case State::stopping:
            if (!std::exchange(next_.start_after_stop, false)) return;
            next_.idle_after_stop = true;
            return;
        case State::backoff: return rest_in(State::idle);
        case State::idle:
        case State::failed:
            if (!service_.accept) return;
            stop_connections(false);
            next_.idle_after_stop = before_.state == State::idle;
            return;
        case State::paused:
        case State::stopped: return;
        }
    }

    void on(const IdleFound&) {
        if (next_.state != State::running || next_.successor) return;
        next_.stop_asked = next_.idle_after_stop = true;
        stop_all();
    }

    void on(const Up&) {
        if (next_.state != State::starting) return;
        next_.instance = !service_.accept;
        rest_in(service_.accept ? State::idle : State::running);
    }

    void on(const Ended& ended) {
        if (!std::exchange(next_.instance, false)) return;
        next_.result = ended.result;
        next_.last_exit = ended.exit;
        if (next_.state == State::stopping) return next_.successor ? void() : run_ended();
        if (!next_.successor) return run_ended();
        next_.successor = false; // it was about to be replaced anyway
        next_.instance = true;
        next_.result = ServiceResult::success;
        rest_in(State::starting);
        commands_.emplace_back(AdoptSuccessor{});
    }

    void on(const SuccessorUp&) {
        if (next_.state != State::running || !std::exchange(next_.successor, false)) return;
        next_.restarts = 0;
        commands_.emplace_back(Succeed{});
    }

    void on(const SuccessorEnded&) {
        if (!std::exchange(next_.successor, false)) return;
        if (next_.state == State::stopping && !next_.instance) run_ended();
    }

    void on(const OpenFailed&) {
        const bool rests = next_.state == State::idle || next_.state == State::stopped;
        if (!std::exchange(next_.instance, false) && !rests) return;
        next_.result = ServiceResult::resources;
        next_.stop_asked = next_.start_after_stop = next_.idle_after_stop = false;
        rest_in(State::failed);
    }

    void on(const TimerFired&) {
        if (!next_.timer) return;
        next_.timer.reset();
        timer_fired_ = true;
        switch (next_.state) {
        case State::backoff:
            if (next_.restarts != UINT32_MAX) ++next_.restarts;
            return start();
        case State::paused: return rest_in(State::idle);
        case State::idle:
        case State::starting:
        case State::running:
        case State::stopping:
        case State::failed:
        case State::stopped: return; // no timer is ever set in these
        }
    }

    /// The timer by what has changed, then the commands.
    [[nodiscard]] Step finish() && {
        Step step{next_, {}};
        const std::optional<Monotonic> running_timer = timer_fired_ ? std::nullopt : before_.timer;
        if (next_.timer && next_.timer != running_timer) step.actions.emplace_back(SetTimer{*next_.timer});
        if (!next_.timer && running_timer) step.actions.emplace_back(ClearTimer{});
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
        if (!service_.accept && !next_.start_limit.allow(now_)) return hit_limit();
        next_.result = ServiceResult::success;
        next_.instance = true;
        rest_in(State::starting);
        commands_.emplace_back(StartInstance{});
    }

    void start_successor() {
        if (next_.successor || !next_.start_limit.allow(now_)) return;
        next_.successor = true;
        commands_.emplace_back(StartSuccessor{});
    }

    void hit_limit() {
        next_.result = ServiceResult::start_limit_hit;
        switch (service_.start_limit_hit) {
        case LimitAction::fail: return rest_in(State::failed);
        case LimitAction::pause:
            rest_in(State::paused);
            set_timer_at(later(next_.start_limit.window_end(), Duration(1))); // the end still belongs to the window
            return;
        }
    }

    void stop_connections(bool start_again) {
        plan_after_stop(start_again);
        next_.instance = true;
        stop_all();
    }

    void stop_all() {
        rest_in(State::stopping);
        if (next_.successor) commands_.emplace_back(StopSuccessor{});
        commands_.emplace_back(StopInstance{next_.start_after_stop});
    }

    void plan_after_stop(bool start_again) {
        next_.stop_asked = true;
        next_.start_after_stop = start_again;
        next_.idle_after_stop = false;
    }

    void run_ended() {
        const bool stop_asked = std::exchange(next_.stop_asked, false);
        const bool to_idle = std::exchange(next_.idle_after_stop, false);
        if (std::exchange(next_.start_after_stop, false)) return start_fresh();
        if (stop_asked) return rest_in(to_idle ? State::idle : State::stopped);
        if (service_.accept || !wants_restart(service_, next_.result, next_.last_exit)) return rest_in(State::idle);
        rest_in(State::backoff);
        set_timer_at(later(now_, restart_delay(service_, next_.restarts == UINT32_MAX ? UINT32_MAX : next_.restarts + 1)));
    }

    void rest_in(State state) {
        next_.state = state;
        next_.timer.reset();
    }

    void set_timer_at(Monotonic at) {
        if (at != Monotonic::max()) next_.timer = at;
    }

    const Service& service_;
    const Lifecycle& before_;
    Lifecycle next_;
    Monotonic now_;
    std::vector<Action> commands_;
    bool timer_fired_ = false;
};

} // namespace

Lifecycle begin(const Service& service) {
    Lifecycle fresh;
    fresh.start_limit = RateLimit(service.start_limit_interval_sec, service.start_limit_burst);
    return fresh;
}

Step step(const Service& service, const Lifecycle& before, const Event& event, Monotonic now) {
    Transition transition(service, before, now);
    std::visit([&](const auto& what) { transition.on(what); }, event);
    return std::move(transition).finish();
}

Duration restart_delay(const Service& service, std::uint32_t n) {
    const Duration first = service.restart_sec;
    const Duration last = service.restart_max_delay_sec.value_or(kInfinity);
    const bool grows = service.restart_steps > 0 && last != kInfinity && first > Duration::zero() && first < last;
    if (!grows || n <= 1) return first;
    if (n > service.restart_steps) return last;
    const double factor = std::pow(static_cast<double>(last.count()) / static_cast<double>(first.count()),
                                   static_cast<double>(n - 1) / static_cast<double>(service.restart_steps));
    const double delay = static_cast<double>(first.count()) * factor;
    return delay >= static_cast<double>(last.count()) ? last : Duration(static_cast<Duration::rep>(delay));
}

Watching watching_for(const std::vector<State>& workers) noexcept {
    const auto is = [](State wanted) { return [wanted](State state) { return state == wanted; }; };
    if (std::all_of(workers.begin(), workers.end(), is(State::failed))) return Watching::closed;
    const bool busy = std::any_of(workers.begin(), workers.end(), [](State state) {
        return state == State::starting || state == State::running || state == State::stopping || state == State::backoff;
    });
    return !busy && std::any_of(workers.begin(), workers.end(), is(State::idle)) ? Watching::armed : Watching::disarmed;
}

const char* to_string(State state) noexcept {
    switch (state) {
    case State::idle: return "idle";
    case State::starting: return "starting";
    case State::running: return "running";
    case State::stopping: return "stopping";
    case State::backoff: return "backoff";
    case State::paused: return "paused";
    case State::failed: return "failed";
    case State::stopped: return "stopped";
    }
    return "";
}

} // namespace swathe
