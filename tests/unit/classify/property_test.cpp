#include "many_rules.h"
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
        REQUIRE(found.blocked == expected.blocked);
        if (expected.verdict == Verdict::steer)
            REQUIRE(found.slot == test::RandomRules::slot_of(world.rules.rules[*expected.rule].target.listener, flow.local.address.family));
    }
}

/// Who decided how many packets: a test that is about few of them only would show little.
struct Tally {
    std::uint32_t steered = 0, blocked = 0, dropped = 0, passed = 0, homes = 0, nobody = 0, contested = 0;
    void add(const Decision& d) {
        if (!d.others.empty()) ++contested;
        if (!d.rule) return void(++(d.verdict == Verdict::drop ? homes : nobody));
        if (d.blocked) return void(++blocked);
        ++(d.verdict == Verdict::steer ? steered : d.verdict == Verdict::drop ? dropped : passed);
    }
};

std::string to_text(const Flow& flow) {
    return std::string(to_string(flow.protocol)) + ' ' + flow.local.to_string() + " from " + flow.remote.address.to_string() + " by " +
           std::to_string(flow.ifindex);
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

TEST_CASE("classify: finding the rules by their prefixes finds all that match, in order") {
    for (std::uint64_t seed = test::first_seed(), end = seed + 40; seed < end; ++seed) {
        CAPTURE(seed);
        test::ManyRules world(seed, 300);
        const test::ByPrefix by_prefix(world.rules);
        for (RuleId id = 0; id < world.rules.rules.size(); ++id) {
            const Flow flow = world.flow_near(id);
            CAPTURE(to_text(flow));
            const Decision expected = decide_by_rules(world.rules, flow, test::ManyRules::interface_index);
            const Decision found = by_prefix.decide(world.rules, flow, test::ManyRules::interface_index);
            REQUIRE(found.verdict == expected.verdict);
            REQUIRE(found.rule == expected.rule);
            REQUIRE(found.others == expected.others);
        }
    }
}

TEST_CASE("classify: a hundred thousand rules decide a million packets as the rules themselves do") {
    constexpr RuleId kRules = 100'000, kPacketsEach = 10, kPackets = kRules * kPacketsEach, kPacketsReadOneByOne = 200;
    const std::uint64_t seed = test::first_seed();
    CAPTURE(seed);
    test::ManyRules world(seed, kRules);
    const auto tables = compile(world.input());
    REQUIRE(tables.has_value());
    CHECK(tables->guarded);
    const test::ByPrefix by_prefix(world.rules);
    Tally tally;
    for (RuleId i = 0; i < kPackets; ++i) {
        const Flow flow = world.flow_near(i / kPacketsEach);
        const Decision expected = by_prefix.decide(world.rules, flow, test::ManyRules::interface_index);
        const Decision found = decide(*tables, flow);
        const auto slot_of = [&](RuleId id) {
            return test::ManyRules::slot_of(world.rules.rules[id].target.listener, flow.local.address.family);
        };
        const bool same_slot = expected.verdict != Verdict::steer || found.slot == slot_of(*expected.rule);
        if (found.verdict != expected.verdict || found.blocked != expected.blocked || found.rule != expected.rule || !same_slot)
            FAIL(to_text(flow));
        if (i < kPacketsReadOneByOne)
            if (decide_by_rules(world.rules, flow, test::ManyRules::interface_index).rule != expected.rule) FAIL(to_text(flow));
        tally.add(expected);
    }
    CHECK(tally.steered > kPackets / 3);
    CHECK(tally.nobody > kPackets / 50);
    CHECK(tally.dropped > kPackets / 50);
    CHECK(tally.blocked > kPackets / 500);
    CHECK(tally.passed > kPackets / 50);
    CHECK(tally.homes > kPackets / 5000);
    CHECK(tally.contested > kPackets / 5);
}
