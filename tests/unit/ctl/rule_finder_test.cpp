#include "supervise/rule_finder.h"

#include <cstdlib>
#include <random>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

std::uint32_t index_of(const std::string& name) { return name == "eth0" ? 7 : 0; }

class Dice {
public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(engine_() % n); }

private:
    std::mt19937_64 engine_;
};

/// Few addresses, so that prefixes nest and equal ones meet.
Address some_address(Dice& dice, Family family) {
    if (family == Family::ipv4) return Address::v4(0xc0000200U | dice.below(16));
    return {Family::ipv6, {0x20010db8ULL << 32, dice.below(16)}};
}

Prefix some_prefix(Dice& dice, Family family) {
    const unsigned width = width_of(family);
    return prefix_of(some_address(dice, family), dice.below(8) == 0 ? 0 : width - dice.below(6));
}

RuleSet some_rules(Dice& dice) {
    RuleSet rules;
    rules.port_sets = {{PortRange::all()}, {{80, 80}, {443, 443}}, {{80, 99}}, {{90, 65535}}};
    rules.source_sets = {{}, {prefix_of(Address::v4(0xcb007100U), 24)}, {prefix_of(Address::v4(0), 0)}};
    rules.interfaces = {"", "eth0", "eth1"};
    rules.hole_sets = {{}, {{prefix_of(Address::v4(0xc0000204U), 30), {{80, 80}}}}};
    for (std::uint32_t n = dice.below(60); n > 0; --n) {
        Rule rule;
        rule.protocol = dice.below(2) == 0 ? Protocol::tcp : Protocol::udp;
        rule.destination = some_prefix(dice, dice.below(3) == 0 ? Family::ipv6 : Family::ipv4);
        rule.ports = dice.below(4);
        rule.sources = dice.below(3);
        rule.ifname = dice.below(3);
        rule.holes = dice.below(2);
        rule.target.verdict = static_cast<Verdict>(dice.below(3));
        rules.rules.push_back(rule);
    }
    return rules;
}

/// As compile() fills it, but for rules that conflict, too.
RuleIndex index_over(const RuleSet& rules) {
    RuleIndex index(rules);
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        for (const Family family : {Family::ipv4, Family::ipv6}) index.add(plane_of(rules, index, family, protocol));
    return index;
}

Flow some_flow(Dice& dice) {
    const Family family = dice.below(3) == 0 ? Family::ipv6 : Family::ipv4;
    static constexpr std::uint16_t kPorts[] = {1, 80, 81, 90, 99, 100, 443, 65535};
    Flow flow;
    flow.protocol = dice.below(2) == 0 ? Protocol::tcp : Protocol::udp;
    flow.local = {some_address(dice, family), kPorts[dice.below(8)]};
    flow.remote = {family == Family::ipv4 ? Address::v4(0xcb007100U + dice.below(512)) : Address::any(family), 1};
    flow.ifindex = dice.below(2) * 7;
    return flow;
}

} // namespace

TEST_CASE("rule finder: finds what the oracle finds by reading every rule") {
    const char* given = std::getenv("SWATHE_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    MESSAGE("SWATHE_SEED=", seed);
    Dice dice(seed);
    std::size_t found = 0;
    for (int round = 0; round < 300; ++round) {
        const RuleSet rules = some_rules(dice);
        const RuleIndex index = index_over(rules);
        for (int i = 0; i < 50; ++i) {
            const Flow flow = some_flow(dice);
            const Decision oracle = decide_by_rules(rules, flow, index_of);
            std::vector<RuleId> expected;
            if (oracle.rule) expected.push_back(*oracle.rule);
            expected.insert(expected.end(), oracle.others.begin(), oracle.others.end());
            CAPTURE(round);
            CAPTURE(flow.local.to_string());
            REQUIRE(matching_rules(rules, index, flow, index_of) == expected);
            found += expected.size();
        }
    }
    CHECK(found > 1000); // it compared something
}
