#include "support.h"

using namespace swathe;
using namespace swathe::test;

TEST_CASE("lifecycle: a service begins idle, with its listeners armed and its start limit set") {
    Service service;
    service.start_limit_burst = 1;
    service.timeout_start_sec = 5s;
    service.restart = RestartPolicy::on_abort;
    const Step first = begin(service);
    CHECK(first.next.state == State::idle);
    CHECK(words(first.actions) == "arm");
    RateLimit limit = first.next.start_limit;
    CHECK(limit.allow(kStart));
    CHECK_FALSE(limit.allow(kStart + 10s));
    CHECK(limit.allow(kStart + 10s + 1us));
    CHECK(policy_of(service).timeout_start == 5s);
    CHECK(policy_of(service).timeout_stop == 90s);
    CHECK(policy_of(service).restart == RestartPolicy::on_abort);
}

TEST_CASE("lifecycle: traffic starts it, and a clean end makes it idle again, watching") {
    for (const ServiceType type : {ServiceType::simple, ServiceType::exec}) {
        Machine m = machine(type);
        CHECK(m.give(Traffic{}) == "disarm spawn");
        CHECK(m.now.state == State::starting);
        CHECK(m.give(Spawned{7}).empty());
        CHECK(m.now.state == State::running);
        CHECK(m.give(Traffic{}).empty());
        CHECK(m.give(Ready{}).empty());
        CHECK(m.give(Exited{code(0)}) == "arm");
        CHECK(m.now.state == State::idle);
        CHECK(m.now.result == ServiceResult::success);
        CHECK(m.now.last_exit == code(0));
    }
}

TEST_CASE("lifecycle: a notify service is running when it says so") {
    Machine m = machine(ServiceType::notify);
    m.give(Traffic{});
    CHECK(m.give(Spawned{7}) == "timer");
    CHECK(m.ahead() == 90s);
    CHECK(m.now.state == State::starting);
    CHECK(m.give(Ready{}) == "no-timer");
    CHECK(m.now.state == State::running);
    CHECK(m.give(Ready{}).empty());
}

TEST_CASE("lifecycle: a start without end is no longer than timeout_start, and an infinite one has no timer") {
    Machine m = machine(ServiceType::notify, RestartPolicy::on_failure);
    m.give(Traffic{});
    m.give(Spawned{7});
    CHECK(m.fire() == "timer TERM CONT");
    CHECK(m.now.state == State::stopping);
    CHECK(m.ahead() == 60s);
    CHECK(m.give(Ready{}).empty()); // too late
    CHECK(m.fire() == "KILL");
    CHECK(m.now.state == State::killing);
    CHECK(m.give(Exited{killed(SIGKILL)}) == "timer");
    CHECK(m.now.state == State::backoff);
    CHECK(m.now.result == ServiceResult::timeout);

    m = machine(ServiceType::notify);
    m.policy.timeout_start = kInfinity;
    m.policy.timeout_stop = kInfinity;
    m.give(Traffic{});
    CHECK(m.give(Spawned{7}).empty());
    CHECK(m.give(StopAsked{}) == "TERM CONT");
    CHECK(m.give(Exited{killed(SIGTERM)}).empty());
    CHECK(m.now.state == State::stopped);
}

TEST_CASE("lifecycle: an end before READY=1 is a failure, a clean one of the protocol") {
    Machine m = machine(ServiceType::notify);
    m.give(Traffic{});
    m.give(Spawned{7});
    CHECK(m.give(Exited{code(0)}) == "no-timer arm");
    CHECK(m.now.result == ServiceResult::protocol);
    m.give(Traffic{});
    m.give(Spawned{8});
    m.give(Exited{code(3)});
    CHECK(m.now.result == ServiceResult::exit_code);
}

TEST_CASE("lifecycle: a spawn that fails is a failed run, and one whose program cannot be executed ends as with its status") {
    Machine m = machine();
    m.give(Traffic{});
    CHECK(m.give(SpawnFailed{"no memory", 0}) == "arm");
    CHECK(m.now.state == State::idle);
    CHECK(m.now.result == ServiceResult::resources);
    CHECK_FALSE(m.now.last_exit);
    m.give(Traffic{});
    m.give(SpawnFailed{"exec", 203});
    CHECK(m.now.result == ServiceResult::exit_code);
    CHECK(m.now.last_exit == code(203));

    m = machine(ServiceType::simple, RestartPolicy::on_failure);
    m.give(Traffic{});
    CHECK(m.give(SpawnFailed{"exec", 203}) == "timer");
    CHECK(m.now.state == State::backoff);
}

TEST_CASE("lifecycle: stop is TERM, then KILL after timeout_stop, and the service stays down whatever Restart= says") {
    Machine m = machine(ServiceType::simple, RestartPolicy::always);
    m.give(Traffic{});
    m.give(Spawned{7});
    CHECK(m.give(StopAsked{}) == "timer TERM CONT");
    CHECK(m.ahead() == 60s);
    CHECK(m.give(StopAsked{}).empty()); // no second TERM, no longer wait
    CHECK(m.fire() == "KILL");
    CHECK_FALSE(m.now.timer);
    CHECK(m.give(Exited{killed(SIGKILL)}).empty());
    CHECK(m.now.state == State::stopped);
    CHECK(m.now.result == ServiceResult::timeout);
    CHECK(m.give(Traffic{}).empty()); // waits in the backlog
    CHECK(m.give(StartAsked{}) == "spawn");
    CHECK(m.now.result == ServiceResult::success);
}

