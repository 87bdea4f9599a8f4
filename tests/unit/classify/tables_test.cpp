#include "hand_rules.h"

#include <doctest/doctest.h>

using namespace swathe;
using test::HandRules;

namespace {

struct Asked {
    const char* address;
    int port;
    const char* winner;
    const char* from = nullptr;
    std::uint32_t ifindex = 0;
};

void check(const HandRules& rules, std::initializer_list<Asked> all) {
    for (const Asked& a : all) {
        CAPTURE(a.address);
        CAPTURE(a.port);
        CHECK(rules.winner(HandRules::flow(a.address, a.port, a.from, a.ifindex)) == a.winner);
    }
}

std::size_t bytes_of(const HandRules& rules) { return compile(rules.input()).value().bytes(); }

} // namespace

TEST_CASE("tables: first and last address and port of a range, one below and one above") {
    const HandRules rules{
        {"net", "192.0.2.0/24", {{80, 80}, {8000, 8999}}},
        {"nested", "192.0.2.128/25", {{65535, 65535}}},
        {"next", "192.0.3.0/24", {PortRange::all()}},
        {"six", "2001:db8:1::/64", {{80, 80}}},
        {"top", "255.255.255.255/32", {{1, 1}}},
    };
    check(rules, {
        {"192.0.2.0", 80, "net"}, {"192.0.2.255", 80, "net"}, {"192.0.1.255", 80, ""}, {"192.0.3.0", 80, "next"},
        {"192.0.2.5", 79, ""}, {"192.0.2.5", 81, ""}, {"192.0.2.5", 7999, ""}, {"192.0.2.5", 8000, "net"}, {"192.0.2.5", 8999, "net"},
        {"192.0.2.5", 9000, ""},
        {"192.0.2.127", 65535, ""}, {"192.0.2.128", 65535, "nested"}, {"192.0.2.128", 65534, ""}, {"192.0.2.128", 80, "net"},
        {"192.0.3.255", 65535, "next"}, {"192.0.3.255", 1, "next"}, {"192.0.3.255", 0, ""}, {"192.0.4.0", 1, ""},
        {"2001:db8:1::", 80, "six"}, {"2001:db8:1:0:ffff:ffff:ffff:ffff", 80, "six"}, {"2001:db8:1:1::", 80, ""},
        {"2001:db8:0:ffff:ffff:ffff:ffff:ffff", 80, ""},
        {"255.255.255.255", 1, "top"}, {"255.255.255.254", 1, ""}, {"0.0.0.0", 1, ""},
    });
}

TEST_CASE("tables: no rules decide nothing") {
    check(HandRules{}, {{"192.0.2.1", 80, ""}, {"2001:db8::1", 80, ""}});
    CHECK(compile(HandRules{}.input()).value().slots == 0);
}

TEST_CASE("tables: a hole is not claimed by its listener, any other rule may, and the prefix keeps its length") {
    const HandRules rules{
        {"edge", "192.0.2.0/24", {PortRange::all()}, {}, "", {{"192.0.2.7/32", {{22, 22}}}, {"192.0.2.64/26", {{53, 53}}}}},
        {"wide", "192.0.0.0/16", {{22, 22}}},
        {"inner", "192.0.2.64/27", {{54, 54}}},
    };
    check(rules, {
        {"192.0.2.7", 22, "wide"}, {"192.0.2.7", 21, "edge"}, {"192.0.2.7", 23, "edge"}, {"192.0.2.6", 22, "edge"},
        {"192.0.2.8", 22, "edge"},
        {"192.0.2.63", 53, "edge"}, {"192.0.2.64", 53, ""}, {"192.0.2.127", 53, ""}, {"192.0.2.128", 53, "edge"},
        {"192.0.2.64", 54, "inner"}, {"192.0.2.64", 55, "edge"}, // a node inside a hole finds the way up
    });
}

TEST_CASE("tables: a source of the other family is like one that no rule names") {
    const HandRules rules{{"guarded", "2001:db8::/32", {{80, 80}}, {"2001::/16"}}, {"any", "2001:db8::/32", {{80, 80}}}};
    check(rules, {{"2001:db8::1", 80, "guarded", "2001:db8::1"}, {"2001:db8::1", 80, "any", "192.0.2.1"}});
}

