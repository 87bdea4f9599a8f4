#include "dispatch/dispatcher.h"

#include "random_rules.h"
#include "sandbox.h"

#include <doctest/doctest.h>

using namespace swathe;

TEST_CASE("dispatch: the kernel decides as the tables and as the rules read one by one") {
    (void)test::Sandbox::instance();
    for (std::uint64_t seed = test::first_seed(), end = seed + 150; seed < end; ++seed) {
        CAPTURE(seed); // run with SWATHE_SEED=<seed> to begin there
        test::RandomRules world(seed, seed % 4 != 0);
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
