#include "rule_shapes.h"

#include <algorithm>
#include <random>

namespace swathe::bench {
namespace {

constexpr std::uint32_t kMillion = 1'000'000;
const std::vector<PortRange> kOnePort{{443, 443}};
const std::vector<PortRange> kSomePorts{{80, 80}, {443, 443}, {8000, 8999}};

RuleSet empty_rules(std::vector<PortRange> ports) {
    RuleSet rules;
    rules.source_sets.emplace_back();
    rules.interfaces.emplace_back();
    rules.hole_sets.emplace_back();
    rules.port_sets.push_back(std::move(ports));
    return rules;
}

void add_rule(RuleSet& rules, Protocol protocol, const Prefix& destination, std::uint32_t ports = 0, std::uint32_t sources = 0) {
    Rule rule;
    rule.protocol = protocol;
    rule.destination = destination;
    rule.ports = ports;
    rule.sources = sources;
    rule.target = {Verdict::steer, {0, 0}};
    rules.rules.push_back(rule);
}

/// Hosts all over 10.0.0.0/8.
RuleSet hosts4(std::uint32_t count, Protocol protocol, const std::vector<PortRange>& ports) {
    RuleSet rules = empty_rules(ports);
    std::mt19937 random(4);
    for (std::uint32_t i = 0; i < count; ++i) add_rule(rules, protocol, Prefix::host(Address::v4(0x0a000000U | (random() & 0xffffffU))));
    return rules;
}

/// Networks of customers all over 2001:db8::/32.
RuleSet nets6(std::uint32_t count, Protocol protocol, const std::vector<PortRange>& ports) {
    RuleSet rules = empty_rules(ports);
    std::mt19937_64 random(6);
    for (std::uint32_t i = 0; i < count; ++i)
        add_rule(rules, protocol, prefix_of({Family::ipv6, {0x20010db800000000ULL | (random() >> 32), 0}}, 64));
    return rules;
}

/// Hosts in few networks far apart: no bits that all share, dense where they are.
RuleSet clusters6(std::uint32_t count, Protocol protocol, const std::vector<PortRange>& ports) {
    RuleSet rules = empty_rules(ports);
    std::mt19937_64 random(66);
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint64_t network = (i % 2 == 0 ? 0x20010db800010000ULL : 0xfd00000000000000ULL) + i % 16;
        add_rule(rules, protocol, Prefix::host({Family::ipv6, {network, random() & 0xffffff}}));
    }
    return rules;
}

template <auto make, const auto& ports> RuleSet with(std::uint32_t count, Protocol protocol) { return make(count, protocol, ports); }

/// One prefix with many ports.
RuleSet ports4(std::uint32_t count, Protocol protocol) {
    std::vector<PortRange> ports;
    for (std::uint32_t i = 0; i < count; ++i)
        ports.push_back({static_cast<std::uint16_t>(1 + 2 * i), static_cast<std::uint16_t>(1 + 2 * i)});
    RuleSet rules = empty_rules(std::move(ports));
    add_rule(rules, protocol, Prefix{Address::v4(0x0a000000U), 8});
    return rules;
}

/// One prefix whose rule has many sources; the packet comes from one of them.
RuleSet sources4(std::uint32_t count, Protocol protocol) {
    RuleSet rules = empty_rules(kSomePorts);
    rules.source_sets.emplace_back();
    std::mt19937 random(44);
    for (std::uint32_t i = 0; i < count; ++i)
        rules.source_sets.back().push_back(Prefix::host(Address::v4(static_cast<std::uint32_t>(random()))));
    add_rule(rules, protocol, Prefix{Address::v4(0x0a000000U), 8}, 0, 1);
    return rules;
}

/// Hosts without a guard, and one prefix elsewhere that has one: what the others pay for it.
RuleSet beside_guard4(std::uint32_t count, Protocol protocol) {
    RuleSet rules = empty_rules(kSomePorts);
    rules.source_sets.push_back({Prefix{Address::v4(0xcb007100U), 24}});
    add_rule(rules, protocol, Prefix{Address::v4(0x0b000000U), 8}, 0, 1);
    std::mt19937 random(4);
    for (std::uint32_t i = 0; i < count; ++i) add_rule(rules, protocol, Prefix::host(Address::v4(0x0a000000U | (random() & 0xffffffU))));
    return rules;
}

/// Prefixes one inside the other, all but the shortest with a port that is not asked for: the deepest chain of parents.
RuleSet nested(const Address& inside, std::uint32_t count, Protocol protocol) {
    RuleSet rules = empty_rules(kOnePort);
    rules.port_sets.push_back({{9, 9}});
    for (unsigned length = 0; length < count; ++length) add_rule(rules, protocol, prefix_of(inside, length), length == 0 ? 0 : 1);
    return rules;
}
RuleSet nested4(std::uint32_t count, Protocol protocol) { return nested(Address::v4(0x0a0a0a0aU), count, protocol); }
RuleSet nested6(std::uint32_t count, Protocol protocol) {
    return nested({Family::ipv6, {0x20010db80a0a0a0aULL, 0x0a0a0a0a0a0a0a0aULL}}, count, protocol);
}

const Shape kShapes[] = {
    // what the baseline can express
    {"IPv4 hosts, one port", with<hosts4, kOnePort>, kMillion},
    {"IPv6 /64s, one port", with<nets6, kOnePort>, kMillion},
    {"IPv6 hosts in clusters, one port", with<clusters6, kOnePort>, kMillion},
    {"IPv4 ports of a /8", ports4, 30'000},
    {"IPv4 nested prefixes", nested4, 33},
    {"IPv6 nested prefixes", nested6, 129},
    // and what not
    {"IPv4 hosts", with<hosts4, kSomePorts>, kMillion},
    {"IPv6 /64s", with<nets6, kSomePorts>, kMillion},
    {"IPv6 hosts in clusters", with<clusters6, kSomePorts>, kMillion},
    {"IPv4 hosts beside a guarded prefix", beside_guard4, kMillion},
    {"IPv4 sources of one rule", sources4, kMillion},
};

} // namespace

RuleSet blocking_rules(std::uint32_t count, Protocol protocol) {
    RuleSet rules = empty_rules(kSomePorts);
    Rule rule;
    rule.protocol = protocol;
    rule.destination = Prefix{Address::v4(0x0a000000U), 8};
    rule.target = {Verdict::steer, {0, 0}};
    std::mt19937 random(45);
    if (count > 0) rule.blocked = 1, rules.source_sets.emplace_back();
    for (std::uint32_t i = 0; i < count; ++i)
        rules.source_sets.back().push_back(Prefix::host(Address::v4(static_cast<std::uint32_t>(random()) | 0xe0000000U)));
    rules.rules.push_back(rule);
    return rules;
}

std::span<const Shape> shapes() { return kShapes; }
std::span<const Shape> spread_shapes() { return std::span(kShapes).first(3); }

} // namespace swathe::bench
