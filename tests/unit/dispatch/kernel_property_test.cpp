#include "dispatch/dispatcher.h"

#include "many_rules.h"
#include "random_rules.h"
#include "rules_for_test.h"
#include "sandbox.h"

#include <doctest/doctest.h>

using namespace swathe;

TEST_CASE("dispatch: the kernel decides as the tables and as the rules read one by one") {
    (void)test::Sandbox::instance();
    for (std::uint64_t seed = test::first_seed(), end = seed + 150; seed < end; ++seed) {
        CAPTURE(seed); // run with SWATHE_SEED=<seed> to begin there
        test::RandomRules world(seed, seed % 4 != 0, seed % 5 == 0 ? 600 : 14);
        world.config.daemon.rule_counters = seed % 3 == 0;
        world.remove_conflicts();
        const auto tables = compile(world.input());
        REQUIRE(tables.has_value());
        std::vector<Flow> flows;
        for (int i = 0; i < 300; ++i) flows.push_back(world.flow());

        const auto kernel = ask_kernel(*tables, flows);
        if (!kernel) FAIL(kernel.error().to_string());
        for (std::size_t i = 0; i < flows.size(); ++i) {
            const Decision expected = decide_by_rules(world.rules, flows[i], test::RandomRules::interface_index);
            const Decision walked = decide(*tables, flows[i]);
            CAPTURE(flows[i].local.to_string());
            CAPTURE(flows[i].remote.to_string());
            CAPTURE(flows[i].ifindex);
            REQUIRE((*kernel)[i].verdict == expected.verdict);
            REQUIRE((*kernel)[i].rule == expected.rule);
            REQUIRE((*kernel)[i].slot == walked.slot);
        }
    }
}

TEST_CASE("dispatch: a hundred thousand rules decide a million packets in the kernel as the tables do") {
    (void)test::Sandbox::instance();
    constexpr RuleId kRules = 100'000, kPacketsEach = 10;
    const std::uint64_t seed = test::first_seed();
    CAPTURE(seed);
    test::ManyRules world(seed, kRules);
    const auto tables = compile(world.input());
    REQUIRE(tables.has_value());
    Dispatcher dispatcher = Dispatcher::create({}).value();
    REQUIRE(dispatcher.publish(*tables).has_value());
    std::uint32_t by_rule = 0;
    for (RuleId i = 0; i < kRules * kPacketsEach; ++i) {
        const Flow flow = world.flow_near(i / kPacketsEach);
        const Decision expected = decide(*tables, flow);
        const auto asked = dispatcher.test_run(flow);
        if (!asked) FAIL(asked.error().to_string());
        if (asked->verdict != expected.verdict || asked->rule != expected.rule || asked->slot != expected.slot)
            FAIL(flow.local.to_string(), " from ", flow.remote.to_string(), " by ", flow.ifindex);
        if (expected.rule) ++by_rule;
    }
    CHECK(by_rule > kRules * kPacketsEach / 2);
}

TEST_CASE("dispatch: keys far below and far above a dense index are outside of it") {
    (void)test::Sandbox::instance();
    struct Case { U128 first, apart, far; const char* above = nullptr; }; // twenty hosts, and by how far the packets miss them
    const Case cases[] = {
        {{0x20010db800000000ULL, 1}, {0, 2}, {1, 0}},           // index over the low bits; the high half differs
        {{0x20010db800000000ULL, 1}, {0, 1ULL << 50}, {1, 0}},
        {{0x20010db800000000ULL, 0}, {2, 0}, {1ULL << 32, 0}},  // index over the high half
        {{0x20010db800000000ULL, 0}, {0x10, 1ULL << 63}, {1ULL << 40, 0}},
        {{0xffffffffffffffefULL, ~63ULL}, {0, 2}, {0xf, 0}, "ffff:ffff:ffff:fff0::/60"}, // what lies above is someone's
    };
    for (const Case& c : cases) {
        test::HandRules rules;
        const std::uint32_t listener = rules.listener(0);
        if (c.above != nullptr) rules.steer(c.above, {80, 80}, rules.listener(1));
        std::vector<Flow> flows;
        U128 at = c.first;
        for (int i = 0; i < 20; ++i) {
            const Address host{Family::ipv6, at};
            rules.steer((host.to_string() + "/128").c_str(), {80, 80}, listener);
            for (const U128 bits : {at, at.next(), at.previous(), U128{at.hi + c.far.hi, at.lo}, U128{at.hi - c.far.hi, at.lo}}) {
                Flow flow;
                flow.local = {{Family::ipv6, bits}, 80};
                flow.remote.address = Address::any(Family::ipv6);
                flows.push_back(flow);
            }
            at = {at.hi + c.apart.hi + (at.lo + c.apart.lo < at.lo ? 1 : 0), at.lo + c.apart.lo};
        }
        const Tables tables = rules.tables();
        REQUIRE(tables.bounds.levels > 0);
        const auto kernel = ask_kernel(tables, flows);
        REQUIRE(kernel.has_value());
        for (std::size_t i = 0; i < flows.size(); ++i) {
            CAPTURE(flows[i].local.to_string());
            const Decision expected = decide_by_rules(rules.rules, flows[i], [](const std::string&) { return 0U; });
            CHECK(decide(tables, flows[i]).verdict == expected.verdict);
            CHECK((*kernel)[i].verdict == expected.verdict);
            CHECK((*kernel)[i].rule == expected.rule);
        }
    }
}
