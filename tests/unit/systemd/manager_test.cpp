#include "fake_manager.h"

#include "systemd/manager.h"
#include "systemd/unit_properties.h"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace swathe;
using namespace std::chrono_literals;

namespace {

constexpr const char* kWebPath = "/org/freedesktop/systemd1/unit/web_2dfront_2esocket";
const std::string kWeb = "web-front.socket";

/// A manager, and all that it told.
struct World {
    Loop loop = std::move(*Loop::create());
    FakeManager fake{loop};
    std::size_t connected = 0;
    std::vector<std::string> lost;
    std::vector<std::pair<std::string, UnitMark>> changes;
    std::unique_ptr<Manager> manager;

    explicit World(pid_t pid = ::getpid()) {
        Manager::Events events;
        events.connected = [this] { ++connected; };
        events.lost = [this](const Error& why) { lost.push_back(why.to_string()); };
        events.changed = [this](const std::string& unit, const UnitMark& mark) { changes.emplace_back(unit, mark); };
        auto made = Manager::create(loop, {fake.socket(), pid, ::geteuid()}, std::move(events));
        REQUIRE(made);
        manager = std::move(*made);
    }

    template <class Done> bool run_until(Done done) {
        const Monotonic deadline = now() + 30s;
        while (!done() && now() < deadline)
            if (!loop.run_once(10ms)) return false;
        return done();
    }

    Result<Manager::Answer> ask() {
        std::optional<Result<Manager::Answer>> answer;
        manager->ask(kWeb, [&](Result<Manager::Answer> told) { answer = std::move(told); });
        REQUIRE(run_until([&] { return answer.has_value(); }));
        return std::move(*answer);
    }
};

} // namespace

TEST_CASE("manager: tells a unit's state and its IP sockets") {
    World world;
    world.fake.unit.listen = {{"Stream", "[::]:80"}, {"Datagram", "127.0.0.1:53"}, {"Stream", "/run/web"}, {"SequentialPacket", "80"}};
    world.manager->follow({kWeb});
    CHECK(world.connected == 1);
    const auto answer = world.ask();
    REQUIRE(answer);
    CHECK(answer->state.active_state == "active");
    CHECK(answer->state.sub_state == "listening");
    CHECK(answer->state.since_usec == 5);
    CHECK(answer->mark == UnitMark{"active", "listening", 1});
    REQUIRE(answer->state.sockets.size() == 2);
    CHECK(answer->state.sockets[0].address.to_string() == "[::]:80");
    CHECK(answer->state.sockets[1].protocol == Protocol::udp);
    CHECK(world.fake.asked == std::vector<std::string>{kWebPath});
}

TEST_CASE("manager: of a unit that is not there nothing more is asked") {
    World world;
    world.fake.unit.load_state = "not-found";
    world.fake.unit.active_state = "inactive";
    world.manager->follow({kWeb});
    const auto answer = world.ask();
    REQUIRE(answer);
    CHECK_FALSE(answer->state.is_there());
    CHECK(answer->state.sockets.empty());
}

TEST_CASE("manager: changes of followed units are told, by their interface of all units alone") {
    World world;
    world.manager->follow({kWeb});
    REQUIRE(world.ask());
    world.fake.unit.active_since = 2;
    world.fake.changed("/org/freedesktop/systemd1/unit/other_2esocket");
    world.fake.changed(kWebPath, "org.freedesktop.systemd1.Socket");
    world.fake.changed(kWebPath);
    REQUIRE(world.run_until([&] { return !world.changes.empty(); }));
    REQUIRE(world.ask());
    CHECK(world.changes.size() == 1);
    CHECK(world.changes.front() == std::pair(kWeb, UnitMark{"active", "listening", 2}));
}

TEST_CASE("manager: an answer that is not what was asked for is an error and ends nothing") {
    World world;
    world.manager->follow({kWeb});
    world.fake.talks_rot = true;
    const auto answer = world.ask();
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message == "what systemd says is not understood");
    world.fake.talks_rot = false;
    CHECK(world.ask());
    CHECK(world.lost.empty());
}

TEST_CASE("manager: a unit with more sockets than any has is not believed") {
    World world;
    world.manager->follow({kWeb});
    world.fake.unit.listen.assign(kMostUnitSockets, {"Stream", "127.0.0.1:80"});
    CHECK(world.ask());
    world.fake.unit.listen.emplace_back("Stream", "127.0.0.1:80");
    CHECK_FALSE(world.ask());
}

TEST_CASE("manager: who is not process 1 of root is not believed, and not asked") {
    World world(::getpid() + 1);
    world.manager->follow({kWeb});
    CHECK_FALSE(world.manager->is_connected());
    REQUIRE(world.lost.size() == 1);
    CHECK(world.lost.front().find("is not the service manager's: it belongs to pid " + std::to_string(::getpid())) != std::string::npos);
    CHECK(world.connected == 0);
}

TEST_CASE("manager: where there is none it says so once a call, and does not try by itself") {
    World world;
    world.fake.stop();
    world.manager->follow({kWeb});
    REQUIRE(world.lost.size() == 1);
    CHECK(world.lost.front().find("connect ") == 0);
    world.fake.listen();
    for (int i = 0; i < 30; ++i) REQUIRE(world.loop.run_once(10ms));
    CHECK(world.connected == 0);
    world.manager->follow({kWeb});
    CHECK(world.connected == 1);
    CHECK(world.ask());
}

TEST_CASE("manager: a connection that breaks is told once, and made again when there is somebody") {
    World world;
    world.manager->follow({kWeb});
    REQUIRE(world.ask());
    world.fake.stop();
    REQUIRE(world.run_until([&] { return !world.lost.empty(); }));
    CHECK_FALSE(world.manager->is_connected());
    for (int i = 0; i < 30; ++i) REQUIRE(world.loop.run_once(10ms)); // some attempts are in vain
    CHECK(world.lost.size() == 1);
    world.fake.listen();
    REQUIRE(world.run_until([&] { return world.connected == 2; }));
    CHECK(world.ask());
}

TEST_CASE("manager: nobody to follow, no connection") {
    World world;
    world.manager->follow({kWeb});
    REQUIRE(world.ask());
    bool told = false;
    world.fake.is_silent = true;
    world.manager->ask(kWeb, [&](const auto&) { told = true; });
    world.manager->follow({});
    CHECK_FALSE(world.manager->is_connected());
    for (int i = 0; i < 5; ++i) REQUIRE(world.loop.run_once(10ms));
    CHECK_FALSE(told);
    CHECK(world.lost.empty());
}
