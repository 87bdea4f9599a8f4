#include "support.h"

#include <array>

using namespace swathe;
using namespace swathe::test;

namespace {

constexpr std::array kPolicies{RestartPolicy::no,          RestartPolicy::always,   RestartPolicy::on_success, RestartPolicy::on_failure,
                               RestartPolicy::on_abnormal, RestartPolicy::on_abort, RestartPolicy::on_watchdog};

/// How a run ends, and under which of kPolicies it is followed by another: the rows of COMPAT 2.9.
struct Cause {
    const char* what;
    ServiceResult result;
    const char* restarts; ///< one character per policy, 'x' = restart
    void (*end)(Machine&);
};

const Cause kCauses[] = {
    {"exit 0", ServiceResult::success, "-xx----", [](Machine& m) { m.give(Exited{code(0)}); }},
    {"HUP", ServiceResult::success, "-xx----", [](Machine& m) { m.give(Exited{killed(SIGHUP)}); }},
    {"INT", ServiceResult::success, "-xx----", [](Machine& m) { m.give(Exited{killed(SIGINT)}); }},
    {"TERM", ServiceResult::success, "-xx----", [](Machine& m) { m.give(Exited{killed(SIGTERM)}); }},
    {"PIPE", ServiceResult::success, "-xx----", [](Machine& m) { m.give(Exited{killed(SIGPIPE)}); }},
    {"exit 1", ServiceResult::exit_code, "-x-x---", [](Machine& m) { m.give(Exited{code(1)}); }},
    {"exit 255", ServiceResult::exit_code, "-x-x---", [](Machine& m) { m.give(Exited{code(255)}); }},
    {"KILL", ServiceResult::signal, "-x-xxx-", [](Machine& m) { m.give(Exited{killed(SIGKILL)}); }},
    {"USR1", ServiceResult::signal, "-x-xxx-", [](Machine& m) { m.give(Exited{killed(SIGUSR1)}); }},
    {"core", ServiceResult::core_dump, "-x-xxx-", [](Machine& m) { m.give(Exited{{Exit::Kind::core, SIGSEGV}}); }},
    {"core by TERM", ServiceResult::core_dump, "-x-xxx-", [](Machine& m) { m.give(Exited{{Exit::Kind::core, SIGTERM}}); }},
};

const Cause kStartCauses[] = {
    {"no clone", ServiceResult::resources, "-x-xx--", [](Machine& m) { m.give(SpawnFailed{"clone", 0}); }},
    {"no exec", ServiceResult::exit_code, "-x-x---", [](Machine& m) { m.give(SpawnFailed{"exec", 203}); }},
    {"end without READY", ServiceResult::protocol, "-x-xx--",
     [](Machine& m) {
         m.give(Spawned{7});
         m.give(Exited{code(0)});
     }},
    {"exit 1 without READY", ServiceResult::exit_code, "-x-x---",
     [](Machine& m) {
         m.give(Spawned{7});
         m.give(Exited{code(1)});
     }},
    {"no READY in time, clean end on TERM", ServiceResult::timeout, "-x-xx--",
     [](Machine& m) {
         m.give(Spawned{7});
         m.fire();
         m.give(Exited{code(0)});
     }},
    {"no READY in time, KILL", ServiceResult::timeout, "-x-xx--",
     [](Machine& m) {
         m.give(Spawned{7});
         m.fire();
         m.fire();
         m.give(Exited{killed(SIGKILL)});
     }},
};

void check_outcome(const Cause& cause, std::size_t policy, const Machine& m) {
    CAPTURE(cause.what);
    CAPTURE(policy);
    const bool restarts = cause.restarts[policy] == 'x';
    CHECK(m.now.result == cause.result);
    CHECK(m.now.state == (restarts ? State::backoff : State::idle));
    CHECK(wants_restart(kPolicies[policy], cause.result) == restarts);
    if (restarts) CHECK(m.ahead() == 100ms);
}

} // namespace

TEST_CASE("restart: every cause and every policy of systemd's matrix") {
    for (std::size_t policy = 0; policy < kPolicies.size(); ++policy) {
        for (const Cause& cause : kCauses) {
            Machine m = machine(ServiceType::simple, kPolicies[policy]);
            m.give(Traffic{});
            m.give(Spawned{7});
            m.clock += 1h;
            cause.end(m);
            check_outcome(cause, policy, m);
        }
        for (const Cause& cause : kStartCauses) {
            Machine m = machine(ServiceType::notify, kPolicies[policy]);
            m.give(Traffic{});
            cause.end(m);
            check_outcome(cause, policy, m);
        }
    }
}

TEST_CASE("restart: after a stop by hand no cause and no policy restarts") {
    for (const RestartPolicy policy : kPolicies)
        for (const Cause& cause : kCauses) {
            Machine m = machine(ServiceType::simple, policy);
            m.give(Traffic{});
            m.give(Spawned{7});
            m.give(StopAsked{});
            cause.end(m);
            CHECK(m.now.state == State::stopped);
            CHECK(m.now.result == cause.result);
        }
}

TEST_CASE("restart: what hit the start limit is not restarted by any policy") {
    for (const RestartPolicy policy : kPolicies) CHECK_FALSE(wants_restart(policy, ServiceResult::start_limit_hit));
}

