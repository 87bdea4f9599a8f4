// A service with one instance for each connection: what its worker does.
#include "support.h"

#include <algorithm>
#include <array>

using namespace swathe;
using namespace swathe::test;

namespace {

OneWorker accepting(RestartPolicy restart = RestartPolicy::always) {
    OneWorker w = worker(restart);
    w.service.accept = true;
    w.service.start_limit_burst = 1;
    w.now = begin(w.service);
    return w;
}

} // namespace

TEST_CASE("accept: traffic starts nothing, and a start finds that it listens") {
    OneWorker w = accepting();
    CHECK(w.give(Traffic{}).empty());
    CHECK(w.give(StartAsked{}).empty());
    CHECK(w.now == begin(w.service));
    CHECK(watching_for({w.now.state}) == Watching::armed);
}

TEST_CASE("accept: a stop asks all connections to end, and is over when nobody is left") {
    OneWorker w = accepting();
    CHECK(w.give(StopAsked{}) == "stop");
    CHECK(w.now.state == State::stopping);
    CHECK(watching_for({w.now.state}) == Watching::disarmed);
    CHECK(w.give(StopAsked{}).empty());
    CHECK(w.give(Ended{}).empty());
    CHECK(w.now.state == State::stopped);
    CHECK(w.give(StopAsked{}).empty());
}

TEST_CASE("accept: a start leads to listening, as often as it is asked for") {
    OneWorker w = accepting();
    for (int i = 0; i < 5; ++i) { // no start limit: its instances start by themselves
        w.give_all(StopAsked{}, Ended{});
        CHECK(w.give(StartAsked{}) == "start");
        CHECK(w.now.state == State::starting);
        CHECK(w.give(Up{}).empty());
        CHECK(w.now.state == State::idle);
        CHECK_FALSE(w.now.instance);
    }
}

TEST_CASE("accept: a restart ends all connections and listens again") {
    for (const bool overlap : {false, true}) {
        OneWorker w = accepting();
        CHECK(w.give(RestartAsked{overlap}) == "stop-for-restart");
        CHECK(w.give(Ended{}) == "start");
        w.give(Up{});
        CHECK(w.now.state == State::idle);
        w.give_all(RestartAsked{overlap}, StopAsked{});
        CHECK(w.give(Ended{}).empty());
        CHECK(w.now.state == State::stopped);
        CHECK(w.give(RestartAsked{overlap}) == "start");
    }
}

TEST_CASE("accept: the trigger limit may fail it, connections live on, and a stop ends them") {
    OneWorker w = accepting();
    CHECK(w.give(LimitHit{}).empty());
    CHECK(w.now.state == State::failed);
    CHECK(w.now.result == ServiceResult::trigger_limit_hit);
    OneWorker other = w;
    CHECK(w.give(StartAsked{}) == "start");
    w.give(OpenFailed{});
    CHECK(w.now.state == State::failed);
    CHECK(w.now.result == ServiceResult::resources);
    CHECK(other.give(StopAsked{}) == "stop");
    other.give(Ended{});
    CHECK(other.now.state == State::stopped);
}

TEST_CASE("accept: for the sake of another service all connections end, and it listens again, unless it has failed") {
    OneWorker w = accepting();
    CHECK(w.give(LetGo{}) == "stop");
    CHECK(w.now.state == State::stopping);
    CHECK(w.give(LetGo{}).empty());
    CHECK(w.give(Ended{}).empty());
    CHECK(w.now.state == State::idle);
    CHECK(w.now == begin(w.service));
    w.give_all(LetGo{}, StopAsked{}, Ended{}); // a stop by hand is for good
    CHECK(w.now.state == State::stopped);
    CHECK(w.give(LetGo{}).empty());
    OneWorker failed = accepting();
    failed.give(LimitHit{});
    CHECK(failed.give(LetGo{}) == "stop");
    failed.give(Ended{});
    CHECK(failed.now.state == State::stopped);
}

TEST_CASE("accept: who accepted for himself before a reload ends, and then it listens") {
    OneWorker w = worker(RestartPolicy::always);
    w.give_all(Traffic{}, Up{});
    w.service.accept = true;
    CHECK(w.give(RestartAsked{.overlap = true}) == "stop-for-restart");
    CHECK(w.give(Ended{ServiceResult::exit_code, code(1)}) == "start");
    w.give(Up{});
    CHECK(w.now.state == State::idle);
    OneWorker ended = worker(RestartPolicy::always);
    ended.give_all(Traffic{}, Up{});
    ended.service.accept = true;
    CHECK(ended.give(Ended{ServiceResult::exit_code, code(1)}).empty()); // before it was asked
    CHECK(ended.now.state == State::idle);
}

TEST_CASE("accept: nothing ever leads to running, to a successor or to a back-off") {
    const std::array<Event, 13> events{Traffic{},          LimitHit{},  StartAsked{}, StopAsked{}, LetGo{},
                                       RestartAsked{},     RestartAsked{true}, IdleFound{},  Up{},
                                       Ended{ServiceResult::exit_code, code(1)}, SuccessorUp{}, OpenFailed{}, TimerFired{}};
    std::vector<Lifecycle> seen{begin(accepting().service)};
    for (std::size_t i = 0; i < seen.size(); ++i)
        for (const Event& event : events) {
            OneWorker w = accepting();
            w.now = seen[i];
            w.give(event);
            const State state = w.now.state;
            REQUIRE(state != State::running);
            REQUIRE(state != State::backoff);
            REQUIRE(state != State::paused);
            REQUIRE_FALSE(w.now.successor);
            REQUIRE_FALSE(w.now.timer);
            REQUIRE(w.now.instance == (state == State::starting || state == State::stopping));
            if (std::find(seen.begin(), seen.end(), w.now) == seen.end()) seen.push_back(w.now);
        }
    CHECK(seen.size() > 5);
    CHECK(seen.size() < 100);
}