TEST_CASE("tables: a hole as large as the rule, and one around it") {
    const HandRules rules{
        {"same", "192.0.2.0/24", {{80, 89}}, {}, "", {{"192.0.2.0/24", {{80, 80}}}}},
        {"around", "198.51.100.0/24", {{80, 89}}, {}, "", {{"198.51.0.0/16", {{80, 88}}}}},
        {"all", "0.0.0.0/0", {{80, 80}}},
    };
    check(rules, {{"192.0.2.1", 80, "all"}, {"192.0.2.1", 81, "same"}, {"198.51.100.1", 88, ""}, {"198.51.100.1", 89, "around"},
                  {"198.51.100.1", 80, "all"}});
}

TEST_CASE("tables: holes of two listeners meet, and guards inside a hole are tried in order") {
    const HandRules rules{
        {"a", "192.0.2.0/24", {PortRange::all()}, {}, "", {{"192.0.2.0/28", {{80, 80}}}}},
        {"b", "192.0.0.0/16", {PortRange::all()}, {}, "", {{"192.0.2.0/30", {{80, 80}}}}},
        {"guarded", "192.0.0.0/8", {PortRange::all()}, {"203.0.113.0/24"}},
        {"last", "0.0.0.0/0", {{80, 80}}},
    };
    check(rules, {
        {"192.0.2.16", 80, "a"}, {"192.0.2.4", 80, "b"}, {"192.0.2.1", 80, "guarded", "203.0.113.1"}, {"192.0.2.1", 80, "last", "10.0.0.1"},
        {"192.0.2.1", 81, "a"},
    });
}

TEST_CASE("tables: what reaches a home address by no rule is dropped, every rule wins over it") {
    HandRules rules{
        {"edge", "192.0.2.0/24", {{80, 80}}},
        {"guarded", "198.51.100.0/24", {PortRange::all()}, {"203.0.113.0/24"}},
        {"pass", "203.0.113.5/32", {{9, 9}}},
        {"far", "10.0.0.0/8", {{80, 80}}, {}, "", {{"10.1.0.0/16", {{80, 80}}}}},
    };
    for (const char* home : {"192.0.2.0:80", "192.0.2.0:81", "198.51.100.1:443", "203.0.113.5:9", "10.1.0.1:80", "[2001:db8::1]:80"})
        rules.home(home);
    check(rules, {
        {"192.0.2.0", 80, "edge"}, {"192.0.2.0", 81, "home"}, {"192.0.2.0", 82, ""}, {"192.0.2.1", 81, ""},
        {"198.51.100.1", 443, "guarded", "203.0.113.1"}, {"198.51.100.1", 443, "home", "10.0.0.1"}, {"198.51.100.1", 444, "", "10.0.0.1"},
        {"203.0.113.5", 9, "pass"}, {"10.1.0.1", 80, "home"}, {"10.1.0.2", 80, ""},
        {"2001:db8::1", 80, "home"}, {"2001:db8::2", 80, ""},
    });
}

TEST_CASE("tables: a socket bound to every address is closed everywhere but where rules lead, holes included") {
    HandRules rules{
        {"edge", "192.0.2.0/24", {{80, 80}}, {}, "", {{"192.0.2.7/32", {{80, 80}}}}},
        {"guarded", "198.51.100.0/24", {{80, 80}}, {"203.0.113.0/24"}},
    };
    rules.home("0.0.0.0:80");
    check(rules, {
        {"192.0.2.1", 80, "edge"}, {"192.0.2.7", 80, "home"}, {"192.0.2.7", 81, ""}, {"10.0.0.1", 80, "home"}, {"10.0.0.1", 81, ""},
        {"198.51.100.1", 80, "guarded", "203.0.113.1"}, {"198.51.100.1", 80, "home", "10.0.0.1"}, {"2001:db8::1", 80, ""},
    });
}

TEST_CASE("tables: a home inside its own range costs nothing") {
    HandRules rules{{"edge", "192.0.2.0/24", {{80, 80}}}};
    const std::size_t without = bytes_of(rules);
    rules.home("192.0.2.0:80");
    CHECK(bytes_of(rules) == without);
}

TEST_CASE("tables: the memory is linear in the rules, nested prefixes and wide port sets do not multiply out") {
    constexpr std::uint32_t kHosts = 100'000, kPorts = 1000;
    HandRules rules;
    for (std::uint32_t port = 1; port <= kPorts; ++port)
        rules.add({"below", "0.0.0.0/0", {{static_cast<std::uint16_t>(port * 2), static_cast<std::uint16_t>(port * 2)}}});
    const std::size_t below = bytes_of(rules);
    Rule host;
    host.ports = static_cast<std::uint32_t>(rules.rules.port_sets.size());
    rules.rules.port_sets.push_back({{5000, 5000}});
    host.target = rules.rules.rules.front().target;
    for (std::uint32_t i = 0; i < kHosts; ++i) {
        host.destination = Prefix::host(Address::v4(0x0a000000U + i * 7)); // apart, so that each is an interval of its own
        rules.rules.rules.push_back(host);
    }
    const Tables tables = compile(rules.input()).value();
    CAPTURE(tables.bytes());
    CHECK(tables.bytes() <= below + kHosts * 40); // two steps and their share of an index each
    CHECK(tables.nodes.size() == 3); // none, /0, and one for all hosts
    const Decision decision = decide(tables, HandRules::flow("10.0.0.7", 2000));
    CHECK(decision.rule == 999U); // the /0's, through the parent
}

