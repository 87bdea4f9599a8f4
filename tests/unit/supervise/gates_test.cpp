#include "supervise/gates.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

using Texts = std::vector<std::string>;

/// A door with its gates, which write down what they tell the kernel.
struct House {
    ConnectionContext limits;
    Door door;
    Texts told;
    Gates gates{{[this](bool closed) { told.push_back(closed ? "close" : "open"); },
                 [this](const Prefix& source, bool blocked) { told.push_back((blocked ? "block " : "unblock ") + source.to_string()); }}};

    static SourceKey key(const char* address) {
        const Address parsed = parse_address(address).value();
        return {parsed.family == Family::ipv4 ? SourceKey::Kind::ipv4 : SourceKey::Kind::ipv6, parsed.bits};
    }
    void enter(const SourceKey& source) {
        door.enter(source);
        gates.follow(limits, door, source);
    }
    void leave(const SourceKey& source) {
        door.leave(source);
        gates.follow(limits, door, source);
    }
    Texts take() { return std::exchange(told, {}); }
};

} // namespace

TEST_CASE("gates: the kernel is told when the last place is taken and when one is free again, and not in between") {
    House house;
    house.limits.max_connections = 2;
    house.limits.max_connections_hit = OverLimit::drop;
    const SourceKey one = House::key("192.0.2.1"), two = House::key("192.0.2.2");
    house.enter(one);
    CHECK(house.take().empty());
    house.enter(two);
    CHECK(house.take() == Texts{"close"});
    house.enter(one); // it came at the same moment, and was let in
    house.leave(one);
    CHECK(house.take().empty());
    house.leave(two);
    CHECK(house.take() == Texts{"open"});
}

TEST_CASE("gates: one source is shut out by its prefix, as long as the service says, and the others are not") {
    House house;
    house.limits.max_connections_per_source = 2;
    house.limits.max_connections_per_source_hit = OverLimit::drop;
    house.limits.source_prefix_ipv4 = 24;
    const SourceKey v4 = House::key("192.0.2.0"), v6 = House::key("2001:db8::");
    for (const SourceKey& source : {v4, v6, v4, v6}) house.enter(source);
    CHECK(house.take() == Texts{"block 192.0.2.0/24", "block 2001:db8::/64"});
    house.leave(v4);
    CHECK(house.take() == Texts{"unblock 192.0.2.0/24"});
    house.leave(v4);
    CHECK(house.take().empty());
}

TEST_CASE("gates: limits that do not drop are the door's alone, and so are users of UNIX sockets") {
    House house;
    house.limits.max_connections = house.limits.max_connections_per_source = 1;
    house.enter(House::key("192.0.2.1"));
    house.limits.max_connections_per_source_hit = OverLimit::drop;
    house.enter({SourceKey::Kind::user, {0, 1000}});
    CHECK(house.take().empty());
}

TEST_CASE("gates: after a reload all are open, and shut again by who is inside") {
    House house;
    house.limits.max_connections = 1;
    house.limits.max_connections_hit = OverLimit::drop;
    house.limits.max_connections_per_source = 1;
    house.limits.max_connections_per_source_hit = OverLimit::drop;
    house.enter(House::key("192.0.2.1"));
    CHECK(house.take() == Texts{"close", "block 192.0.2.1/32"});
    house.gates.open();
    CHECK(house.take() == Texts{"open", "unblock 192.0.2.1/32"});
    house.gates.open();
    CHECK(house.take().empty());

    house.limits.max_connections = 5;
    house.limits.source_prefix_ipv4 = 16;
    house.door.forget();
    house.enter(House::key("192.0.0.0"));
    CHECK(house.take() == Texts{"block 192.0.0.0/16"});
}
