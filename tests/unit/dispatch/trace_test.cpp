#include "dispatch/dispatcher.h"
#include "dispatch/trace_feed.h"
#include "rules_for_test.h"
#include "sandbox.h"

#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <thread>

using namespace swathe;
using test::HandRules;

namespace {

constexpr TraceShare kAll{kAllDecisions, 0};
constexpr TraceShare kDropsOnly{0, kAllDecisions};
constexpr std::size_t kMany = 100'000;
using Ports = std::initializer_list<std::uint16_t>;

Dispatcher dispatcher_with(std::uint32_t slots) {
    (void)test::Sandbox::instance();
    Dispatcher dispatcher = Dispatcher::create({}).value();
    for (std::uint32_t i = 0; i < slots; ++i) REQUIRE(dispatcher.allocate_slot().value() == i);
    return dispatcher;
}

std::string attached_name(const Dispatcher& dispatcher) {
    const auto programs = dispatcher.programs();
    REQUIRE(programs.has_value());
    REQUIRE(programs->size() == 1);
    return programs->front().name;
}

/// One listener that takes port 80, a drop rule for port 81 and a pass rule for port 82 of 127.0.1.0/24.
HandRules one_of_each(std::uint32_t slot = 0, WhenDown when_down = WhenDown::queue) {
    HandRules rules;
    rules.steer("127.0.1.0/24", {80, 80}, rules.listener(slot, when_down));
    rules.add("127.0.1.0/24", {81, 81}, {Verdict::drop, {}});
    rules.add("127.0.1.0/24", {82, 82}, {Verdict::pass, {}});
    return rules;
}

/// "80:steer 81:drop": destination port and verdict of each decision, with the rule, and the error if there is one.
std::string told(const TraceRead& read) {
    std::string text;
    for (const TracedDecision& d : read.decisions) {
        text += (text.empty() ? "" : " ") + std::to_string(d.flow.local.port) + ":" + to_string(d.verdict);
        text += d.rule ? "#" + std::to_string(*d.rule) : "#-";
        if (d.error != 0) text += "!" + std::to_string(d.error);
    }
    return text;
}

void flood(const char* address, std::uint16_t port, int datagrams) {
    const UniqueFd client = test::connected_udp(address, port);
    for (int i = 0; i < datagrams; ++i) (void)send(client.get(), "x", 1, MSG_DONTWAIT);
}

} // namespace

TEST_CASE("trace: shares are by target, and what a slot is to have more comes on top") {
    const TraceWish wish{{10, 20}, {{1, {30, 0}}, {2, {5, 40}}, {9, {99, 99}}}};
    const auto shares = shares_of(wish, 3);
    REQUIRE(shares.size() == DISPATCH_STEER + 3);
    struct Expected { std::uint32_t at; std::uint64_t drops, rest; };
    for (const Expected& e : {Expected{DISPATCH_NONE, 20, 10}, {DISPATCH_DROP, 20, 10}, {DISPATCH_PASS, 20, 10}, {DISPATCH_STEER, 20, 10},
                              {DISPATCH_STEER + 1, 30, 30}, {DISPATCH_STEER + 2, 40, 10}}) {
        CAPTURE(e.at);
        CHECK(shares[e.at].of[0] == e.drops);
        CHECK(shares[e.at].of[1] == e.rest);
    }
}

TEST_CASE("trace: every decision is told with its packet, its rule and what became of it") {
    Dispatcher dispatcher = dispatcher_with(1);
    CHECK_FALSE(dispatcher.trace(TraceWish{kAll, {}}).has_value()); // nothing is published yet
    const UniqueFd socket = test::tcp_listener();
    REQUIRE(dispatcher.set_socket(0, socket.get()).has_value());
    REQUIRE(dispatcher.publish(one_of_each().tables()).has_value());
    CHECK(attached_name(dispatcher) == "swathe_dispatch");
    REQUIRE(dispatcher.trace(TraceWish{kAll, {}}).has_value());
    CHECK(attached_name(dispatcher) == "swathe_traced");

    CHECK(test::tcp_reaches("127.0.1.1", 80, socket.get()));
    for (const std::uint16_t port : Ports{81, 82, 83}) CHECK(test::tcp_connect_error("127.0.1.2", port) == ECONNREFUSED);
    dispatcher.clear_socket(0);
    CHECK(test::tcp_connect_error("127.0.1.3", 80) == ECONNREFUSED);

    const TraceRead read = dispatcher.read_trace(kMany).value();
    CHECK(told(read) == "80:steer#0 81:drop#1 82:pass#2 83:pass#- 80:drop#0!2");
    CHECK(read.lost == 0);
    const Flow& first = read.decisions.front().flow;
    CHECK(first.protocol == Protocol::tcp);
    CHECK(first.local.to_string() == "127.0.1.1:80");
    CHECK(first.remote.address.to_string() == "127.0.0.1");
    CHECK(first.remote.port != 0);
    CHECK(first.ifindex == 1); // lo
    const auto clock = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
    CHECK(read.decisions.back().time_ns >= read.decisions.front().time_ns);
    CHECK(read.decisions.back().time_ns <= static_cast<std::uint64_t>(clock));

    const SlotCounters counters = dispatcher.counters(0);
    CHECK(counters.steered == 1);
    CHECK(counters.no_socket == 1);
    CHECK(dispatcher.read_trace(kMany)->decisions.empty());
}

