#include "supervise/flow_idle.h"

#include <doctest/doctest.h>

using namespace swathe;
using std::chrono::seconds;

namespace {

constexpr Duration kLimit = seconds(60);
constexpr std::int64_t kSecond_ns = 1'000'000'000;
constexpr std::int64_t kRealtime_ns = 1'700'000'000 * kSecond_ns; ///< when the flow began

Monotonic at(int second) { return Monotonic{} + std::chrono::hours(1) + seconds(second); }
std::int64_t realtime(int second) { return kRealtime_ns + second * kSecond_ns; }
BothClocks both(int second) { return {at(second), realtime(second)}; }

FlowActivity read(int second) { return {realtime(second), 0, 0, true}; } ///< the datagram that had come then, and all before
FlowActivity unread(std::uint32_t bytes, std::uint32_t dropped = 0) { return {0, bytes, dropped, true}; }

FlowIdle begun() { return begin_flow_idle(kLimit, unread(768), both(0)); }
bool look_at(FlowIdle& idle, const FlowActivity& signs, int second) { return look(idle, kLimit, signs, both(second)); }

} // namespace

TEST_CASE("flow idle: a flow without any further datagram ends after the time, counted from its beginning") {
    FlowIdle idle = begun();
    CHECK(idle.look_at == at(60));
    CHECK_FALSE(look_at(idle, unread(768), 59));
    CHECK(idle.look_at == at(60));
    CHECK(look_at(idle, unread(768), 60)); // although the program has not read the first one
}

TEST_CASE("flow idle: the time counts from the arrival of the last datagram that was read") {
    FlowIdle idle = begun();
    CHECK_FALSE(look_at(idle, read(45), 60));
    CHECK(idle.look_at == at(105));
    CHECK_FALSE(look_at(idle, read(45), 104));
    CHECK(look_at(idle, read(45), 105));
}

TEST_CASE("flow idle: datagrams that the program leaves unread, or that find no room, are signs of life") {
    FlowIdle idle = begun();
    CHECK_FALSE(look_at(idle, unread(1536), 60));
    CHECK(idle.look_at == at(120));
    CHECK_FALSE(look_at(idle, unread(1536, 1), 120));
    CHECK(idle.look_at == at(180));
    CHECK(look_at(idle, unread(1536, 1), 180)); // but not for ever
}

TEST_CASE("flow idle: what was read before the last one known of is none") {
    FlowIdle idle = begun();
    CHECK(look_at(idle, read(-5), 60)); // the first datagram had come before there was an instance
}

TEST_CASE("flow idle: a step of the clock neither ends a flow that had a datagram nor keeps one for longer than twice the time") {
    for (const int step : {-100'000, 100'000}) {
        FlowIdle idle = begun();
        CHECK_FALSE(look(idle, kLimit, read(50), {at(60), realtime(60 + step)})); // it was before the step
        CHECK(idle.look_at == at(120));
        CHECK_FALSE(look(idle, kLimit, read(100 + step), {at(120), realtime(120 + step)})); // and this was after it
        CHECK(idle.look_at == at(160));
        CHECK(look(idle, kLimit, read(100 + step), {at(160), realtime(160 + step)}));
    }
}

TEST_CASE("flow idle: of a program that stamps datagrams itself nothing is known, so it is never idle") {
    FlowIdle idle = begin_flow_idle(kLimit, {}, both(0));
    for (int second = 60; second < 600; second += 60) CHECK_FALSE(look_at(idle, {0, 0, 0, false}, second));
}

TEST_CASE("flow idle: infinity is never") {
    const FlowIdle idle = begin_flow_idle(kInfinity, {}, both(0));
    CHECK(idle.look_at == Monotonic::max());
}
