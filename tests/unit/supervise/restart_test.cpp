// When a run is followed by another: systemd's matrix, the delays, the start limit.
#include "support.h"

#include <array>

using namespace swathe;
using namespace swathe::test;

namespace {

constexpr std::array kPolicies{RestartPolicy::no,          RestartPolicy::always,   RestartPolicy::on_success, RestartPolicy::on_failure,
                               RestartPolicy::on_abnormal, RestartPolicy::on_abort, RestartPolicy::on_watchdog};

/// A worker and its instance, on one clock: what ServiceUnit connects.
struct Whole {
    OneWorker worker;
    OneRun run;

    explicit Whole(const Service& service) {
        worker.service = run.service = service;
        worker.now = begin(service);
    }
    void tell(const Event& event) {
        worker.clock = run.clock;
        const Step decided = step(worker.service, worker.now, event, worker.clock);
        worker.now = decided.next;
        for (const Action& action : decided.actions) {
            if (std::holds_alternative<StartInstance>(action)) give(Begin{});
            if (const auto* const stop = std::get_if<StopInstance>(&action)) give(StopRun{.restart = stop->for_restart});
        }
    }
    void give(const RunEvent& event) {
        const Phase before = run.now.phase;
        run.give(event);
        if (run.now.is_up() && worker.now.state == State::starting) tell(Up{});
        if (run.now.phase == Phase::ended && before != Phase::ended) tell(Ended{run.now.result, run.now.main_exit});
    }
    void main_ends(const Exit& exit, bool oom = false) {
        give(GroupEmptied{});
        give(MainExited{exit, oom});
    }
    void fire() {
        REQUIRE(run.now.timer);
        run.clock = *run.now.timer;
        give(RunTimer{});
    }
};

Service plain() { return service_of(); }
Service notifying() { return service_of(ServiceType::notify); }
Service conditional() {
    Service service = service_of();
    service.exec_condition = {command()};
    return service;
}
Service watched() {
    Service service = service_of();
    service.watchdog_sec = 10s;
    return service;
}
Service limited() {
    Service service = service_of();
    service.runtime_max_sec = 10s;
    return service;
}

/// How a run ends, and under which of kPolicies it is followed by another: the rows of COMPAT 2.9.
struct Cause {
    const char* what;
    Service (*service)();
    ServiceResult result;
    const char* restarts; ///< one character per policy, 'x' = restart
    void (*end)(Whole&);  ///< from when the first process was started
};

const Cause kCauses[] = {
    {"exit 0", plain, ServiceResult::success, "-xx----", [](Whole& w) { w.main_ends(code(0)); }},
    {"HUP", plain, ServiceResult::success, "-xx----", [](Whole& w) { w.main_ends(killed(SIGHUP)); }},
    {"INT", plain, ServiceResult::success, "-xx----", [](Whole& w) { w.main_ends(killed(SIGINT)); }},
    {"TERM", plain, ServiceResult::success, "-xx----", [](Whole& w) { w.main_ends(killed(SIGTERM)); }},
    {"PIPE", plain, ServiceResult::success, "-xx----", [](Whole& w) { w.main_ends(killed(SIGPIPE)); }},
    {"exit 1", plain, ServiceResult::exit_code, "-x-x---", [](Whole& w) { w.main_ends(code(1)); }},
    {"exit 255", plain, ServiceResult::exit_code, "-x-x---", [](Whole& w) { w.main_ends(code(255)); }},
    {"KILL", plain, ServiceResult::signal, "-x-xxx-", [](Whole& w) { w.main_ends(killed(SIGKILL)); }},
    {"core", plain, ServiceResult::core_dump, "-x-xxx-", [](Whole& w) { w.main_ends(dumped(SIGSEGV)); }},
    {"core by TERM", plain, ServiceResult::core_dump, "-x-xxx-", [](Whole& w) { w.main_ends(dumped(SIGTERM)); }},
    {"out of memory", plain, ServiceResult::oom_kill, "-x-xx--", [](Whole& w) { w.main_ends(killed(SIGKILL), true); }},
    {"runtime_max_sec", limited, ServiceResult::timeout, "-x-xx--",
     [](Whole& w) {
         w.fire();
         w.main_ends(code(0));
     }},
    {"watchdog", watched, ServiceResult::watchdog, "-x-xx-x",
     [](Whole& w) {
         w.fire();
         w.main_ends(dumped(SIGABRT));
     }},
    {"watchdog, then KILL", watched, ServiceResult::watchdog, "-x-xx-x",
     [](Whole& w) {
         w.fire();
         w.fire();
         w.main_ends(killed(SIGKILL));
     }},
    {"no READY=1 before the end", notifying, ServiceResult::protocol, "-x-xx--", [](Whole& w) { w.main_ends(code(0)); }},
    {"exit 1 before READY=1", notifying, ServiceResult::exit_code, "-x-x---", [](Whole& w) { w.main_ends(code(1)); }},
    {"no READY=1 in time, a clean end on TERM", notifying, ServiceResult::timeout, "-x-xx--",
     [](Whole& w) {
         w.fire();
         w.main_ends(code(0));
     }},
    {"no READY=1 in time, KILL", notifying, ServiceResult::timeout, "-x-xx--",
     [](Whole& w) {
         w.fire();
         w.fire();
         w.main_ends(killed(SIGKILL));
     }},
    {"a condition says no", conditional, ServiceResult::exec_condition, "-------",
     [](Whole& w) {
         w.give(GroupEmptied{});
         w.give(ControlExited{code(1)});
     }},
    {"a condition fails", conditional, ServiceResult::exit_code, "-x-x---",
     [](Whole& w) {
         w.give(GroupEmptied{});
         w.give(ControlExited{code(255)});
     }},
};

const Cause kSpawnCauses[] = {
    {"no process", plain, ServiceResult::resources, "-x-xx--", [](Whole& w) { w.give(ProcessFailed{}); }},
    {"no such program", plain, ServiceResult::exit_code, "-x-x---", [](Whole& w) { w.give(ProcessFailed{203}); }},
};

void check_outcome(const Cause& cause, std::size_t policy, bool spawns) {
    CAPTURE(cause.what);
    CAPTURE(policy);
    Service service = cause.service();
    service.restart = kPolicies[policy];
    Whole w(service);
    w.tell(Traffic{});
    if (spawns) w.give(ProcessStarted{});
    cause.end(w);
    const bool restarts = cause.restarts[policy] == 'x';
    CHECK(w.run.now.phase == Phase::ended);
    CHECK(w.worker.now.result == cause.result);
    CHECK(w.worker.now.state == (restarts ? State::backoff : State::idle));
    if (restarts) CHECK(*w.worker.now.timer == w.run.clock + 100ms);
}

} // namespace

