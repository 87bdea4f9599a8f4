#include "classify/same_rules.h"

#include "hand_rules.h"

#include <doctest/doctest.h>

using namespace swathe;
using test::HandRules;

namespace {

/// The rules that are the same, as (before, now).
SameRules same(HandRules before, HandRules now) {
    before.config.daemon.rule_counters = now.config.daemon.rule_counters = true;
    const Tables old_tables = compile(before.input()).value(), new_tables = compile(now.input()).value();
    SameRules found = same_rules({before.rules, before.config, old_tables}, {now.rules, now.config, new_tables});
    std::sort(found.begin(), found.end());
    return found;
}

} // namespace

TEST_CASE("same rules: whatever the order, and whatever else has come or gone") {
    const HandRules before{{"a", "192.0.2.0/24", {{80, 80}}},
                           {"b", "192.0.2.0/24", {{81, 81}}},
                           {"drop", "192.0.2.7/32", {{80, 80}}, {"203.0.113.0/24"}},
                           {"a", "2001:db8::/64", {{80, 80}}, {}, "eth0"},
                           {"gone", "198.51.100.0/24", {{80, 80}}}};
    const HandRules now{{"new", "0.0.0.0/0", {{1, 1}}},
                        {"a", "2001:db8::/64", {{80, 80}}, {}, "eth0"},
                        {"drop", "192.0.2.7/32", {{80, 80}}, {"203.0.113.0/24"}},
                        {"b", "192.0.2.0/24", {{81, 81}}},
                        {"a", "192.0.2.0/24", {{80, 80}}}};
    CHECK(same(before, now) == SameRules{{0, 4}, {1, 3}, {2, 2}, {3, 1}});
    CHECK(same(before, before).size() == 5);
}

TEST_CASE("same rules: a rule with another target, prefix, port, source, interface or protocol is another rule") {
    const HandRules before{{"a", "192.0.2.0/24", {{80, 80}}, {"203.0.113.0/24"}, "eth0"}};
    CHECK(same(before, {{"a", "192.0.2.0/24", {{80, 80}}, {"203.0.113.0/24"}, "eth0"}}).size() == 1);
    CHECK(same(before, {{"b", "192.0.2.0/24", {{80, 80}}, {"203.0.113.0/24"}, "eth0"}}).empty());
    CHECK(same(before, {{"drop", "192.0.2.0/24", {{80, 80}}, {"203.0.113.0/24"}, "eth0"}}).empty());
    CHECK(same(before, {{"a", "192.0.2.0/25", {{80, 80}}, {"203.0.113.0/24"}, "eth0"}}).empty());
    CHECK(same(before, {{"a", "192.0.2.0/24", {{80, 81}}, {"203.0.113.0/24"}, "eth0"}}).empty());
    CHECK(same(before, {{"a", "192.0.2.0/24", {{80, 80}}, {"203.0.113.0/25"}, "eth0"}}).empty());
    CHECK(same(before, {{"a", "192.0.2.0/24", {{80, 80}}, {}, "eth0"}}).empty());
    CHECK(same(before, {{"a", "192.0.2.0/24", {{80, 80}}, {"203.0.113.0/24"}, "eth1"}}).empty());
    CHECK(same(before, {{"a", "192.0.2.0/24", {{80, 80}}, {"203.0.113.0/24"}, "eth0", {}, Protocol::udp}}).empty());
    // a hole
    CHECK(same(before, {{"a", "192.0.2.0/24", {{80, 80}}, {"203.0.113.0/24"}, "eth0", {{"192.0.2.1/32", {{80, 80}}}}}}).size() == 1);
}

TEST_CASE("same rules: none where rules are not counted") {
    const HandRules rules{{"a", "192.0.2.0/24", {{80, 80}}}};
    const Tables tables = compile(rules.input()).value();
    CHECK(tables.counted == 0);
    CHECK(same_rules({rules.rules, rules.config, tables}, {rules.rules, rules.config, tables}).empty());
}
