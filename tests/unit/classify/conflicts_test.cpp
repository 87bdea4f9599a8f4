#include "classify/precedence.h"
#include "hand_rules.h"
#include "random_rules.h"

#include <algorithm>
#include <set>

#include <doctest/doctest.h>

using namespace swathe;
using test::HandRules;
using test::Said;

namespace {

std::vector<std::string> complaints(const HandRules& rules) {
    std::vector<std::string> texts;
    const auto tables = compile(rules.input());
    if (!tables)
        for (const Diagnostic& d : tables.error()) texts.push_back(d.to_string());
    return texts;
}

using Texts = std::vector<std::string>;

/// The brute force: takes every packet at an edge of anything, and looks for two rules that match it equally precisely.
class BruteForce {
public:
    explicit BruteForce(const RuleSet& rules) : rules_(rules) {
        for (const Rule& rule : rules.rules) add_edges(rule.destination, addresses_);
        for (const auto& set : rules.hole_sets)
            for (const Hole& hole : set) {
                add_edges(hole.destination, addresses_);
                add_edges(hole.ports);
            }
        for (const auto& set : rules.port_sets) add_edges(set);
        for (const auto& set : rules.source_sets)
            for (const Prefix& p : set) add_edges(p, sources_);
        for (const Family family : {Family::ipv4, Family::ipv6}) sources_.insert(Address::any(family));
    }

    /// The pairs of rules that conflict.
    [[nodiscard]] std::set<std::pair<RuleId, RuleId>> pairs() const {
        std::set<std::pair<RuleId, RuleId>> found;
        for (RuleId a = 0; a < rules_.rules.size(); ++a)
            for (RuleId b = a + 1; b < rules_.rules.size(); ++b)
                if (conflict(rules_.rules[a], rules_.rules[b])) found.insert({a, b});
        return found;
    }

private:
    static void add_edges(const Prefix& p, std::set<Address>& out) {
        for (const U128 bits : {p.first().bits, p.last().bits, p.first().bits.previous(), p.last().bits.next()})
            out.insert({p.family(), bits & U128::low_bits(width_of(p.family()))});
    }
    void add_edges(const std::vector<PortRange>& ranges) {
        for (const PortRange& r : ranges)
            for (const int port : {r.first - 1, int{r.first}, int{r.last}, r.last + 1})
                if (port >= 1 && port <= 65535) ports_.insert(static_cast<std::uint16_t>(port));
    }
    [[nodiscard]] bool in_hole(const Rule& rule, const Address& address, std::uint16_t port) const {
        for (const Hole& hole : rules_.hole_sets[rule.holes])
            for (const PortRange& range : hole.ports)
                if (hole.destination.contains(address) && range.contains(port)) return true;
        return false;
    }
    [[nodiscard]] bool conflict(const Rule& a, const Rule& b) const {
        if (a.protocol != b.protocol || a.destination != b.destination || a.ifname != b.ifname || same_target(a.target, b.target))
            return false;
        if (!equal_sources(a, b)) return false;
        for (const Address& address : addresses_) {
            if (!a.destination.contains(address)) continue;
            for (const std::uint16_t port : ports_) {
                if (in_hole(a, address, port) || in_hole(b, address, port)) continue;
                for (const PortRange& x : rules_.port_sets[a.ports])
                    for (const PortRange& y : rules_.port_sets[b.ports])
                        if (x.contains(port) && y.contains(port) && x.count() == y.count()) return true;
            }
        }
        return false;
    }
    /// Each source prefix is a rule of its own: is there a source that both match with the same length?
    [[nodiscard]] bool equal_sources(const Rule& a, const Rule& b) const {
        for (const Address& source : sources_) {
            if (source.family != a.destination.family()) continue;
            for (const std::uint8_t x : lengths(a, source))
                for (const std::uint8_t y : lengths(b, source))
                    if (x == y) return true;
        }
        return false;
    }
    [[nodiscard]] std::vector<std::uint8_t> lengths(const Rule& rule, const Address& source) const {
        if (is_among(rules_.source_sets[rule.strangers], source)) return {};
        if (rule.sources == 0) return {0};
        std::vector<std::uint8_t> out;
        for (const Prefix& p : rules_.source_sets[rule.sources])
            if (p.contains(source)) out.push_back(p.length);
        return out;
    }

