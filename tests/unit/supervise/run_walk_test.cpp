// All that can happen to an instance in every state that it can reach.
#include "support.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <random>
#include <set>
#include <tuple>

using namespace swathe;
using namespace swathe::test;

namespace {

bool ends_processes(Phase phase) {
    return phase == Phase::stop_watchdog || phase == Phase::stop_sigterm || phase == Phase::stop_sigkill || phase == Phase::final_sigterm ||
           phase == Phase::final_sigkill;
}

bool runs_commands(Phase phase) {
    return phase == Phase::condition || phase == Phase::start_pre || phase == Phase::start_post || phase == Phase::reload ||
           phase == Phase::stop || phase == Phase::stop_post;
}

bool reloads(Phase phase) { return phase == Phase::reload || phase == Phase::reload_signal || phase == Phase::reload_notify; }

template <class T, class V> bool is(const V& what) { return std::holds_alternative<T>(what); }

template <class T> std::size_t count(const RunStep& s) {
    return static_cast<std::size_t>(std::count_if(s.actions.begin(), s.actions.end(), [](const RunAction& a) { return is<T>(a); }));
}

/// Which processes are there when the actions of a step are carried out.
struct There {
    bool main = false, control = false, others = false;

    There(const Run& before, const RunEvent& event) : main(before.main), control(before.control), others(before.others) {
        if (is<MainExited>(event)) main = false;
        if (is<ControlExited>(event)) control = false;
        if (is<GroupEmptied>(event)) others = false;
        if (is<MainFound>(event)) main = others = true;
        if (is<ProcessStarted>(event) && before.starting) {
            (before.starting_main ? main : control) = true;
            others = true;
        }
    }
    [[nodiscard]] bool reached_by(SignalTarget target) const {
        switch (target) {
        case SignalTarget::main: return main;
        case SignalTarget::control: return control;
        case SignalTarget::main_and_control: return main || control;
        case SignalTarget::all: return main || control || others;
        }
        return false;
    }
};

/// One step, and what must be true of it.
struct Check {
    const Service& service;
    const Run& before;
    const RunEvent& event;
    Monotonic now;
    RunStep s;
    There there;

    Check(const Service& of, const Run& from, const RunEvent& what, Monotonic at)
        : service(of), before(from), event(what), now(at), s(step(of, from, what, at)), there(from, what) {}

    void all() const {
        if (means_nothing()) {
            REQUIRE(s.next == before);
            REQUIRE(s.actions.empty());
            return;
        }
        const bool may_act_only = is<RunTimer>(event) || is<ReloadRun>(event) || is<MainFound>(event);
        if (s.next == before && !may_act_only) REQUIRE(s.actions.empty());
        timer_agrees();
        starts_are_last_and_single();
        signals_reach_somebody();
        waits_make_sense();
        reloads_are_answered_once();
    }

private:
    [[nodiscard]] bool means_nothing() const {
        if (before.phase == Phase::ended && !is<Begin>(event) && !is<ReloadRun>(event)) return true;
        if (is<Begin>(event)) return before.phase != Phase::ended;
        if (is<ProcessStarted>(event) || is<ProcessFailed>(event)) return !before.starting;
        if (is<MainExited>(event)) return !before.main;
        if (is<ControlExited>(event)) return !before.control;
        return is<RunTimer>(event) && !before.timer;
    }

    void timer_agrees() const {
        std::optional<Monotonic> timer = is<RunTimer>(event) ? std::nullopt : before.timer;
        for (const RunAction& action : s.actions) {
            if (const auto* const set = std::get_if<SetRunTimer>(&action)) timer = set->at;
            if (!is<ClearRunTimer>(action)) continue;
            REQUIRE(timer);
            timer.reset();
        }
        REQUIRE(timer == s.next.timer);
        const bool rests = s.next.phase == Phase::running || s.next.phase == Phase::exited || s.next.phase == Phase::ended;
        REQUIRE((rests || s.next.timer)); // no wait without an end
    }