TEST_CASE("trace: IPv6 and UDP are told as they are, a refused socket with its errno") {
    Dispatcher dispatcher = dispatcher_with(1);
    const UniqueFd tcp = test::tcp_listener(); // for UDP packets: EPROTOTYPE
    REQUIRE(dispatcher.set_socket(0, tcp.get()).has_value());
    HandRules rules;
    const std::uint32_t listener = rules.listener(0, WhenDown::pass);
    rules.steer("::1/128", {90, 90}, listener, Protocol::udp);
    rules.steer("127.0.1.0/24", {90, 90}, listener, Protocol::udp);
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    REQUIRE(dispatcher.trace(TraceWish{kAll, {}}).has_value());

    const UniqueFd client(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = in6addr_loopback;
    to.sin6_port = htons(90);
    // connected: else the ICMP error that comes back would be looked up by the program, too
    REQUIRE(connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    REQUIRE(send(client.get(), "x", 1, 0) == 1);
    flood("127.0.1.9", 90, 1);

    const TraceRead read = dispatcher.read_trace(kMany).value();
    REQUIRE(read.decisions.size() == 2);
    CHECK(read.decisions[0].flow.local.to_string() == "[::1]:90");
    CHECK(read.decisions[0].flow.remote.address.to_string() == "::1");
    CHECK(read.decisions[1].flow.local.to_string() == "127.0.1.9:90");
    for (const TracedDecision& d : read.decisions) {
        CHECK(d.flow.protocol == Protocol::udp);
        CHECK(d.error == EPROTOTYPE);
        CHECK(d.verdict == Verdict::pass); // when_down
        CHECK(d.rule.has_value());
    }
}

TEST_CASE("trace: the kernel reports what is wished for and nothing else, and the wish can change") {
    Dispatcher dispatcher = dispatcher_with(3);
    const UniqueFd socket = test::tcp_listener();
    for (const std::uint32_t slot : {0U, 1U}) REQUIRE(dispatcher.set_socket(slot, socket.get()).has_value());
    HandRules rules = one_of_each();
    rules.steer("127.0.1.0/24", {84, 84}, rules.listener(1));
    rules.steer("127.0.1.0/24", {85, 85}, rules.listener(2));
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    const auto told_of_all = [&](const TraceWish& wish) {
        REQUIRE(dispatcher.trace(wish).has_value());
        for (const std::uint16_t port : Ports{80, 84}) CHECK(test::tcp_reaches("127.0.1.1", port, socket.get()));
        for (const std::uint16_t port : Ports{81, 82, 83, 85}) CHECK(test::tcp_connect_error("127.0.1.1", port) == ECONNREFUSED);
        return told(dispatcher.read_trace(kMany).value());
    };
    CHECK(told_of_all({kDropsOnly, {}}) == "81:drop#1 85:drop#4!2");
    CHECK(told_of_all({{}, {{1, kAll}}}) == "84:steer#3");
    CHECK(told_of_all({{}, {{1, kDropsOnly}, {2, kDropsOnly}}}) == "85:drop#4!2");
    CHECK(told_of_all({kDropsOnly, {{0, kAll}}}) == "80:steer#0 81:drop#1 85:drop#4!2");
    CHECK(told_of_all({}) == "");
}

TEST_CASE("trace: a share of the decisions is about that share, and each has its number below it") {
    Dispatcher dispatcher = dispatcher_with(1);
    const UniqueFd socket = test::udp_socket();
    REQUIRE(dispatcher.set_socket(0, socket.get()).has_value());
    HandRules rules;
    rules.steer("127.0.1.0/24", {90, 90}, rules.listener(0), Protocol::udp);
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    const TraceShare tenth{kAllDecisions / 10, 0};
    REQUIRE(dispatcher.trace(TraceWish{tenth, {}}).has_value());
    flood("127.0.1.1", 90, 5000);
    const TraceRead read = dispatcher.read_trace(kMany).value();
    CHECK(read.decisions.size() > 500 - 170); // eight standard deviations on either side
    CHECK(read.decisions.size() < 500 + 170);
    for (const TracedDecision& d : read.decisions) CHECK(d.random < tenth.all);
    CHECK(dispatcher.counters(0).lookups == 5000);
}

TEST_CASE("trace: a full ring loses events, counts them, and steers all packets nevertheless") {
    Dispatcher dispatcher = dispatcher_with(1);
    const UniqueFd socket = test::udp_socket();
    REQUIRE(dispatcher.set_socket(0, socket.get()).has_value());
    HandRules rules;
    rules.steer("127.0.1.0/24", {90, 90}, rules.listener(0), Protocol::udp);
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    REQUIRE(dispatcher.trace(TraceWish{kAll, {}}).has_value());
    constexpr int kDatagrams = 20'000;
    flood("127.0.1.1", 90, kDatagrams);

    std::uint64_t told = 0, lost = 0;
    for (;;) {
        const TraceRead read = dispatcher.read_trace(1000).value();
        CHECK(read.decisions.size() <= 1000);
        lost += read.lost;
        told += read.decisions.size();
        if (read.decisions.empty()) break;
    }
    CHECK(lost > 0);
    CHECK(told > 10'000);
    CHECK(told + lost == kDatagrams);
    CHECK(dispatcher.counters(0).steered == kDatagrams);

    flood("127.0.1.1", 90, 1); // there is room again
    const TraceRead after = dispatcher.read_trace(1000).value();
    CHECK(after.decisions.size() == 1);
    CHECK(after.lost == 0);
}

TEST_CASE("trace: a publish brings the twin of the new generation, and what the old one told keeps its meaning") {
    Dispatcher dispatcher = dispatcher_with(2);
    const UniqueFd socket = test::tcp_listener();
    for (const std::uint32_t slot : {0U, 1U}) REQUIRE(dispatcher.set_socket(slot, socket.get()).has_value());
    HandRules before;
    before.add("127.0.2.0/24", {1, 1}, {Verdict::drop, {}}); // so that port 80 is another rule than later
    before.steer("127.0.1.0/24", {80, 80}, before.listener(0));
    REQUIRE(dispatcher.publish(before.tables()).has_value());
    REQUIRE(dispatcher.trace(TraceWish{kAll, {}}).has_value());
    CHECK(test::tcp_reaches("127.0.1.1", 80, socket.get()));

    HandRules after = one_of_each(1);
    REQUIRE(dispatcher.publish(after.tables()).has_value());
    CHECK(attached_name(dispatcher) == "swathe_traced");
    CHECK(test::tcp_reaches("127.0.1.1", 80, socket.get()));
    const TraceRead first = dispatcher.read_trace(1).value();
    CHECK(told(first) == "80:steer#1");
    CHECK(first.decisions[0].generation == 1);
    const TraceRead second = dispatcher.read_trace(kMany).value();
    CHECK(told(second) == "80:steer#0");
    CHECK(second.decisions[0].generation == 2);
    CHECK(dispatcher.counters(0).steered == 1);
    CHECK(dispatcher.counters(1).steered == 1);

    for (int i = 0; i < 10; ++i) { // more generations than are remembered, none of them read
        CHECK(test::tcp_reaches("127.0.1.1", 80, socket.get()));
        REQUIRE(dispatcher.publish(after.tables()).has_value());
    }
    const TraceRead rest = dispatcher.read_trace(kMany).value();
    CHECK(rest.lost > 0);
    CHECK(rest.decisions.size() + rest.lost == 10);
}

TEST_CASE("trace: when it ends the plain program is back, with its counters, and it can begin anew") {
    Dispatcher dispatcher = dispatcher_with(1);
    const UniqueFd socket = test::tcp_listener();
    REQUIRE(dispatcher.set_socket(0, socket.get()).has_value());
    REQUIRE(dispatcher.publish(one_of_each().tables()).has_value());
    const std::uint32_t plain = dispatcher.programs()->front().id;
    for (int round = 0; round < 3; ++round) {
        REQUIRE(dispatcher.trace(TraceWish{kAll, {}}).has_value());
        CHECK(dispatcher.programs()->front().id != plain);
        CHECK(test::tcp_reaches("127.0.1.1", 80, socket.get()));
        REQUIRE(dispatcher.trace(std::nullopt).has_value());
        CHECK(dispatcher.programs()->front().id == plain);
        CHECK(dispatcher.read_trace(kMany)->decisions.empty());
        CHECK(test::tcp_reaches("127.0.1.1", 80, socket.get()));
    }
    REQUIRE(dispatcher.trace(std::nullopt).has_value()); // nothing to end
    CHECK(dispatcher.counters(0).steered == 6);
    CHECK(dispatcher.generation() == 1);
}

TEST_CASE("trace: nothing is refused while the twin comes and goes under a flood, and everything is counted") {
    Dispatcher dispatcher = dispatcher_with(1);
    const UniqueFd udp = test::udp_socket();
    REQUIRE(dispatcher.set_socket(0, udp.get()).has_value());
    HandRules rules;
    rules.steer("127.0.1.0/24", {90, 90}, rules.listener(0), Protocol::udp);
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    std::atomic<bool> stop = false;
    std::atomic<std::uint64_t> sent = 0, refused = 0;
    std::thread flood([&] {
        const UniqueFd client = test::connected_udp("127.0.1.77", 90);
        for (; !stop; ++sent)
            if (send(client.get(), "x", 1, 0) < 0) ++refused;
    });
    for (int i = 0; i < 50; ++i) {
        CHECK(dispatcher.trace(TraceWish{kAll, {}}).has_value());
        CHECK(dispatcher.publish(rules.tables()).has_value());
        CHECK(dispatcher.read_trace(kMany).has_value());
        CHECK(dispatcher.trace(std::nullopt).has_value());
    }
    stop = true;
    flood.join();
    CHECK(refused == 0);
    CHECK(sent > 100);
    CHECK(dispatcher.counters(0).steered == sent);
}