TEST_CASE("restart: the delay grows from restart_sec to restart_max_delay_sec in restart_steps steps") {
    LifecyclePolicy policy;
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
    LifecyclePolicy policy;
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
                LifecyclePolicy policy;
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
    Machine m = machine(ServiceType::simple, RestartPolicy::always);
    m.policy.restart_sec = kInfinity;
    m.give(Traffic{});
    m.give(Spawned{7});
    CHECK(m.give(Exited{code(0)}).empty());
    CHECK(m.now.state == State::backoff);
    CHECK_FALSE(m.now.timer);
    CHECK(m.give(StartAsked{}) == "spawn");
}

TEST_CASE("restart: automatic restarts back off as the delays say, and traffic after a clean end starts the count anew") {
    Machine m = machine(ServiceType::simple, RestartPolicy::on_failure);
    m.policy.restart_sec = 1s;
    m.policy.restart_steps = 2;
    m.policy.restart_max_delay_sec = 100s;
    m.give(Traffic{});
    m.give(Spawned{7});
    for (const Duration expected : {Duration(1s), Duration(10s), Duration(100s), Duration(100s)}) {
        m.give_after(24h, Exited{code(1)});
        CHECK(m.ahead() == expected);
        m.fire();
        m.give(Spawned{8});
    }
    m.give(Exited{code(0)});
    CHECK(m.now.state == State::idle);
    m.give(Traffic{});
    CHECK(m.now.restarts == 0);
    m.give(Spawned{9});
    m.give(Exited{code(1)});
    CHECK(m.ahead() == 1s);
}

TEST_CASE("start limit: the start after the last allowed one pauses the service until the window has passed") {
    Machine m = machine();
    m.now.start_limit = RateLimit(10s, 3);
    for (int i = 0; i < 3; ++i) {
        CHECK(m.give_after(1s, Traffic{}) == "disarm spawn");
        m.give(Spawned{7});
        m.give(Exited{code(0)}); // leaves what is queued where it is: at once the next
    }
    CHECK(m.give_after(1s, Traffic{}) == "timer disarm");
    CHECK(m.now.state == State::paused);
    CHECK(m.now.result == ServiceResult::start_limit_hit);
    CHECK(m.ahead() == 7s + 1us); // the window opened three seconds ago, its end belongs to it
    CHECK(m.give_after(1s, Traffic{}).empty());
    CHECK(m.fire() == "arm");
    CHECK(m.now.state == State::idle);
    CHECK(m.give(Traffic{}) == "disarm spawn");
}

TEST_CASE("start limit: automatic restarts count, and are refused like any other start") {
    Machine m = machine(ServiceType::simple, RestartPolicy::always);
    m.now.start_limit = RateLimit(10s, 2);
    m.give(Traffic{});
    m.give(SpawnFailed{"exec", 203});
    CHECK(m.fire() == "spawn");
    m.give(SpawnFailed{"exec", 203});
    CHECK(m.fire() == "timer");
    CHECK(m.now.state == State::paused);
    CHECK(m.fire() == "arm");
}

TEST_CASE("start limit: a start by hand counts and may be refused; in `paused` it overrules the limit") {
    Machine m = machine();
    m.now.start_limit = RateLimit(10s, 1);
    m.give(StartAsked{});
    m.give(Spawned{7});
    m.give(RestartAsked{});
    CHECK(m.give(Exited{code(0)}) == "timer"); // systemd's "start request repeated too quickly"
    CHECK(m.now.state == State::paused);
    CHECK(m.give_after(1s, StartAsked{}) == "no-timer spawn");
    m.give(Spawned{8});
    m.give(Exited{code(0)});
    m.give(Traffic{});
    CHECK(m.now.state == State::paused); // it was the first of a new window
    CHECK(m.ahead() == 10s + 1us);
    CHECK(m.give(StopAsked{}) == "no-timer");
    CHECK(m.now.state == State::stopped);
}

TEST_CASE("start limit: with start_limit_hit = fail the listeners close until a start by hand, which opens them") {
    Machine m = machine();
    m.policy.start_limit_hit = LimitAction::fail;
    m.now.start_limit = RateLimit(10s, 1);
    m.give(Traffic{});
    m.give(SpawnFailed{"exec", 203});
    CHECK(m.give(Traffic{}) == "disarm close");
    CHECK(m.now.state == State::failed);
    CHECK(m.now.result == ServiceResult::start_limit_hit);
    m.clock += 1h;
    CHECK(m.give(Traffic{}).empty());
    CHECK(m.give(StopAsked{}).empty());
    CHECK(m.now.state == State::failed);
    CHECK(m.give(RestartAsked{}) == "open spawn");
    m.give(Spawned{7});
    CHECK(m.give(Exited{code(0)}) == "arm");

    m.policy.restart = RestartPolicy::always; // refused on the way out of backoff, too
    CHECK(m.give(Traffic{}) == "disarm close");
    m.give(StartAsked{});
    m.give(Spawned{8});
    m.give(Exited{code(1)});
    CHECK(m.fire() == "close");
}

TEST_CASE("start limit: an infinite window pauses until a start by hand") {
    Machine m = machine();
    m.now.start_limit = RateLimit(kInfinity, 1);
    m.give(Traffic{});
    m.give(SpawnFailed{"exec", 203});
    CHECK(m.give(Traffic{}) == "disarm");
    CHECK(m.now.state == State::paused);
    CHECK(m.give(StartAsked{}) == "spawn");
}

TEST_CASE("start limit: a burst or an interval of zero never refuses") {
    for (const RateLimit limit : {RateLimit(0s, 5), RateLimit(10s, 0)}) {
        Machine m = machine();
        m.now.start_limit = limit;
        for (int i = 0; i < 1000; ++i) {
            REQUIRE(m.give(Traffic{}) == "disarm spawn");
            m.give(SpawnFailed{"exec", 203});
        }
    }
}