    void starts_are_last_and_single() const {
        const std::size_t asked = count<StartProcess>(s) + count<FindMain>(s);
        REQUIRE(asked <= 1);
        if (asked == 0) return;
        REQUIRE((is<StartProcess>(s.actions.back()) || is<FindMain>(s.actions.back())));
        const auto* const start = std::get_if<StartProcess>(&s.actions.back());
        if (start == nullptr) return;
        REQUIRE(s.next.starting);
        REQUIRE(s.next.starting_main == start->is_main);
        REQUIRE((!before.starting || is<ProcessStarted>(event) || is<ProcessFailed>(event))); // never two answers owed
        REQUIRE(start->index < commands_of(service, start->kind).size());
        if (start->is_main) REQUIRE_FALSE((there.main && service.type != ServiceType::oneshot)); // MAINPID= may name another
        const bool may_give_up = is<RunTimer>(event) || service.kill_mode == KillMode::none || !service.send_sigkill;
        if (!start->is_main && there.control) REQUIRE(may_give_up);
        if (start->kind == CommandKind::stop) REQUIRE(s.next.was_up);
    }

    void signals_reach_somebody() const {
        for (const RunAction& action : s.actions) {
            const auto* const send = std::get_if<SendSignal>(&action);
            if (send == nullptr) continue;
            REQUIRE(there.reached_by(send->target));
            const bool of_reload = is<ReloadRun>(event) || before.phase == Phase::reload || s.next.phase == Phase::reload;
            if (service.kill_mode == KillMode::none) REQUIRE(of_reload);
            if (service.kill_mode == KillMode::process) REQUIRE(send->target != SignalTarget::all);
            if (service.kill_mode == KillMode::mixed && send->target == SignalTarget::all)
                REQUIRE(send->number == service.final_kill_signal);
        }
    }

    [[nodiscard]] bool waits_for_others() const {
        const bool kills = s.next.phase == Phase::stop_sigkill || s.next.phase == Phase::final_sigkill;
        return service.kill_mode == KillMode::control_group || (service.kill_mode == KillMode::mixed && kills);
    }
    [[nodiscard]] bool told(SignalTarget whom) const {
        return std::any_of(s.actions.begin(), s.actions.end(), [&](const RunAction& action) {
            const auto* const send = std::get_if<SendSignal>(&action);
            if (send == nullptr) return false;
            return send->target == SignalTarget::all || send->target == whom ||
                   (send->target == SignalTarget::main_and_control && whom != SignalTarget::all);
        });
    }

    void waits_make_sense() const {
        const Run& r = s.next;
        if (r.phase == Phase::ended) {
            REQUIRE_FALSE((r.main || r.control || r.others || r.starting || r.timer || r.reload_pending || r.stop_pending));
            return;
        }
        REQUIRE((r.starting || !r.starting_main));
        if (r.stop_pending) REQUIRE(r.phase == Phase::reload);
        if (runs_commands(r.phase)) REQUIRE((r.starting || r.control));
        if (r.phase == Phase::running) REQUIRE((r.main || (service.type == ServiceType::forking && r.others)));
        if (r.phase == Phase::start && service.type != ServiceType::forking) REQUIRE((r.starting || r.main));
        if (r.phase == Phase::reload_signal) REQUIRE(r.main);
        if (!ends_processes(r.phase)) return;
        REQUIRE((r.starting || r.main || r.control || (r.others && waits_for_others())));
        const bool fresh = r.phase != before.phase;
        if (service.kill_mode == KillMode::none) return;
        if (r.main && (fresh || !before.main)) REQUIRE((told(SignalTarget::main) || (is<MainFound>(event) && waits_for_others())));
        if (r.control && (fresh || !before.control)) REQUIRE(told(SignalTarget::control));
        if (r.others && waits_for_others() && fresh) REQUIRE(told(SignalTarget::all));
    }