TEST_CASE("restart: every cause and every policy of systemd's matrix") {
    for (std::size_t policy = 0; policy < kPolicies.size(); ++policy) {
        for (const Cause& cause : kCauses) check_outcome(cause, policy, true);
        for (const Cause& cause : kSpawnCauses) check_outcome(cause, policy, false);
    }
}

TEST_CASE("restart: after a stop by hand no end and no policy restarts") {
    for (const RestartPolicy policy : kPolicies)
        for (const Exit exit : {code(0), code(1), killed(SIGKILL), dumped(SIGSEGV)}) {
            Service service = service_of(ServiceType::simple, policy);
            service.restart_force_exit_status.codes = {1};
            Whole w(service);
            w.tell(Traffic{});
            w.give(ProcessStarted{});
            w.tell(StopAsked{});
            w.main_ends(exit);
            CHECK(w.worker.now.state == State::stopped);
        }
}

TEST_CASE("restart: the lists of statuses overrule the policy, prevention first, and a oneshot that succeeds is left alone") {
    Service service = service_of(ServiceType::simple, RestartPolicy::always);
    service.restart_prevent_exit_status.codes = {1};
    service.restart_prevent_exit_status.signals = {SIGKILL};
    service.restart_force_exit_status.codes = {0, 1, 2};
    CHECK_FALSE(wants_restart(service, ServiceResult::exit_code, code(1)));
    CHECK_FALSE(wants_restart(service, ServiceResult::timeout, killed(SIGKILL)));
    CHECK(wants_restart(service, ServiceResult::exit_code, code(3)));
    service.restart = RestartPolicy::no;
    CHECK(wants_restart(service, ServiceResult::exit_code, code(2)));
    CHECK(wants_restart(service, ServiceResult::success, code(0)));
    CHECK_FALSE(wants_restart(service, ServiceResult::exit_code, code(3)));
    CHECK_FALSE(wants_restart(service, ServiceResult::timeout, std::nullopt));
    service.type = ServiceType::oneshot;
    CHECK_FALSE(wants_restart(service, ServiceResult::success, code(0)));
    CHECK(wants_restart(service, ServiceResult::exit_code, code(2)));
}

