#include "supervise/door.h"

#include <string>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

ConnectionEnds from(const std::string& address) {
    ConnectionEnds ends;
    ends.remote = {*parse_address(address), 1234};
    return ends;
}

ConnectionEnds from_user(uid_t uid) {
    ConnectionEnds ends;
    ends.kind = SocketKind::unix_stream;
    ends.uid = uid;
    return ends;
}

/// A door with somebody inside from each of these.
struct World {
    ConnectionContext limits;
    Door door;
    World() { limits.max_connections = std::nullopt; }
    void enter(const std::string& address) { door.enter(source_of(from(address), limits)); }
    void leave(const std::string& address) { door.leave(source_of(from(address), limits)); }
    [[nodiscard]] std::string ask(const std::string& address, const DoorFacts& facts = {}) const {
        const auto why = door.refuses(limits, source_of(from(address), limits), facts);
        return why ? key_of(*why) : "";
    }
};

} // namespace

TEST_CASE("door: a source is as many bits of an address as the service says") {
    struct Case {
        const char *a, *b;
        std::uint8_t v4, v6;
        bool same;
    };
    const Case cases[] = {
        {"192.0.2.1", "192.0.2.1", 32, 64, true},          {"192.0.2.1", "192.0.2.2", 32, 64, false},
        {"192.0.2.1", "192.0.2.254", 24, 64, true},        {"192.0.2.255", "192.0.3.0", 24, 64, false},
        {"10.0.0.1", "127.255.255.255", 1, 64, true},      {"10.0.0.1", "128.0.0.0", 1, 64, false},
        {"2001:db8::1", "2001:db8::ffff:0:0:1", 32, 64, true}, {"2001:db8::1", "2001:db8:0:1::1", 32, 64, false},
        {"2001:db8::1", "2001:db8::2", 32, 128, false},    {"2001:db8::1", "2001:db8::1", 32, 128, true},
        {"2001:db8::1", "3fff::1", 32, 1, true},           {"2001:db8::1", "8000::1", 32, 1, false},
        {"0.0.0.0", "::", 32, 128, false}, // families never mix
    };
    for (const Case& c : cases) {
        CAPTURE(c.a);
        CAPTURE(c.b);
        ConnectionContext limits;
        limits.source_prefix_ipv4 = c.v4;
        limits.source_prefix_ipv6 = c.v6;
        CHECK((source_of(from(c.a), limits) == source_of(from(c.b), limits)) == c.same);
    }
    const ConnectionContext limits;
    CHECK(source_of(from_user(7), limits) == source_of(from_user(7), limits));
    CHECK(source_of(from_user(7), limits) != source_of(from_user(8), limits));
    CHECK(source_of(from_user(0), limits) != source_of(from("0.0.0.0"), limits));
}

TEST_CASE("door: exactly max_connections are inside, and who leaves makes room for one") {
    World world;
    world.limits.max_connections = 2;
    world.enter("192.0.2.1");
    CHECK(world.ask("192.0.2.1").empty());
    world.enter("192.0.2.1");
    CHECK(world.ask("192.0.2.9") == "max_connections");
    world.leave("192.0.2.1");
    CHECK(world.ask("192.0.2.9").empty());
    world.limits.max_connections = std::nullopt;
    for (int i = 0; i < 1000; ++i) world.enter("192.0.2.1");
    CHECK(world.ask("192.0.2.1").empty());
    CHECK(world.door.inside() == 1001);
}

TEST_CASE("door: it is shut when it is full, if who comes is to wait") {
    World world;
    world.limits.max_connections = 1;
    world.enter("192.0.2.1");
    CHECK_FALSE(world.door.is_shut(world.limits));
    world.limits.max_connections_hit = OverLimit::queue;
    CHECK(world.door.is_shut(world.limits));
    world.leave("192.0.2.1");
    CHECK_FALSE(world.door.is_shut(world.limits));
    world.enter("192.0.2.1");
    world.limits.max_connections = std::nullopt;
    CHECK_FALSE(world.door.is_shut(world.limits));
}

TEST_CASE("door: one source has so many, whatever the others have") {
    World world;
    world.limits.max_connections_per_source = 2;
    world.limits.source_prefix_ipv4 = 24;
    world.enter("192.0.2.1");
    CHECK(world.ask("192.0.2.2").empty());
    world.enter("192.0.2.2");
    CHECK(world.ask("192.0.2.3") == "max_connections_per_source");
    CHECK(world.ask("192.0.3.3").empty());
    CHECK(world.door.most_of_a_source() == 2);
    world.enter("192.0.3.1");
    world.leave("192.0.2.1");
    CHECK(world.ask("192.0.2.3").empty());
    CHECK(world.door.most_of_a_source() == 1);
    world.leave("192.0.2.2");
    world.leave("192.0.3.1");
    CHECK(world.door.most_of_a_source() == 0);
    CHECK(world.door.inside() == 0);
    world.leave("192.0.2.1"); // nobody is there
    CHECK(world.door.inside() == 0);
}

TEST_CASE("door: nobody is served beyond max_load") {
    World world;
    world.limits.max_load = 2.5;
    CHECK(world.ask("192.0.2.1", {2.5, 0}).empty());
    CHECK(world.ask("192.0.2.1", {2.51, 0}) == "max_load");
    world.limits.max_load = std::nullopt;
    CHECK(world.ask("192.0.2.1", {1000, 0}).empty());
}

TEST_CASE("door: access_times hold from their first minute to the end of their last one") {
    const DayTimes day{8 * 60, 17 * 60 + 30}, night{22 * 60, 6 * 60 - 1}, minute{0, 0};
    struct Case {
        std::vector<DayTimes> times;
        unsigned at;
        bool open;
    };
    const Case cases[] = {
        {{}, 0, true},          {{day}, 8 * 60 - 1, false},     {{day}, 8 * 60, true},          {{day}, 17 * 60 + 30, true},
        {{day}, 17 * 60 + 31, false}, {{night}, 22 * 60, true}, {{night}, 23 * 60 + 59, true},  {{night}, 0, true},
        {{night}, 6 * 60 - 1, true},  {{night}, 6 * 60, false}, {{night}, 22 * 60 - 1, false},  {{minute}, 0, true},
        {{minute}, 1, false},         {{day, night}, 5, true},  {{day, night}, 20 * 60, false},
    };
    for (const Case& c : cases) {
        CAPTURE(c.at);
        CHECK(is_open_at(c.times, c.at) == c.open);
    }
    World world;
    world.limits.access_times = {day};
    CHECK(world.ask("192.0.2.1", {0, 7 * 60}) == "access_times");
    CHECK(world.ask("192.0.2.1", {0, 9 * 60}).empty());
}

TEST_CASE("door: nobody comes in while a condition is not met") {
    World world;
    CHECK(world.ask("192.0.2.1", {0, 0, true}) == "condition");
    CHECK(world.ask("192.0.2.1", {0, 0, false}).empty());
}