TEST_CASE("tables: addresses x ports of one listener are stored as a sum, not as a product") {
    HandRules rules;
    std::vector<PortRange> ports;
    for (std::uint16_t port = 1; port <= 20'000; port = static_cast<std::uint16_t>(port + 2)) ports.push_back({port, port});
    rules.add({"a", "10.0.0.0/32", ports});
    const std::size_t one = bytes_of(rules);
    for (std::uint32_t i = 1; i < 2000; ++i) {
        Rule rule = rules.rules.rules.front();
        rule.destination = Prefix::host(Address::v4(0x0a000000U + i * 3));
        rules.rules.rules.push_back(rule);
    }
    CHECK(bytes_of(rules) <= one + 2000 * 40);
}

TEST_CASE("tables: a source list is stored once, whatever it leads to and on however many prefixes") {
    HandRules rules;
    std::vector<Prefix> sources;
    for (std::uint32_t i = 0; i < 100'000; ++i) sources.push_back(Prefix::host(Address::v4(0x0a000000U + i * 5)));
    rules.rules.source_sets.push_back(sources);
    rules.add({"drop", "192.0.2.0/32", {{80, 80}}});
    rules.amend([](Rule& rule) { rule.sources = 1; });
    const std::size_t one = bytes_of(rules);
    for (int i = 1; i < 200; ++i) {
        rules.add({("s" + std::to_string(i)).c_str(), ("192.0.2." + std::to_string(i)).c_str(), {{80, 80}}});
        rules.amend([](Rule& rule) { rule.sources = 1; });
    }
    CHECK(bytes_of(rules) <= one + 200 * 200);
    const Tables tables = compile(rules.input()).value();
    CHECK(decide(tables, HandRules::flow("192.0.2.9", 80, "10.0.0.5")).rule == 9U);
    CHECK(decide(tables, HandRules::flow("192.0.2.9", 80, "10.0.0.6")).rule == std::nullopt);
}

TEST_CASE("tables: so many guarded rules may follow each other, and not one more") {
    HandRules rules;
    for (std::uint32_t i = 0; i < kMaxLinks - 1; ++i)
        rules.add({"a", "192.0.2.0/24", {{80, static_cast<std::uint16_t>(80 + i)}}, {"203.0.113.0/24"}});
    rules.add({"last", "192.0.2.0/24", {{80, static_cast<std::uint16_t>(80 + kMaxLinks)}}});
    const Tables tables = compile(rules.input()).value();
    CHECK(tables.bounds.links == kMaxLinks);
    CHECK(decide(tables, HandRules::flow("192.0.2.1", 80, "10.0.0.1")).rule == kMaxLinks - 1);
    rules.add({"a", "192.0.2.0/24", {{80, static_cast<std::uint16_t>(79 + kMaxLinks)}}, {"203.0.113.0/24"}});
    const auto refused = compile(rules.input());
    REQUIRE_FALSE(refused.has_value());
    REQUIRE(refused.error().size() == 1);
    CHECK(refused.error().front().to_string() ==
          "rules.toml:1:3: more than 1024 rules with from or interface follow each other from this one on");
}

TEST_CASE("tables: a million points in few places are found in few steps") {
    HandRules rules;
    Rule rule;
    rules.add({"a", "2001:db8::/32", {{80, 80}}});
    rule = rules.rules.rules.front();
    for (std::uint64_t i = 0; i < 50'000; ++i) { // two clusters, as far apart as can be, and dense
        rule.destination = Prefix::host({Family::ipv6, {0x20010db800000000ULL, 1 + i * 2}});
        rules.rules.rules.push_back(rule);
        rule.destination = Prefix::host({Family::ipv6, {0xfdffffffffffffffULL, 1 + i * 2}});
        rules.rules.rules.push_back(rule);
    }
    const Tables tables = compile(rules.input()).value();
    CHECK(tables.bounds.levels <= 4);
    CHECK(tables.bounds.steps <= 3);
}
