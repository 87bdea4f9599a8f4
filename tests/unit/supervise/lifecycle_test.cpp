#include "support.h"

using namespace swathe;
using namespace swathe::test;

namespace {

OneWorker running(RestartPolicy restart = RestartPolicy::no) {
    OneWorker w = worker(restart);
    CHECK(w.give(Traffic{}) == "start");
    w.give(Up{});
    REQUIRE(w.now.state == State::running);
    return w;
}

OneWorker with_successor() {
    OneWorker w = running(RestartPolicy::always);
    CHECK(w.give(RestartAsked{.overlap = true}) == "start-successor");
    CHECK(w.now.state == State::running);
    return w;
}

} // namespace

TEST_CASE("lifecycle: a worker begins idle, with the start limit of its service") {
    Service service = service_of();
    service.start_limit_burst = 1;
    const Lifecycle first = begin(service);
    CHECK(first.state == State::idle);
    RateLimit limit = first.start_limit;
    CHECK(limit.allow(kStart));
    CHECK_FALSE(limit.allow(kStart + 10s));
    CHECK(limit.allow(kStart + 10s + 1us));
}

TEST_CASE("lifecycle: traffic starts it, and a clean end makes it idle again") {
    OneWorker w = worker();
    CHECK(w.give(Traffic{}) == "start");
    CHECK(w.now.state == State::starting);
    CHECK(w.give(Traffic{}).empty());
    CHECK(w.give(Up{}).empty());
    CHECK(w.now.state == State::running);
    CHECK(w.give(Ended{ServiceResult::success, code(0)}).empty());
    CHECK(w.now.state == State::idle);
    CHECK(w.now.last_exit == code(0));
    CHECK_FALSE(w.now.instance);
}

TEST_CASE("lifecycle: a stop by hand waits for the instance, and then nobody starts it but by hand") {
    OneWorker w = running(RestartPolicy::always);
    CHECK(w.give(StopAsked{}) == "stop");
    CHECK(w.give(StopAsked{}).empty());
    CHECK(w.now.state == State::stopping);
    CHECK(w.give(Ended{ServiceResult::timeout, killed(SIGKILL)}).empty());
    CHECK(w.now.state == State::stopped);
    CHECK(w.now.result == ServiceResult::timeout);
    CHECK(w.give(Traffic{}).empty());
    CHECK(w.give(StartAsked{}) == "start");
    CHECK(w.now.result == ServiceResult::success);
    CHECK(w.give(StopAsked{}) == "stop"); // while it starts
}

TEST_CASE("lifecycle: a stop where there is no instance is done at once") {
    OneWorker w = worker();
    CHECK(w.give(StopAsked{}).empty());
    CHECK(w.now.state == State::stopped);
    w = running(RestartPolicy::always);
    CHECK(w.give(Ended{}) == "timer");
    CHECK(w.give(StopAsked{}) == "no-timer");
    CHECK(w.now.state == State::stopped);
}

TEST_CASE("lifecycle: restart is stop and start in one, and the last word about it counts") {
    OneWorker w = running();
    CHECK(w.give(RestartAsked{}) == "stop-for-restart");
    CHECK(w.give(Ended{}) == "start");
    CHECK(w.give(RestartAsked{.overlap = true}) == "stop-for-restart"); // nothing to overlap with while it starts
    w.give(StopAsked{});
    CHECK(w.give(Ended{}).empty());
    CHECK(w.now.state == State::stopped);
    CHECK(w.give(RestartAsked{}) == "start");
    w.give_all(Up{}, StopAsked{}, StartAsked{});
    CHECK(w.give(Ended{}) == "start");
}

TEST_CASE("lifecycle: a stop for want of use makes it idle, and traffic starts it again") {
    OneWorker w = running(RestartPolicy::always);
    CHECK(w.give(IdleFound{}) == "stop");
    CHECK(w.give(Ended{}).empty());
    CHECK(w.now.state == State::idle);
    CHECK(watching_for({w.now.state}) == Watching::armed);
    CHECK(w.give(Traffic{}) == "start");
    CHECK(w.give(IdleFound{}).empty()); // not up yet
    w.give_all(Up{}, IdleFound{}, StopAsked{}, Ended{});
    CHECK(w.now.state == State::stopped); // by hand in the meantime
}

TEST_CASE("lifecycle: a stop for the sake of another service leaves it to traffic, and is no reason for a restart") {
    OneWorker w = worker();
    CHECK(w.give(LetGo{}).empty());
    CHECK(w.now.state == State::idle);
    CHECK(w.give(Traffic{}) == "start");
    CHECK(w.give(LetGo{}) == "stop"); // while it starts
    CHECK(w.give(Ended{}).empty());
    CHECK(w.now.state == State::idle);
    w = running(RestartPolicy::always);
    w.give_all(RestartAsked{}, LetGo{});
    CHECK(w.give(Ended{}).empty()); // the restart is called off
    CHECK(w.now.state == State::idle);
    w = running(RestartPolicy::always);
    w.give_all(StopAsked{}, LetGo{}, Ended{});
    CHECK(w.now.state == State::stopped); // by hand before
    w = running(RestartPolicy::always);
    CHECK(w.give(Ended{}) == "timer");
    CHECK(w.give(LetGo{}) == "no-timer");
    CHECK(w.now.state == State::idle);
    w = with_successor();
    CHECK(w.give(LetGo{}) == "stop-successor stop");
}

