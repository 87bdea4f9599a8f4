#include "dispatch/dispatcher.h"
#include "sandbox.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

struct World {
    RuleSet rules;
    Config config;
    World() {
        rules.source_sets.emplace_back();
        rules.interfaces.emplace_back();
        rules.hole_sets.emplace_back();
    }
    std::uint32_t listener() {
        config.services.resize(1);
        config.services[0].name = "s";
        config.services[0].listeners.emplace_back().name = std::to_string(config.services[0].listeners.size());
        return static_cast<std::uint32_t>(config.services[0].listeners.size() - 1);
    }
    [[nodiscard]] CompileInput input() const {
        return {rules, config, [](ListenerRef l, Family) { return l.listener; },
                [](const std::string& name) { return static_cast<std::uint32_t>(std::stoul(name)); }};
    }
};

/// The deepest nest of prefixes, each guarded in many ways.
Tables deep_nest() {
    World world;
    // port sets that make long lists, sources that make long searches, and interfaces
    for (std::uint32_t width = 1; width <= 12; ++width) {
        std::vector<PortRange> ports;
        for (std::uint32_t first = 1; first + width < 65535; first += 8000)
            ports.push_back({static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(first + width - 1)});
        world.rules.port_sets.push_back(ports);
    }
    std::vector<Prefix> sources;
    for (std::uint64_t i = 0; i < 3000; ++i)
        sources.push_back(Prefix::host({Family::ipv6, {0x20010db800000000ULL + i * i * i * 977, i * i}}));
    world.rules.source_sets.push_back(sources);
    for (std::uint32_t i = 1; i <= 20; ++i) world.rules.interfaces.push_back(std::to_string(i));
    const Address deep = parse_address("2001:db8::1").value();
    for (unsigned length = 0; length <= 128; ++length)
        for (std::uint32_t ports = 0; ports < 12; ++ports)
            for (std::uint32_t guard = 0; guard < 2; ++guard) {
                Rule rule;
                rule.destination = prefix_of(deep, length);
                rule.ports = ports;
                rule.sources = 1;
                rule.ifname = guard * (1 + ports);
                rule.target = {Verdict::steer, {0, world.listener()}};
                world.rules.rules.push_back(rule);
            }
    return compile(world.input()).value();
}

} // namespace

TEST_CASE("dispatch: whatever compile() lets through passes the verifier") {
    (void)test::Sandbox::instance();
    Tables tables = deep_nest();
    REQUIRE(tables.bounds.depth == 129);
    Flow flow;
    flow.local = {parse_address("2001:db8::1").value(), 1};
    flow.remote = {parse_address("2001:db9::1").value(), 1};
    const WalkBounds all[] = { // its own, and what other tables may have; no source matches, so that a shorter walk ends alike
        tables.bounds,         {6, 32, 129, kMaxLinks}, {6, 32, 5, kMaxLinks}, {6, 32, 4, kMaxLinks}, {6, 32, 1, kMaxLinks},
        {3, 3, 11, kMaxLinks}, {1, 3, 33, kMaxLinks},   {1, 3, 12, kMaxLinks}, {0, 3, 14, kMaxLinks}, {2, 3, 8, kMaxLinks},
    };
    for (const WalkBounds& bounds : all) {
        CAPTURE(bounds.levels);
        CAPTURE(bounds.depth);
        tables.bounds = bounds;
        const auto asked = ask_kernel(tables, {flow});
        if (!asked) FAIL(asked.error().to_string());
        CHECK((*asked)[0].verdict == Verdict::pass);
    }
}
