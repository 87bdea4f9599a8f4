#include "classify/precedence.h"
#include "hand_rules.h"

#include <doctest/doctest.h>

using namespace swathe;
using test::HandRules;
using test::Said;

TEST_CASE("precedence: prefix, then ports, then interface, then source") {
    const Precision order[] = { // each beats all that follow
        {32, 65535, false, 0}, {24, 1, true, 32}, {24, 1, true, 0}, {24, 1, false, 32},
        {24, 1, false, 8},     {24, 1, false, 0}, {24, 2, true, 32}, {0, 1, true, 32},
    };
    for (std::size_t i = 0; i < std::size(order); ++i)
        for (std::size_t j = 0; j < std::size(order); ++j) CHECK(((order[i] <=> order[j]) == (i <=> j)));
}

TEST_CASE("precedence: each criterion decides, in order, between two rules") {
    const PortRange all = PortRange::all(), http{80, 80};
    struct Case { Said winner, loser; };
    const Case cases[] = {
        {{"w", "192.0.2.7/32", {all}}, {"l", "192.0.2.0/24", {http}, {"203.0.113.7"}, "eth0"}},
        {{"w", "192.0.2.0/24", {http}}, {"l", "192.0.2.0/24", {{79, 80}}, {"203.0.113.7"}, "eth0"}},
        {{"w", "192.0.2.0/24", {http}, {}, "eth0"}, {"l", "192.0.2.0/24", {http}, {"203.0.113.7"}}},
        {{"w", "192.0.2.0/24", {http}, {"203.0.113.0/25"}}, {"l", "192.0.2.0/24", {http}, {"203.0.113.0/24"}}},
        {{"w", "192.0.2.0/24", {http}, {"0.0.0.0/1", "203.0.113.0/25"}}, {"l", "192.0.2.0/24", {http}}},
        {{"drop", "192.0.2.0/24", {http}}, {"l", "192.0.0.0/16", {http}}},
        {{"pass", "192.0.2.0/24", {http}}, {"drop", "192.0.0.0/16", {http}}},
        {{"w", "192.0.2.0/24", {{1, 1}, http}}, {"l", "192.0.2.0/24", {{80, 81}}}}, // the range that matches counts, not the set
    };
    for (const Case& c : cases) {
        CAPTURE(c.winner.prefix);
        CAPTURE(c.loser.prefix);
        const Flow flow = HandRules::flow("192.0.2.7", 80, "203.0.113.7", 2);
        CHECK(HandRules{c.winner, c.loser}.winner(flow) == c.winner.to);
        CHECK(HandRules{c.loser, c.winner}.winner(flow) == c.winner.to); // the order of writing never decides
    }
}

TEST_CASE("precedence: sources that a rule excepts go to the next one, and it is no more precise for that") {
    const HandRules rules{
        {.to = "open", .prefix = "192.0.2.0/24", .ports = {{80, 81}}},
        {.to = "most", .prefix = "192.0.2.0/24", .ports = {{80, 80}}, .except_from = {"203.0.113.0/24", "198.51.100.0/24", "10.0.0.0/8"}},
        {.to = "near", .prefix = "192.0.2.0/24", .ports = {{80, 80}}, .from = {"203.0.113.0/24"},
         .except_from = {"203.0.113.0/26", "203.0.113.128/32"}},
        {.to = "host", .prefix = "192.0.2.0/24", .ports = {{80, 80}}, .from = {"203.0.113.7", "10.1.2.3"}, .except_from = {"10.0.0.0/8"}},
    };
    struct Case { const char* from; const char* winner; };
    const Case cases[] = {
        {"8.8.8.8", "most"},       {"203.0.113.255", "near"}, {"203.0.113.64", "near"}, {"203.0.113.63", "open"},
        // a longer `from` does not help
        {"203.0.113.128", "open"}, {"203.0.113.7", "host"},   {"198.51.100.1", "open"}, {"10.1.2.3", "open"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.from);
        CHECK(rules.winner(HandRules::flow("192.0.2.7", 80, c.from)) == c.winner);
    }
}

