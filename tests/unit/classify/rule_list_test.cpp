#include "classify/rule_list.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

Rule rule(const char* prefix, std::uint32_t ports, const char* file, std::uint32_t line) {
    Rule made;
    made.protocol = Protocol::udp;
    made.ports = ports;
    made.sources = 2;
    made.ifname = 3;
    made.holes = 4;
    made.target = {Verdict::steer, {5, 6}};
    made.destination = parse_prefix(prefix).value();
    made.pos = {SourceFile(file), line, 70'000};
    return made;
}

bool same(const Rule& a, const Rule& b) {
    return static_cast<const RuleTerms&>(a) == b && a.destination == b.destination && a.pos == b.pos;
}

} // namespace

TEST_CASE("rule list: a rule comes out as it was put in") {
    const std::vector<Rule> all{rule("192.0.2.0/24", 1, "a", 1), rule("2001:db8::/64", 1, "a", 2), rule("192.0.2.0/24", 2, "a", 3),
                                rule("0.0.0.0/0", 2, "b", 4), rule("::/0", 2, "b", 5), rule("192.0.2.0/24", 1, "a", 6)};
    RuleList list;
    for (const Rule& one : all) list.push_back(one);
    REQUIRE(list.size() == all.size());
    std::size_t i = 0;
    for (const Rule& one : list) {
        CAPTURE(i);
        CHECK(same(one, all[i]));
        CHECK(list.destination(static_cast<RuleId>(i)) == all[i].destination);
        CHECK(list.terms(list.block_of(static_cast<RuleId>(i))) == all[i]);
        ++i;
    }
    CHECK(list.block_of(0) == list.block_of(1)); // one endpoint
    CHECK(list.blocks() == 4);
    CHECK_THROWS_AS((void)list.at(all.size()), std::out_of_range);
}

TEST_CASE("rule list: a copy does not see what the other does later") {
    RuleList list;
    list.push_back(rule("192.0.2.0/24", 1, "a", 1));
    const RuleList copy = list;
    list.push_back(rule("192.0.3.0/24", 1, "a", 2));
    RuleList shorter = list;
    shorter.pop_back();
    CHECK(copy.size() == 1);
    CHECK(list.size() == 2);
    CHECK(shorter.size() == 1);
    CHECK(same(copy.front(), rule("192.0.2.0/24", 1, "a", 1)));
}