TEST_CASE("lifecycle: what a condition or an assertion has kept from starting is not started again") {
    for (const ServiceResult result : {ServiceResult::condition, ServiceResult::assertion}) {
        OneWorker w = worker(RestartPolicy::always);
        w.give(Traffic{});
        CHECK(w.give(Ended{result, std::nullopt}).empty());
        CHECK(w.now.state == State::idle);
        CHECK(watching_for({w.now.state}) == Watching::armed);
    }
}

TEST_CASE("lifecycle: a successor that comes up takes over") {
    OneWorker w = with_successor();
    CHECK(w.give(RestartAsked{.overlap = true}).empty()); // one at a time
    CHECK(w.give(IdleFound{}).empty());
    CHECK(w.give(SuccessorUp{}) == "succeed");
    CHECK(w.now.state == State::running);
    CHECK(w.now.instance);
    CHECK_FALSE(w.now.successor);
}

TEST_CASE("lifecycle: a successor that does not come up changes nothing") {
    OneWorker w = with_successor();
    CHECK(w.give(SuccessorEnded{}).empty());
    CHECK(w.now.state == State::running);
    CHECK(w.now.instance);
    w.now.start_limit = RateLimit(10s, 1);
    CHECK(w.give(RestartAsked{.overlap = true}) == "start-successor");
    w.give(SuccessorEnded{});
    CHECK(w.give(RestartAsked{.overlap = true}).empty()); // refused by the start limit
    CHECK(w.now.state == State::running);
}

TEST_CASE("lifecycle: an instance that dies while its successor starts is replaced by it, whatever Restart= says") {
    OneWorker w = with_successor();
    w.service.restart = RestartPolicy::no;
    CHECK(w.give(Ended{ServiceResult::signal, killed(SIGSEGV)}) == "adopt");
    CHECK(w.now.state == State::starting);
    CHECK(w.now.instance);
    CHECK_FALSE(w.now.successor);
    CHECK(w.give(Up{}).empty());
    CHECK(w.now.state == State::running);
    CHECK(w.now.result == ServiceResult::success);
}

TEST_CASE("lifecycle: a stop with a successor stops both and waits for both, in any order") {
    OneWorker w = with_successor();
    CHECK(w.give(StopAsked{}) == "stop-successor stop");
    OneWorker other = w;
    CHECK(w.give(Ended{}).empty());
    CHECK(w.now.state == State::stopping);
    CHECK(w.give(SuccessorUp{}).empty()); // too late
    w.give(SuccessorEnded{});
    CHECK(w.now.state == State::stopped);
    other.give(SuccessorEnded{});
    CHECK(other.now.state == State::stopping);
    other.give(Ended{});
    CHECK(other.now.state == State::stopped);

    w = with_successor();
    CHECK(w.give(RestartAsked{}) == "stop-successor stop-for-restart");
    w.give(Ended{});
    CHECK(w.give(SuccessorEnded{}) == "start");
}

TEST_CASE("lifecycle: listeners that cannot be opened fail it, and the next start by hand tries again") {
    OneWorker w = worker(RestartPolicy::always);
    w.now.state = State::failed;
    CHECK(w.give(StartAsked{}) == "start");
    CHECK(w.give(OpenFailed{}).empty());
    CHECK(w.now.state == State::failed);
    CHECK(w.now.result == ServiceResult::resources);
    w.give_all(StartAsked{}, StopAsked{}, OpenFailed{});
    CHECK(w.now.state == State::failed);
    CHECK_FALSE(w.now.stop_asked);
}

TEST_CASE("lifecycle: at rest, a command that is to follow the opening of listeners and fails closes them; else that means nothing") {
    for (const State rest : {State::idle, State::stopped}) {
        OneWorker w = worker(RestartPolicy::always);
        w.now.state = rest;
        CHECK(w.give(OpenFailed{}).empty());
        CHECK(w.now.state == State::failed);
        CHECK(w.now.result == ServiceResult::resources);
        CHECK(w.give(StartAsked{}) == "start");
    }
    OneWorker running = worker(RestartPolicy::always);
    running.give_all(StartAsked{}, Up{}, Ended{});
    REQUIRE(running.now.state == State::backoff);
    const Lifecycle before = running.now;
    CHECK(running.give(OpenFailed{}).empty());
    CHECK(running.now == before);
}

TEST_CASE("lifecycle: listeners are armed for who is idle, unless somebody serves, and closed if all have failed") {
    using S = State;
    CHECK(watching_for({S::idle, S::idle}) == Watching::armed);
    CHECK(watching_for({S::idle, S::stopped, S::paused}) == Watching::armed);
    for (const S busy : {S::starting, S::running, S::stopping, S::backoff}) CHECK(watching_for({S::idle, busy}) == Watching::disarmed);
    CHECK(watching_for({S::stopped}) == Watching::disarmed);
    CHECK(watching_for({S::failed, S::paused}) == Watching::disarmed);
    CHECK(watching_for({S::failed, S::failed}) == Watching::closed);
}
