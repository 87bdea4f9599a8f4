#include "classify/limits.h"
#include "random_rules.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

/// The bucket of the textbook: tokens, and a clock that adds some.
class PlainBucket {
public:
    PlainBucket(std::uint64_t interval, std::uint64_t tokens) : interval_(interval), full_(interval * tokens), filled_(full_) {}
    bool take(std::uint64_t now) {
        filled_ = std::min(full_, filled_ + (now - last_));
        last_ = now;
        if (filled_ < interval_) return false;
        filled_ -= interval_;
        return true;
    }

private:
    std::uint64_t interval_, full_, filled_, last_ = 0; // in nanoseconds of inflow
};

Service service_with(ConnectionRate all, ConnectionRate source = {}) {
    Service service;
    service.listeners.resize(1);
    service.listeners[0].connection_rate = all;
    service.listeners[0].source_rate = source;
    return service;
}

dispatch_limit limit_of(const Service& service) { return limit_for(service, service.listeners[0], 7); }

} // namespace

TEST_CASE("limits: the one-number bucket lets in exactly who a plain token bucket lets in") {
    for (std::uint64_t seed = test::first_seed(), end = seed + 2000; seed < end; ++seed) {
        CAPTURE(seed); // run with SWATHE_SEED=<seed> to begin there
        std::mt19937_64 random(seed);
        const std::uint64_t interval = 1 + random() % (seed % 2 == 0 ? 20 : 2'000'000'000), tokens = 1 + random() % 30;
        PlainBucket plain(interval, tokens);
        __u64 arrival = 0;
        std::uint64_t now = random() % 1'000'000'000'000, taken = 0;
        for (int i = 0; i < 300; ++i) {
            const bool expected = plain.take(now);
            REQUIRE((bucket_take(&arrival, now, interval, interval * tokens) != 0) == expected);
            taken += expected;
            now += random() % 3 == 0 ? 0 : random() % (random() % 20 == 0 ? interval * tokens * 2 : interval + 1);
        }
        CHECK(taken >= tokens);
    }
}

TEST_CASE("limits: a bucket holds its burst, then one more for each interval, to the nanosecond") {
    __u64 arrival = 0;
    const std::uint64_t begin = 5'000'000'000;
    for (int i = 0; i < 3; ++i) CHECK(bucket_take(&arrival, begin, 100, 300) == 1);
    CHECK(bucket_take(&arrival, begin, 100, 300) == 0);
    CHECK(bucket_take(&arrival, begin + 99, 100, 300) == 0);
    CHECK(bucket_take(&arrival, begin + 100, 100, 300) == 1);
    CHECK(bucket_take(&arrival, begin + 100, 100, 300) == 0);
    CHECK(arrival == begin + 400); // who is refused takes nothing
}

TEST_CASE("limits: a bucket that was deeper before a reload is empty after it, and not in debt") {
    __u64 arrival = 1'000'000'000'000; // an hour's worth of debt
    CHECK(bucket_take(&arrival, 1000, 100, 300) == 0);
    CHECK(arrival == 1300);
    CHECK(bucket_take(&arrival, 1100, 100, 300) == 1);
}

TEST_CASE("limits: a rate becomes an interval and a depth, and its burst is the count unless it is said") {
    using std::chrono::seconds;
    struct Case { ConnectionRate rate; std::uint64_t interval, depth; };
    const Case cases[] = {
        {{0, seconds(1), 5}, 0, 0},                         // no limit
        {{10, seconds(1), 0}, 100'000'000, 1'000'000'000},
        {{10, seconds(1), 3}, 100'000'000, 300'000'000},
        {{1, seconds(60), 1}, 60'000'000'000, 60'000'000'000},
        {{3, seconds(1), 3}, 333'333'333, 999'999'999},
        {{4'000'000'000, Duration(1), 1}, 1, 1},            // more than there are nanoseconds
        {{1, kInfinity, 4'000'000'000}, 2'305'843'009'213'693'000, std::uint64_t{1} << 61}, // cut, so that no sum overflows
    };
    for (const Case& c : cases) {
        CAPTURE(c.rate.count);
        const dispatch_limit limit = limit_of(service_with(c.rate, c.rate));
        CHECK(limit.all.interval == c.interval);
        CHECK(limit.all.depth == c.depth);
        CHECK(limit.one_source.interval == c.interval);
    }
}

TEST_CASE("limits: the prefix length says which bits of an address are its source") {
    struct Case { std::uint8_t ipv4, ipv6; std::uint64_t mask4, hi, lo; };
    const Case cases[] = {
        {32, 128, 0xffffffff, ~0ULL, ~0ULL},   {24, 64, 0xffffff00, ~0ULL, 0}, {1, 1, 0x80000000, 1ULL << 63, 0},
        {31, 65, 0xfffffffe, ~0ULL, 1ULL << 63}, {8, 48, 0xff000000, ~0xffffULL, 0},
    };
    for (const Case& c : cases) {
        Service service = service_with({1});
        service.source_prefix_ipv4 = c.ipv4;
        service.source_prefix_ipv6 = c.ipv6;
        const dispatch_limit limit = limit_of(service);
        CHECK(limit.limiter == 7);
        CHECK(limit.mask4 == c.mask4);
        CHECK(limit.mask6_hi == c.hi);
        CHECK(limit.mask6_lo == c.lo);
    }
}

TEST_CASE("limits: a listener has limits for a rate, and for a number that drops") {
    Service service = service_with({});
    CHECK_FALSE(has_limits(service, service.listeners[0]));
    CHECK(has_limits(service_with({1}), service_with({1}).listeners[0]));
    CHECK(has_limits(service_with({}, {1}), service_with({}, {1}).listeners[0]));
    service.max_connections_hit = OverLimit::drop;
    CHECK_FALSE(has_limits(service, service.listeners[0])); // nobody is counted
    service.accept = true;
    CHECK(has_limits(service, service.listeners[0]));
    CHECK(limit_of(service).blocks == 0);
    service.max_connections.reset();
    CHECK_FALSE(has_limits(service, service.listeners[0]));
    service.max_connections_per_source = 2;
    CHECK_FALSE(has_limits(service, service.listeners[0]));
    service.max_connections_per_source_hit = OverLimit::drop;
    CHECK(limit_of(service).blocks == 1);
}

TEST_CASE("limits: all rules of a listener share one limit, and those of others have none") {
    test::RandomRules world(1, false, 1); // listener 1 has a rate
    world.rules.port_sets = {{{80, 80}}};
    world.rules.homes.clear();
    Endpoint& said = world.config.services[1].listeners[0].endpoints.emplace_back();
    said.addresses.push_back({parse_address_range("192.0.2.0/24").value(), {}});
    const auto add = [&](const char* prefix, std::uint32_t service) {
        Rule rule;
        rule.destination = parse_prefix(prefix).value();
        rule.target = {Verdict::steer, {service, 0}};
        world.rules.rules.push_back(rule);
    };
    add("192.0.2.0/24", 1);
    add("198.51.100.0/24", 1);
    add("2001:db8::/32", 1);
    add("203.0.113.0/24", 2);
    CompileInput input = world.input();
    input.limiter_of = [](ListenerRef ref) { return 100 + ref.service; };
    const Tables tables = compile(input).value();
    REQUIRE(tables.limits.size() == 2);
    CHECK(tables.limits[1].limiter == 101);
    std::uint32_t limited = 0, others = 0;
    for (const dispatch_choice& choice : tables.choices)
        if (choice.kind == DISPATCH_STEER) ++(choice.map.count == 1 ? limited : others);
    CHECK(limited == 2); // one for each family
    CHECK(others == 1);
    CHECK(compile(world.input()).value().limits[1].limiter == 2); // else the slot of the first family
}
