#include "supervise/tracing.h"

#include <cerrno>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

/// Services a and b, each with a listener "http" (slots 0 and 1 of a, 2 of b); a has "dns", too (slot 3).
/// Rules: 0 to a/http, 1 to b/http, 2 drops.
TraceSource source() {
    auto config = std::make_shared<Config>();
    config->services.resize(2);
    config->services[0].name = "a";
    config->services[1].name = "b";
    for (const auto& [service, name] : {std::pair{0, "http"}, {0, "dns"}, {1, "http"}})
        config->services[static_cast<std::size_t>(service)].listeners.emplace_back().name = name;
    auto rules = std::make_shared<RuleSet>();
    rules->port_sets = {{{80, 80}, {8000, 8999}}};
    for (const Target& target : {Target{Verdict::steer, {0, 0}}, Target{Verdict::steer, {1, 0}}, Target{Verdict::drop, {}}}) {
        Rule rule;
        rule.destination = parse_prefix("192.0.2.0/24").value();
        rule.target = target;
        rules->rules.push_back(rule);
    }
    return {nullptr, "", {rules, config}, {{0, {0, 0}}, {1, {0, 0}}, {2, {1, 0}}, {3, {0, 1}}}, nullptr};
}

TracedDecision decision(Verdict verdict, std::optional<RuleId> rule, std::uint32_t random = 0) {
    TracedDecision made;
    made.flow = {Protocol::tcp, parse_socket_address("192.0.2.9:8080").value(), parse_socket_address("203.0.113.7:5555").value(), 2};
    made.verdict = verdict;
    made.rule = rule;
    made.random = random;
    return made;
}

} // namespace

TEST_CASE("tracing: a listener answers to its name and to that of its service and its own, and to nothing else") {
    CHECK(is_called("http", "a", "http"));
    CHECK(is_called("a/http", "a", "http"));
    for (const char* other : {"", "a", "a/", "/http", "b/http", "a/http/", "aa/http", "ahttp", "a-http", "htt"}) {
        CAPTURE(other);
        CHECK_FALSE(is_called(other, "a", "http"));
    }
}

TEST_CASE("tracing: the kernel is asked for what any of the watchers wants") {
    const TraceWish none = wish_of({}, source());
    CHECK(none.everything.all == 0);
    CHECK(none.everything.drops == 0);
    CHECK(none.of_slot.empty());

    const TraceWish wish =
        wish_of({{"", false, 100}, {"", true, 10}, {"http", false, 2}, {"a/http", true, 1}, {"gone", false, 1}}, source());
    CHECK(wish.everything.all == kAllDecisions / 100);
    CHECK(wish.everything.drops == kAllDecisions / 10);
    REQUIRE(wish.of_slot.size() == 3);
    for (const std::uint32_t slot : {0U, 1U, 2U}) CHECK(wish.of_slot.at(slot).all == kAllDecisions / 2);
    CHECK(wish.of_slot.at(0).drops == kAllDecisions);
    CHECK(wish.of_slot.at(2).drops == 0);
}

TEST_CASE("tracing: of what the kernel reports each watcher gets what it asked for") {
    const TraceMeaning meaning = source().meaning;
    struct Case { TraceQuery query; TracedDecision decision; bool wanted; };
    const Case cases[] = {
        {{"", false, 1}, decision(Verdict::pass, std::nullopt), true},
        {{"", true, 1}, decision(Verdict::steer, 0), false},
        {{"", true, 1}, decision(Verdict::drop, 0), true}, // its socket could not be used
        {{"", true, 1}, decision(Verdict::drop, std::nullopt), true}, // a home
        {{"http", false, 1}, decision(Verdict::steer, 1), true},
        {{"a/http", false, 1}, decision(Verdict::steer, 1), false},
        {{"a/http", false, 1}, decision(Verdict::drop, 2), false},
        {{"a/http", false, 1}, decision(Verdict::pass, std::nullopt), false},
        {{"", false, 4}, decision(Verdict::steer, 0, 0x3fffffff), true},
        {{"", false, 4}, decision(Verdict::steer, 0, 0x40000000), false},
        {{"", false, 1}, decision(Verdict::steer, 0, 0xffffffff), true},
    };
    for (const Case& c : cases) {
        CAPTURE(c.query.listener);
        CAPTURE(c.decision.random);
        CHECK(wanted(c.query, c.decision, meaning) == c.wanted);
    }
}

TEST_CASE("tracing: who is refused by a limit is told which") {
    const TraceMeaning meaning = source().meaning;
    TracedDecision refused = decision(Verdict::drop, 0);
    for (const auto& [why, words] : {std::pair{DropReason::blocked, "source blocked"}, {DropReason::closed, "too many connections"},
                                     {DropReason::source_rate, "source rate limit"}, {DropReason::rate, "rate limit"}}) {
        refused.refusal = why;
        const TracedView view = view_of(refused, meaning, 0);
        CHECK(view.error == words);
        CHECK(view.verdict == "drop");
        CHECK(view.listener == "http");
    }
}

TEST_CASE("tracing: a decision in words") {
    const TraceMeaning meaning = source().meaning;
    TracedDecision made = decision(Verdict::drop, 0);
    made.time_ns = 5'000'001'999;
    made.error = ENOENT;
    const TracedView view = view_of(made, meaning, 1'000'000'000'000);
    CHECK(view.time_usec == 1'005'000'001);
    CHECK(view.source == "203.0.113.7:5555");
    CHECK(view.destination == "192.0.2.9:8080");
    CHECK(view.verdict == "drop");
    CHECK(view.service == "a");
    CHECK(view.listener == "http");
    CHECK(view.error == "no socket");
    REQUIRE(view.rule.has_value());
    CHECK(view.rule->prefix == "192.0.2.0/24");
    CHECK(view.rule->ports == "8000-8999"); // the range that matched
    CHECK_FALSE(view_of(decision(Verdict::pass, std::nullopt), meaning, 0).rule.has_value());
    CHECK(view_of(decision(Verdict::drop, 2), meaning, 0).service.empty());
}