TEST_CASE("precedence: blocked sources are refused by the rule that wins, and by no other") {
    const HandRules rules{
        {.to = "net", .prefix = "192.0.2.0/24", .ports = {{80, 90}}},
        {.to = "host", .prefix = "192.0.2.7/32", .ports = {{80, 80}}, .blocked = {"203.0.113.0/24", "2001:db8::/32"}},
        {.to = "host6", .prefix = "2001:db8:1::/64", .ports = {{80, 80}}, .from = {"2001::/16"}, .blocked = {"2001:db8:2::/48"}},
    };
    struct Case { const char* to; const char* from; const char* winner; };
    const Case cases[] = {
        {"192.0.2.7", "203.0.113.9", "blocked by host"}, {"192.0.2.7", "203.0.114.0", "host"}, {"192.0.2.8", "203.0.113.9", "net"},
        {"2001:db8:1::1", "2001:db8:2::9", "blocked by host6"}, {"2001:db8:1::1", "2001:db8:3::9", "host6"},
        {"2001:db8:1::1", "2002:db8:2::9", ""},
    };
    for (const Case& c : cases) {
        CAPTURE(c.from);
        CHECK(rules.winner(HandRules::flow(c.to, 80, c.from)) == c.winner);
    }
}

TEST_CASE("precedence: a guard that does not hold leaves the packet to the next rule, first on the same prefix, then on shorter ones") {
    const HandRules rules{
        {"far", "192.0.0.0/16", {PortRange::all()}},
        {"other", "192.0.2.0/24", {{80, 90}}, {"198.51.100.0/24"}},
        {"inside", "192.0.2.0/24", {{80, 80}}, {"203.0.113.0/24"}},
        {"wan", "192.0.2.0/24", {{80, 80}}, {}, "eth0"},
        {"wan-inside", "192.0.2.0/24", {{80, 80}}, {"203.0.113.0/24"}, "eth0"},
        {"away", "192.0.2.0/24", {{80, 80}}, {}, "no-such-interface"},
    };
    struct Case { const char* from; std::uint32_t ifindex; const char* winner; };
    const Case cases[] = {
        {"203.0.113.9", 2, "wan-inside"}, {"203.0.113.9", 3, "inside"}, {"203.0.113.9", 0, "inside"},
        {"198.51.100.9", 2, "wan"},       {"198.51.100.9", 3, "other"}, {"10.0.0.1", 3, "far"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.from);
        CAPTURE(c.ifindex);
        CHECK(rules.winner(HandRules::flow("192.0.2.7", 80, c.from, c.ifindex)) == c.winner);
    }
}

TEST_CASE("precedence: the list of rules has the order of the dispatcher") {
    const HandRules rules{
        {"f", "192.0.2.0/24", {{80, 81}}},
        {"e", "192.0.2.0/24", {{80, 80}}},
        {"d", "192.0.2.0/24", {{80, 80}}, {"203.0.113.0/24"}},
        {"c", "192.0.2.0/24", {{80, 80}}, {}, "eth0"},
        {"b", "192.0.2.7/32", {PortRange::all(), }},
        {"v6", "2001:db8::/32", {{80, 80}}},
        {"u", "192.0.2.7/32", {{53, 53}}, {}, "", {}, Protocol::udp},
        {"a", "192.0.2.7/32", {{1, 1}, {80, 90}}},
    };
    std::string order;
    for (const OrderedRule& row : in_order(rules.rules)) order += rules.names[row.rule] + ":" + row.ports.to_string() + " ";
    CHECK(order == "a:1 a:80-90 b:all c:80 d:80 e:80 f:80-81 v6:80 u:53 ");
}

TEST_CASE("precedence: the oracle lists who matched and lost, in order") {
    const HandRules rules{
        {"net", "192.0.2.0/24", {{80, 80}}},
        {"all", "0.0.0.0/0", {PortRange::all()}},
        {"host", "192.0.2.7/32", {PortRange::all()}},
        {"not", "192.0.2.7/32", {{81, 81}}},
    };
    const Decision decision = decide_by_rules(rules.rules, HandRules::flow("192.0.2.7", 80), HandRules::interface_index);
    CHECK(decision.rule == 2U);
    CHECK(decision.others == std::vector<RuleId>{0, 1});
}