    const RuleSet& rules_;
    std::set<Address> addresses_, sources_;
    std::set<std::uint16_t> ports_;
};

} // namespace

TEST_CASE("conflicts: equal rules are refused with both places, whichever comes first") {
    const HandRules rules{{"edge", "192.0.2.0/24", {{80, 80}}}, {"web", "192.0.2.0/24", {{80, 80}}}};
    CHECK(complaints(rules) ==
          Texts{"rules.toml:1:3: rules of equal precision: 192.0.2.0/24 port 80 (tcp) of edge/l and of web/l at rules.toml:2:3"});
}

TEST_CASE("conflicts: what differs in a criterion, or cannot meet, is no conflict") {
    const Said base{"a", "192.0.2.0/24", {{80, 89}}};
    struct Case { Said other; bool conflict; };
    const Case others[] = {
        {{"b", "192.0.2.0/24", {{80, 89}}}, true},
        {{"a", "192.0.2.0/24", {{80, 89}}}, false},                                    // the same listener
        {{"b", "192.0.2.0/25", {{80, 89}}}, false},                                    // longer
        {{"b", "192.0.2.0/24", {{80, 88}}}, false},                                    // narrower
        {{"b", "192.0.2.0/24", {{89, 98}}}, true},                                     // as wide, meets in 89
        {{"b", "192.0.2.0/24", {{90, 99}}}, false},                                    // as wide, does not meet
        {{"b", "192.0.2.0/24", {{80, 89}}, {}, "eth0"}, false},                        // has an interface
        {{"b", "192.0.2.0/24", {{80, 89}}, {"203.0.113.0/24"}}, false},                // has a source
        {{"b", "192.0.2.0/24", {{80, 89}}, {"0.0.0.0/0"}}, true},                      // no source counts as /0
        {{"b", "192.0.2.0/24", {{80, 89}}, {"2001:db8::/32"}}, false},                 // a source that IPv4 never has
        {{"b", "192.0.2.0/24", {{80, 89}}, {}, "", {}, Protocol::udp}, false},         // another protocol
        {{"b", "192.0.2.0/24", {{80, 89}}, {}, "", {}, Protocol::tcp, {"203.0.113.0/24"}}, true},          // all other sources are left
        {{"b", "192.0.2.0/24", {{80, 89}}, {}, "", {}, Protocol::tcp, {"0.0.0.0/1", "128.0.0.0/1"}}, false}, // none is left
        {{"drop", "192.0.2.0/24", {{80, 89}}}, true},                                  // a verdict is a target too
        {{"b", "192.0.2.0/24", {{80, 89}}, {}, "", {{"192.0.2.0/25", {{1, 65535}}}}}, true},  // half of it is a hole
        {{"b", "192.0.2.0/24", {{80, 89}}, {}, "", {{"192.0.2.0/25", {{80, 89}}}, {"192.0.2.128/25", {{80, 89}}}}}, false}, // all of it is
        {{"b", "192.0.2.0/24", {{80, 89}}, {}, "", {{"192.0.0.0/16", {{80, 88}}}}}, true},    // 89 is left
        {{"b", "192.0.2.0/24", {{80, 89}}, {}, "", {{"192.0.0.0/16", {{80, 89}}}}}, false},
    };
    for (const Case& c : others) {
        CAPTURE(c.other.to);
        CAPTURE(to_string(c.other.ports));
        CHECK(complaints({base, c.other}).size() == (c.conflict ? 1 : 0));
        CHECK(complaints({c.other, base}).size() == (c.conflict ? 1 : 0));
    }
}