TEST_CASE("lifecycle: death by our own TERM is clean") {
    Machine m = machine();
    m.give(Traffic{});
    m.give(Spawned{7});
    m.give(StopAsked{});
    CHECK(m.give(Exited{killed(SIGTERM)}) == "no-timer");
    CHECK(m.now.state == State::stopped);
    CHECK(m.now.result == ServiceResult::success);
}

TEST_CASE("lifecycle: a stop while no child runs is done at once") {
    Machine m = machine();
    CHECK(m.give(StopAsked{}) == "disarm");
    CHECK(m.now.state == State::stopped);

    m = machine(ServiceType::simple, RestartPolicy::always);
    m.give(Traffic{});
    m.give(Spawned{7});
    m.give(Exited{code(1)});
    REQUIRE(m.now.state == State::backoff);
    CHECK(m.give(StopAsked{}) == "no-timer");
    CHECK(m.now.state == State::stopped);
}

TEST_CASE("lifecycle: a stop that comes before the child does reaches the child") {
    Machine m = machine(ServiceType::notify);
    m.give(Traffic{});
    CHECK(m.give(StopAsked{}).empty());
    CHECK(m.now.state == State::stopping);
    CHECK_FALSE(m.now.has_child());
    CHECK(m.give(Spawned{7}) == "timer TERM CONT");
    CHECK(m.now.has_child());
    m.give(Exited{killed(SIGTERM)});
    CHECK(m.now.state == State::stopped);

    m = machine(ServiceType::simple, RestartPolicy::always);
    m.give(Traffic{});
    m.give(StopAsked{});
    CHECK(m.give(SpawnFailed{"no memory", 0}).empty());
    CHECK(m.now.state == State::stopped);
}

TEST_CASE("lifecycle: restart is stop and start in one, and the last word about it counts") {
    Machine m = machine();
    m.give(Traffic{});
    m.give(Spawned{7});
    CHECK(m.give(RestartAsked{}) == "timer TERM CONT");
    CHECK(m.give(Exited{code(0)}) == "no-timer spawn");
    m.give(Spawned{8});
    CHECK(m.now.state == State::running);

    m.give(RestartAsked{});
    m.give(StopAsked{}); // changed their mind
    CHECK(m.give(Exited{code(0)}) == "no-timer");
    CHECK(m.now.state == State::stopped);

    m.give(StartAsked{});
    m.give(Spawned{9});
    m.give(StopAsked{});
    m.give(StartAsked{});
    CHECK(m.give(Exited{code(0)}) == "no-timer spawn");
    CHECK(m.give(RestartAsked{}).empty()); // before the child is there
    CHECK(m.give(Spawned{10}) == "timer TERM CONT");
    CHECK(m.give(Exited{killed(SIGTERM)}) == "no-timer spawn");
    m.give(Spawned{11});
    m.give(StopAsked{});
    m.fire();
    REQUIRE(m.now.state == State::killing);
    m.give(RestartAsked{});
    CHECK(m.give(Exited{killed(SIGKILL)}) == "spawn");
}

TEST_CASE("lifecycle: a restart of what does not run is a start") {
    Machine m = machine();
    CHECK(m.give(RestartAsked{}) == "disarm spawn");
    m.give(Spawned{7});
    m.give(StopAsked{});
    m.give(Exited{code(0)});
    CHECK(m.give(RestartAsked{}) == "spawn");
}

TEST_CASE("lifecycle: a start by hand in backoff does not wait, and starts the count anew") {
    Machine m = machine(ServiceType::simple, RestartPolicy::always);
    m.give(Traffic{});
    m.give(Spawned{7});
    for (std::uint32_t n = 1; n <= 3; ++n) {
        m.give(Exited{code(1)});
        CHECK(m.fire() == "spawn");
        CHECK(m.now.restarts == n);
        m.give(Spawned{8});
    }
    m.give(Exited{code(1)});
    CHECK(m.give(StartAsked{}) == "no-timer spawn");
    CHECK(m.now.restarts == 0);
    CHECK(m.give(StartAsked{}).empty());
}

TEST_CASE("lifecycle: listeners that cannot be opened fail the service, and the next start by hand tries again") {
    Machine m = machine(ServiceType::simple, RestartPolicy::always);
    m.now.state = State::failed;
    CHECK(m.give(StartAsked{}) == "open spawn");
    CHECK(m.give(OpenFailed{"address in use"}) == "close");
    CHECK(m.now.state == State::failed);
    CHECK(m.now.result == ServiceResult::resources);
    CHECK(m.give(StartAsked{}) == "open spawn");
    CHECK(m.give(StopAsked{}).empty());
    CHECK(m.give(OpenFailed{"address in use"}) == "close");
    CHECK(m.now.state == State::failed);
    CHECK_FALSE(m.now.stop_asked);
}

TEST_CASE("lifecycle: states and results have systemd's names") {
    CHECK(std::string(to_string(ServiceResult::start_limit_hit)) == "start-limit-hit");
    CHECK(std::string(to_string(ServiceResult::core_dump)) == "core-dump");
    CHECK(std::string(to_string(ServiceResult::exit_code)) == "exit-code");
    CHECK(std::string(to_string(State::backoff)) == "backoff");
}