    void reloads_are_answered_once() const {
        const std::size_t answers = count<ReloadEnded>(s);
        const std::size_t owed = before.reload_pending || is<ReloadRun>(event) ? 1 : 0;
        REQUIRE(answers + (s.next.reload_pending ? 1 : 0) == owed);
        if (s.next.reload_pending) REQUIRE((reloads(s.next.phase) || (s.next.reload_again && s.next.is_starting())));
    }
};

std::vector<RunEvent> all_events() {
    Said both = said_reloading(kStart + 1000h);
    both.ready = true;
    return {Begin{}, ProcessStarted{}, ProcessFailed{}, ProcessFailed{203}, MainExited{code(0)}, MainExited{code(1)},
            ControlExited{code(0)}, ControlExited{code(1)}, MainFound{}, MainMissing{}, GroupEmptied{}, StopRun{}, ReloadRun{}, RunTimer{},
            said_ready(), said_stopping(), said_reloading(), said_reloading(kStart + 1000h), both, Said{.watchdog_ping = true},
            Said{.watchdog_trigger = true}};
}

/// As if it were kStart, and with one failure for all, so that states that differ by nothing that matters are one.
Run at_start(Run run, Monotonic now) {
    const auto shift = [&](Monotonic& at) {
        if (at != Monotonic::max()) at = std::max(kStart - 1us, kStart + (at - now));
    };
    shift(run.deadline);
    shift(run.watchdog_due);
    shift(run.runtime_end);
    run.reload_sent = kStart;
    run.for_restart = false;
    if (run.result != ServiceResult::success) run.result = ServiceResult::exit_code;
    if (run.main_exit) run.main_exit = code(0);
    if (run.phase == Phase::ended) run = Run{}; // nothing of it is left
    if (run.timer) shift(*run.timer);
    return run;
}

using Key = std::array<std::int64_t, 13>;
Key key_of(const Run& r, bool cleaned) {
    const auto ticks = [](Monotonic at) { return static_cast<std::int64_t>((at - kStart).count()); };
    const std::array flags{r.starting, r.starting_main, r.main, r.control, r.others, r.was_up, r.stop_pending, r.for_restart,
                           r.reload_pending, r.reload_again, r.timer.has_value(), r.main_exit.has_value(), cleaned};
    std::int64_t bits = 0;
    for (const bool flag : flags) bits = bits * 2 + (flag ? 1 : 0);
    const std::int64_t exit = r.main_exit ? static_cast<std::int64_t>(r.main_exit->kind) * 1000 + r.main_exit->value : -1;
    return {static_cast<std::int64_t>(r.phase), static_cast<std::int64_t>(r.result), r.command, bits,
            static_cast<std::int64_t>(r.heard), exit, r.patience ? r.patience->count() : -1, r.watchdog.count(),
            ticks(r.deadline), ticks(r.watchdog_due), ticks(r.runtime_end),
            r.timer ? ticks(*r.timer) : -1, 0};
}

struct Node {
    Run run;
    bool cleaned = false; ///< exec_stop_post was asked for
};

/// Asked to stop, with processes that obey nothing: the time-outs alone lead to the end.
void comes_to_its_end(const Service& service, Run run) {
    Monotonic now = kStart;
    run = Check(service, run, StopRun{}, now).s.next;
    for (int i = 0; i < 40 && run.phase != Phase::ended; ++i) {
        const RunEvent next = run.starting ? RunEvent(ProcessStarted{}) : RunEvent(RunTimer{});
        if (!run.starting) {
            REQUIRE(run.timer);
            now = std::max(now, *run.timer);
        }
        const Check check(service, run, next, now);
        check.all();
        run = check.s.next;
    }
    REQUIRE(run.phase == Phase::ended);
}

/// Every state that can be reached, every event in each. Returns how many steps these were.
std::size_t walk_everywhere(const Service& service) {
    std::set<Key> seen;
    std::deque<Node> open{Node{}};
    std::size_t steps = 0;
    const std::vector<RunEvent> events = all_events();
    while (!open.empty()) {
        const Node node = open.front();
        open.pop_front();
        comes_to_its_end(service, node.run);
        for (const RunEvent& event : events) {
            const Monotonic now = is<RunTimer>(event) && node.run.timer ? std::max(kStart, *node.run.timer) : kStart;
            const Check check(service, node.run, event, now);
            check.all();
            ++steps;
            Node next{at_start(check.s.next, now), node.cleaned && node.run.phase != Phase::ended};
            for (const RunAction& action : check.s.actions)
                if (const auto* const start = std::get_if<StartProcess>(&action))
                    next.cleaned = next.cleaned || start->kind == CommandKind::stop_post;
            const bool ended = next.run.phase == Phase::ended && node.run.phase != Phase::ended;
            if (ended && !service.exec_stop_post.empty()) REQUIRE(next.cleaned);
            if (seen.insert(key_of(next.run, next.cleaned)).second) open.push_back(next);
        }
    }
    return steps;
}

std::vector<Service> all_services() {
    std::vector<Service> services;
    for (const ServiceType type : {ServiceType::simple, ServiceType::notify, ServiceType::notify_reload, ServiceType::oneshot,
                                   ServiceType::forking})
        for (const KillMode mode : {KillMode::control_group, KillMode::mixed, KillMode::process, KillMode::none}) {
            const std::size_t variant = services.size();
            Service service = service_of(type);
            service.kill_mode = mode;
            service.send_sigkill = variant % 3 != 1;
            service.remain_after_exit = variant % 2 == 1;
            service.timeout_stop_failure_mode = static_cast<TimeoutFailure>(variant % 3);
            service.timeout_start_failure_mode = static_cast<TimeoutFailure>((variant + 1) % 3);
            service.exec_reload = service.exec_stop = service.exec_stop_post = {command()};
            if (variant % 4 == 0) service.exec_condition = {command()};
            if (variant % 4 != 3) service.exec_start_post = {command()};
            if (type == ServiceType::oneshot) service.exec_start.push_back(command(true));
            if (type == ServiceType::notify_reload && variant % 2 == 0) service.exec_reload.clear();
            services.push_back(service);
        }
    return services;
}

std::uint64_t seed_of_this_run() {
    if (const char* const given = std::getenv("SWATHE_SEED"); given != nullptr) return std::strtoull(given, nullptr, 0); // NOLINT
    return std::random_device{}();
}

} // namespace

