#include "supervise/idle.h"

#include <doctest/doctest.h>

#include <optional>
#include <random>

using namespace swathe;
using namespace std::chrono_literals;

namespace {

const Monotonic kStart = Monotonic{} + 1000h;

/// A service on virtual time: when packets came, and until when the last connection lasts.
struct World {
    std::vector<Monotonic> packets; ///< ascending
    Monotonic connected_until = kStart;
    Duration dump{}; ///< time that the answer takes
    int looks = 0, questions = 0;

    [[nodiscard]] IdleSigns signs(Monotonic now) const {
        IdleSigns signs;
        for (const Monotonic at : packets) signs.packets += at <= now;
        return signs;
    }

    /// When it stops; nothing: not before `end`.
    std::optional<Monotonic> run(Duration limit, Monotonic end) {
        Idle idle = begin_idle(limit, signs(kStart), kStart);
        for (Monotonic now = idle.look_at; now < end; now = idle.look_at) {
            ++looks;
            if (look(idle, signs(now), now) == IdleNext::wait) continue;
            REQUIRE(idle.look_at == Monotonic::max()); // no timer while an answer is awaited
            ++questions;
            const bool connections = now < connected_until;
            now += dump;
            if (answer(idle, connections, signs(now), now) == IdleNext::stop) return now;
        }
        return std::nullopt;
    }
};

} // namespace

TEST_CASE("idle: without any traffic it stops when the time has passed since the first look") {
    for (const Duration limit : {Duration(1ms), Duration(15ms), Duration(1s), Duration(10min)}) {
        World world;
        CHECK(world.run(limit, kStart + 1h) == kStart + std::min(limit, idle_step(limit)) + limit);
        CHECK(world.looks <= 5);
    }
}

TEST_CASE("idle: without a limit there is no timer at all") {
    CHECK(begin_idle(kInfinity, {}, kStart).look_at == Monotonic::max());
}

TEST_CASE("idle: the time counts from the last packet, and is over after at most half as much again") {
    World world;
    for (int i = 0; i < 50; ++i) world.packets.push_back(kStart + i * 700ms);
    const Monotonic last = world.packets.back();
    const Monotonic stopped = world.run(1s, kStart + 1h).value();
    CHECK(stopped >= last + 1s);
    CHECK(stopped <= last + 1500ms);
}

TEST_CASE("idle: one connection keeps it, however long it is silent, and the time counts from its end") {
    World world;
    world.connected_until = kStart + 24h + 90ms;
    const Monotonic stopped = world.run(1s, kStart + 48h).value();
    CHECK(stopped >= world.connected_until + 1s);
    CHECK(stopped <= world.connected_until + 1250ms);
    CHECK(world.looks <= 24 * 3600 * 4 + 10);
}

TEST_CASE("idle: what is busy is not asked for its connections") {
    World world;
    for (int i = 0; i < 1000; ++i) world.packets.push_back(kStart + i * 100ms);
    CHECK_FALSE(world.run(1s, kStart + 99s).has_value());
    CHECK(world.questions == 0);
}

TEST_CASE("idle: a connection that lasts beyond a look which had no need to ask for it is not forgotten") {
    World world;
    world.packets = {kStart + 100ms};
    world.connected_until = kStart + 499ms; // gone at the look after
    CHECK(world.run(1s, kStart + 1h).value() >= world.connected_until + 1s);
}

TEST_CASE("idle: what waits in a queue is a sign of life, and so is a counter that went backwards") {
    Idle idle = begin_idle(4s, {7, false}, kStart);
    CHECK(look(idle, {7, true}, kStart + 1s) == IdleNext::wait);
    CHECK(idle.quiet_since == kStart + 1s);
    CHECK(look(idle, {3, false}, kStart + 2s) == IdleNext::wait);
    CHECK(idle.quiet_since == kStart + 2s);
    CHECK(look(idle, {3, false}, kStart + 3s) == IdleNext::ask);
}

TEST_CASE("idle: a packet that comes while connections are asked for keeps it") {
    World world;
    world.dump = 100ms;
    world.packets = {kStart + 1s + 50ms}; // in the midst of the question that would have ended it
    const Monotonic stopped = world.run(1s, kStart + 1h).value();
    CHECK(stopped >= world.packets.back() + 1s);
    CHECK(stopped <= world.packets.back() + 1500ms + 3 * world.dump);
}

TEST_CASE("idle: whatever the traffic, never early, never more than half of it late, never more than one look in a quarter") {
    std::mt19937_64 random(4); // fixed: the same histories in every run
    for (int round = 0; round < 2000; ++round) {
        CAPTURE(round);
        World world;
        Monotonic at = kStart;
        for (std::uint64_t i = random() % 20; i > 0; --i) world.packets.push_back(at += Duration(random() % 3'000'000));
        world.connected_until = kStart + Duration(random() % 30'000'000);
        const Duration limit(100'000 + random() % 5'000'000);
        const Monotonic stopped = world.run(limit, kStart + 1h).value();

        const auto lively = [&](Monotonic from, Monotonic to) { // by the history itself
            if (from < world.connected_until) return true;
            for (const Monotonic packet : world.packets)
                if (packet > from && packet <= to) return true;
            return false;
        };
        CHECK_FALSE(lively(stopped - limit, stopped));
        const Duration longest = limit + 2 * idle_step(limit);
        CHECK(lively(stopped - longest - 1us, stopped)); // else it should have stopped before
        CHECK(world.looks <= (stopped - kStart) / idle_step(limit) + 1);
    }
}
