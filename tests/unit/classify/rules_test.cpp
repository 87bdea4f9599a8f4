#include "classify/rules.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

Endpoint endpoint(std::initializer_list<const char*> addresses, std::vector<PortRange> ports) {
    Endpoint e;
    std::uint32_t line = 1;
    for (const char* text : addresses) e.addresses.push_back({parse_address_range(text).value(), {SourceFile("a.toml"), line++, 1}});
    e.ports = std::move(ports);
    return e;
}

} // namespace

TEST_CASE("rules: a listener's addresses x interfaces become rules that share their ports, sources and holes") {
    Config config;
    config.services.resize(2);
    Listener listener;
    listener.endpoints = {endpoint({"192.0.2.0/24", "198.51.100.10-198.51.100.20", "2001:db8::/32"}, {{80, 80}, {443, 443}}),
                          endpoint({"192.0.2.1"}, {{80, 80}, {443, 443}})};
    listener.except = {endpoint({"192.0.2.7"}, {{22, 22}})};
    listener.guard.from = {{parse_prefix("203.0.113.0/24").value(), {}}, {parse_prefix("10.0.0.0/8").value(), {}}};
    listener.guard.interfaces = {{"eth0", {}}, {"eth1", {}}};
    config.services[1].listeners = {listener};
    GlobalRule drop;
    drop.protocols = {Protocol::tcp, Protocol::udp};
    drop.endpoints = {endpoint({"192.0.2.66"}, {PortRange::all()})};
    config.rules = {drop};

    const Home home{Protocol::tcp, parse_socket_address("192.0.2.0:80").value()};
    const RuleSet rules = rules_of(config, {&home, 1});
    // 10-20 is 10/31, 12/30, 16/30, 20/32: 6 prefixes in the first endpoint, 1 in the second; x 2 interfaces; + drop x 2 protocols
    REQUIRE(rules.rules.size() == 2 + 7 * 2);
    CHECK(rules.port_sets.size() == 2);
    CHECK(rules.source_sets.size() == 2);
    CHECK(rules.source_sets[1].front() == parse_prefix("10.0.0.0/8").value()); // sorted
    CHECK(rules.interfaces == std::vector<std::string>{"", "eth0", "eth1"});
    REQUIRE(rules.hole_sets.size() == 2);
    CHECK(rules.hole_sets[1].front().destination == parse_prefix("192.0.2.7").value());
    CHECK(rules.homes.size() == 1);

    CHECK(rules.rules[0].target.verdict == Verdict::drop);
    CHECK(rules.rules[1].protocol == Protocol::udp);
    const Rule& range = rules.rules[3];
    CHECK(range.destination == parse_prefix("198.51.100.10/31").value());
    CHECK(range.pos.to_string() == "a.toml:2:1");
    CHECK(range.ifname == 1);
    CHECK(range.sources == 1);
    CHECK(range.holes == 1);
    CHECK(range.target == Target{Verdict::steer, {1, 0}});
}