TEST_CASE("restart: what hit the start limit, and what a condition refused, no policy restarts") {
    for (const RestartPolicy policy : kPolicies) {
        CHECK_FALSE(wants_restart(service_of(ServiceType::simple, policy), ServiceResult::start_limit_hit, std::nullopt));
        CHECK_FALSE(wants_restart(service_of(ServiceType::simple, policy), ServiceResult::exec_condition, std::nullopt));
    }
}

TEST_CASE("restart: the delay grows from restart_sec to restart_max_delay_sec in restart_steps steps") {
    Service policy;
    policy.restart_sec = 1s;
    policy.restart_steps = 4;
    policy.restart_max_delay_sec = 16s;
    const Duration expected[] = {1s, 2s, 4s, 8s, 16s, 16s, 16s};
    for (std::uint32_t n = 1; n <= 7; ++n) {
        CAPTURE(n);
        const auto off = restart_delay(policy, n) - expected[n - 1];
        CHECK(off <= 1us); // a power in floating point
        CHECK(off >= -1us);
    }
    CHECK(restart_delay(policy, UINT32_MAX) == 16s);
    CHECK(restart_delay(policy, 0) == 1s);
}

TEST_CASE("restart: without both keys, or with a maximum that is none, the delay is constant") {
    Service policy;
    policy.restart_sec = 250ms;
    for (const std::uint32_t n : {0U, 1U, 2U, 100U, UINT32_MAX}) {
        policy.restart_steps = 0;
        policy.restart_max_delay_sec.reset();
        CHECK(restart_delay(policy, n) == 250ms);
        policy.restart_steps = 3;
        CHECK(restart_delay(policy, n) == 250ms);
        policy.restart_max_delay_sec = kInfinity;
        CHECK(restart_delay(policy, n) == 250ms);
        policy.restart_max_delay_sec = 100ms; // below the first
        CHECK(restart_delay(policy, n) == 250ms);
    }
    policy.restart_sec = 0s; // nothing to multiply
    policy.restart_max_delay_sec = 10s;
    CHECK(restart_delay(policy, 2) == 0s);
}

TEST_CASE("restart: the delay never falls, and never leaves its bounds, for any steps and spans") {
    for (const Duration first : {Duration(1us), Duration(100ms), Duration(90s), Duration(24h)})
        for (const Duration last : {Duration(2us), Duration(1s), Duration(24h * 365), kInfinity - 1us})
            for (const std::uint32_t steps : {1U, 2U, 7U, 1000U}) {
                Service policy;
                policy.restart_sec = first;
                policy.restart_steps = steps;
                policy.restart_max_delay_sec = last;
                Duration before = first;
                for (std::uint32_t n = 1; n <= steps + 2; ++n) {
                    const Duration delay = restart_delay(policy, n);
                    REQUIRE(delay >= before);
                    REQUIRE(delay <= std::max(first, last));
                    before = delay;
                }
                CHECK(before == std::max(first, last));
            }
}

TEST_CASE("restart: an infinite delay waits for a start by hand") {
    OneWorker m = worker(RestartPolicy::always);
    m.service.restart_sec = kInfinity;
    m.give(Traffic{});
    m.give(Up{});
    CHECK(m.give(Ended{ServiceResult::success, code(0)}).empty());
    CHECK(m.now.state == State::backoff);
    CHECK_FALSE(m.now.timer);
    CHECK(m.give(StartAsked{}) == "start");
}

TEST_CASE("restart: automatic restarts back off as the delays say, and traffic after a clean end starts the count anew") {
    OneWorker m = worker(RestartPolicy::on_failure);
    m.service.restart_sec = 1s;
    m.service.restart_steps = 2;
    m.service.restart_max_delay_sec = 100s;
    m.give(Traffic{});
    m.give(Up{});
    for (const Duration expected : {Duration(1s), Duration(10s), Duration(100s), Duration(100s)}) {
        m.give_after(24h, Ended{ServiceResult::exit_code, code(1)});
        CHECK(m.ahead() == expected);
        m.fire();
        m.give(Up{});
    }
    m.give(Ended{ServiceResult::success, code(0)});
    CHECK(m.now.state == State::idle);
    m.give(Traffic{});
    CHECK(m.now.restarts == 0);
    m.give(Up{});
    m.give(Ended{ServiceResult::exit_code, code(1)});
    CHECK(m.ahead() == 1s);
}