TEST_CASE("conflicts: interfaces conflict by name or by what they are") {
    const auto on = [](const char* to, const char* interface) { return Said{to, "192.0.2.0/24", {{80, 80}}, {}, interface}; };
    CHECK(complaints({on("a", "eth0"), on("b", "eth1")}).empty());
    CHECK(complaints({on("a", "eth0"), on("b", "wan")}).size() == 1);   // wan is another name of eth0
    CHECK(complaints({on("a", "gone"), on("b", "gone")}).size() == 1);  // nor does it matter that it is not there now
    CHECK(complaints({on("a", "gone"), on("b", "lost")}).empty());
    CHECK(complaints({on("a", "eth0"), on("b", "eth0")}).front().find("192.0.2.0/24 port 80 (tcp) on interface eth0 of a/l") !=
          std::string::npos);
}

TEST_CASE("conflicts: one prefix that two long source lists share is found and named") {
    Said a{"a", "192.0.2.0/24", {{80, 80}}, {"198.51.100.0/24", "203.0.113.0/26"}};
    Said b{"b", "192.0.2.0/24", {{80, 80}}, {"10.0.0.0/8", "203.0.113.0/26"}};
    CHECK(complaints({a, b}) == Texts{"rules.toml:1:3: rules of equal precision: 192.0.2.0/24 port 80 (tcp) from 203.0.113.0/26 of a/l and "
                                      "of b/l at rules.toml:2:3"});
    b.from[1] = "203.0.113.0/27"; // longer: wins, no conflict
    CHECK(complaints({a, b}).empty());
}

TEST_CASE("conflicts: thousands of rules that differ in their sources only are compared in time") {
    HandRules rules;
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        rules.rules.source_sets.push_back({Prefix::host(Address::v4(0x0a000000U + i))});
        rules.add({i % 2 == 0 ? "a" : "b", "192.0.2.0/24", {{80, 80}}});
        rules.amend([&](Rule& rule) { rule.sources = static_cast<std::uint32_t>(rules.rules.source_sets.size() - 1); });
    }
    CHECK(complaints(rules).empty());
    rules.add({"c", "192.0.2.0/24", {{80, 80}}});
    rules.amend([](Rule& rule) { rule.sources = 7777; });
    CHECK(complaints(rules) == Texts{"rules.toml:7777:3: rules of equal precision: 192.0.2.0/24 port 80 (tcp) from 10.0.30.96/32 of a/l "
                                     "and of c/l at rules.toml:20001:3"});
}

TEST_CASE("conflicts: all are reported at once, once per pair, up to a limit") {
    HandRules rules;
    const std::vector<PortRange> many{{1, 1}, {3, 3}, {5, 5}};
    rules.add({"a", "192.0.2.0/24", many});
    rules.add({"b", "192.0.2.0/24", many});
    rules.add({"c", "192.0.2.0/24", many});
    CHECK(complaints(rules).size() == 3);
    for (std::size_t i : {0U, 1U}) { // a range of addresses is many prefixes, but one place
        rules.rules.rules.push_back(rules.rules.rules[i]);
        rules.amend([](Rule& rule) { rule.destination = parse_prefix("198.51.100.255").value(); });
    }
    CHECK(complaints(rules).size() == 3);
    for (std::size_t i = 0; i < kMaxConflicts; ++i)
        for (const char* to : {"a", "b"}) rules.add({to, ("198.51.100." + std::to_string(i)).c_str(), many});
    CHECK(complaints(rules).size() == kMaxConflicts);
}

TEST_CASE("conflicts: exactly those that brute force finds") {
    for (std::uint64_t seed = test::first_seed(), end = seed + 1500; seed < end; ++seed) {
        CAPTURE(seed);
        const test::RandomRules world(seed);
        const auto expected = BruteForce(world.rules).pairs();
        const auto tables = compile(world.input());
        std::set<std::pair<RuleId, RuleId>> found;
        if (!tables)
            for (const Diagnostic& d : tables.error()) {
                const std::size_t at = d.error.message.rfind(" at "); // positions are lines only: rule id + 1
                found.insert({d.error.pos->line - 1, static_cast<RuleId>(std::stoul(d.error.message.substr(at + 4))) - 1});
            }
        REQUIRE(found == expected);
    }
}