TEST_CASE("run: in every state every event leaves one that makes sense, and each has a way to the end") {
    std::size_t steps = 0;
    for (const Service& service : all_services()) {
        CAPTURE(static_cast<int>(service.type));
        CAPTURE(static_cast<int>(service.kill_mode));
        steps += walk_everywhere(service);
    }
    MESSAGE("walked " << steps << " steps");
    CHECK(steps > 100'000);
}

TEST_CASE("run: random walks with watchdogs, extensions and time limits never leave the rails, and always end") {
    const std::uint64_t seed = seed_of_this_run();
    MESSAGE("SWATHE_SEED=" << seed);
    std::mt19937_64 random(seed);
    const auto pick = [&](std::size_t choices) { return std::uniform_int_distribution<std::size_t>(0, choices - 1)(random); };
    std::vector<RunEvent> events = all_events();
    for (const StopRun& stop : {StopRun{.restart = true}, StopRun{.patience = Duration(1h)}}) events.push_back(stop);
    for (const Said& said : {Said{.watchdog = Duration(5s)}, Said{.watchdog = kInfinity}, Said{.extend = Duration(100s)}})
        events.push_back(said);
    for (Service service : all_services()) {
        service.watchdog_sec = 20s;
        service.runtime_max_sec = 50s;
        for (int walk = 0; walk < 20; ++walk) {
            Run run;
            Monotonic now = kStart;
            for (int i = 0; i < 200; ++i) {
                const RunEvent event = run.phase == Phase::ended ? RunEvent(Begin{}) : events[pick(events.size())];
                now += Duration(pick(3'000'000));
                if (is<RunTimer>(event) && run.timer) now = std::max(now, *run.timer);
                const Check check(service, run, event, now);
                check.all();
                run = check.s.next;
            }
            comes_to_its_end(service, at_start(run, now));
        }
    }
}