TEST_CASE("start limit: the start after the last allowed one pauses the service until the window has passed") {
    OneWorker m = worker();
    m.now.start_limit = RateLimit(10s, 3);
    for (int i = 0; i < 3; ++i) {
        CHECK(m.give_after(1s, Traffic{}) == "start");
        m.give(Up{});
        m.give(Ended{ServiceResult::success, code(0)}); // leaves what is queued where it is: at once the next
    }
    CHECK(m.give_after(1s, Traffic{}) == "timer");
    CHECK(m.now.state == State::paused);
    CHECK(m.now.result == ServiceResult::start_limit_hit);
    CHECK(m.ahead() == 7s + 1us); // the window opened three seconds ago, its end belongs to it
    CHECK(m.give_after(1s, Traffic{}).empty());
    CHECK(m.fire() == "");
    CHECK(m.now.state == State::idle);
    CHECK(m.give(Traffic{}) == "start");
}

TEST_CASE("start limit: automatic restarts count, and are refused like any other start") {
    OneWorker m = worker(RestartPolicy::always);
    m.now.start_limit = RateLimit(10s, 2);
    m.give(Traffic{});
    m.give(Ended{ServiceResult::exit_code, code(203)});
    CHECK(m.fire() == "start");
    m.give(Ended{ServiceResult::exit_code, code(203)});
    CHECK(m.fire() == "timer");
    CHECK(m.now.state == State::paused);
    CHECK(m.fire() == "");
}

TEST_CASE("start limit: a start by hand counts and may be refused; in `paused` it overrules the limit") {
    OneWorker m = worker();
    m.now.start_limit = RateLimit(10s, 1);
    m.give(StartAsked{});
    m.give(Up{});
    m.give(RestartAsked{});
    CHECK(m.give(Ended{ServiceResult::success, code(0)}) == "timer"); // systemd's "start request repeated too quickly"
    CHECK(m.now.state == State::paused);
    CHECK(m.give_after(1s, StartAsked{}) == "no-timer start");
    m.give(Up{});
    m.give(Ended{ServiceResult::success, code(0)});
    m.give(Traffic{});
    CHECK(m.now.state == State::paused); // it was the first of a new window
    CHECK(m.ahead() == 10s + 1us);
    CHECK(m.give(StopAsked{}) == "no-timer");
    CHECK(m.now.state == State::stopped);
}

TEST_CASE("start limit: with start_limit_hit = fail the listeners close until a start by hand, which opens them") {
    OneWorker m = worker();
    m.service.start_limit_hit = LimitAction::fail;
    m.now.start_limit = RateLimit(10s, 1);
    m.give(Traffic{});
    m.give(Ended{ServiceResult::exit_code, code(203)});
    CHECK(m.give(Traffic{}) == "");
    CHECK(m.now.state == State::failed);
    CHECK(m.now.result == ServiceResult::start_limit_hit);
    m.clock += 1h;
    CHECK(m.give(Traffic{}).empty());
    CHECK(m.give(StopAsked{}).empty());
    CHECK(m.now.state == State::failed);
    CHECK(m.give(RestartAsked{}) == "start");
    m.give(Up{});
    CHECK(m.give(Ended{ServiceResult::success, code(0)}) == "");

    m.service.restart = RestartPolicy::always; // refused on the way out of backoff, too
    CHECK(m.give(Traffic{}) == "");
    m.give(StartAsked{});
    m.give(Up{});
    m.give(Ended{ServiceResult::exit_code, code(1)});
    CHECK(m.fire() == "");
}

TEST_CASE("start limit: an infinite window pauses until a start by hand") {
    OneWorker m = worker();
    m.now.start_limit = RateLimit(kInfinity, 1);
    m.give(Traffic{});
    m.give(Ended{ServiceResult::exit_code, code(203)});
    CHECK(m.give(Traffic{}) == "");
    CHECK(m.now.state == State::paused);
    CHECK(m.give(StartAsked{}) == "start");
}

TEST_CASE("start limit: a burst or an interval of zero never refuses") {
    for (const RateLimit limit : {RateLimit(0s, 5), RateLimit(10s, 0)}) {
        OneWorker m = worker();
        m.now.start_limit = limit;
        for (int i = 0; i < 1000; ++i) {
            REQUIRE(m.give(Traffic{}) == "start");
            m.give(Ended{ServiceResult::exit_code, code(203)});
        }
    }
}
