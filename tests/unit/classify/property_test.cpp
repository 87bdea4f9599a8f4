#include "random_rules.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

void compare(test::RandomRules& world, int packets, bool counting = false) {
    world.config.daemon.rule_counters = counting;
    world.remove_conflicts();
    const auto tables = compile(world.input());
    REQUIRE(tables.has_value());
    for (int i = 0; i < packets; ++i) {
        const Flow flow = world.flow();
        const Decision expected = decide_by_rules(world.rules, flow, test::RandomRules::interface_index);
        const Decision found = decide(*tables, flow);
        CAPTURE(flow.local.to_string());
        CAPTURE(flow.remote.to_string());
        CAPTURE(flow.ifindex);
        CAPTURE(to_string(flow.protocol));
        REQUIRE(found.verdict == expected.verdict);
        REQUIRE(found.rule == expected.rule);
        if (expected.verdict == Verdict::steer)
            REQUIRE(found.slot == test::RandomRules::slot_of(world.rules.rules[*expected.rule].target.listener, flow.local.address.family));
    }
}

} // namespace

TEST_CASE("classify: the tables decide as the rules read one by one") {
    for (std::uint64_t seed = test::first_seed(), end = seed + 4000; seed < end; ++seed) {
        CAPTURE(seed); // run with SWATHE_SEED=<seed> to begin there
        test::RandomRules world(seed, seed % 4 != 0);
        compare(world, 60);
    }
}

TEST_CASE("classify: so they do when rules are counted, and each choice names its rule") {
    for (std::uint64_t seed = test::first_seed(), end = seed + 1000; seed < end; ++seed) {
        CAPTURE(seed);
        test::RandomRules world(seed, seed % 4 != 0, seed % 50 == 0 ? 600 : 14);
        compare(world, 60, true);
    }
}

TEST_CASE("classify: so they do when the rules are many") {
    for (std::uint64_t seed = test::first_seed(), end = seed + 60; seed < end; ++seed) {
        CAPTURE(seed);
        test::RandomRules world(seed, seed % 2 == 0, 600);
        compare(world, 500);
    }
}
