#include "dispatch/dispatcher.h"
#include "rules_for_test.h"
#include "sandbox.h"

#include <arpa/inet.h>
#include <atomic>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <thread>

using namespace swathe;
using test::HandRules;

namespace {

Dispatcher dispatcher_with(std::uint32_t slots) {
    (void)test::Sandbox::instance();
    Dispatcher dispatcher = Dispatcher::create({}).value();
    for (std::uint32_t i = 0; i < slots; ++i) REQUIRE(dispatcher.allocate_slot().value() == i);
    return dispatcher;
}

Flow tcp4(const char* address, std::uint16_t port) {
    return {Protocol::tcp, {parse_address(address).value(), port}, {parse_address("192.0.2.99").value(), 40000}, 0};
}

} // namespace

TEST_CASE("dispatch: one socket takes every address and port of its range, and nothing beside it") {
    Dispatcher dispatcher = dispatcher_with(1);
    const UniqueFd socket = test::tcp_listener();
    REQUIRE(dispatcher.set_socket(0, socket.get()).has_value());
    HandRules rules;
    rules.steer("127.0.1.0/24", {8000, 8999}, rules.listener(0));
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    CHECK(dispatcher.generation() == 1);

    for (const char* address : {"127.0.1.0", "127.0.1.1", "127.0.1.255"})
        for (const int port : {8000, 8500, 8999}) CHECK(test::tcp_reaches(address, static_cast<std::uint16_t>(port), socket.get()));
    CHECK(test::tcp_connect_error("127.0.0.255", 8000) == ECONNREFUSED);
    CHECK(test::tcp_connect_error("127.0.2.0", 8000) == ECONNREFUSED);
    CHECK(test::tcp_connect_error("127.0.1.1", 7999) == ECONNREFUSED);
    CHECK(test::tcp_connect_error("127.0.1.1", 9000) == ECONNREFUSED);
    CHECK(dispatcher.counters(0).steered == 9);
}

TEST_CASE("dispatch: what no rule matches goes to whoever has it bound, a pass rule too, a drop rule does not") {
    Dispatcher dispatcher = dispatcher_with(1);
    const UniqueFd steered = test::tcp_listener(), native = test::tcp_listener();
    sockaddr_in own{};
    socklen_t size = sizeof own;
    REQUIRE(getsockname(native.get(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
    const std::uint16_t port = ntohs(own.sin_port);
    REQUIRE(dispatcher.set_socket(0, steered.get()).has_value());

    HandRules rules;
    const std::uint32_t listener = rules.listener(0);
    rules.steer("127.0.1.0/24", {port, port}, listener);
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    CHECK(test::tcp_reaches("127.0.0.1", port, native.get()));

    rules.steer("127.0.0.0/16", PortRange::all(), listener);
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    CHECK(test::tcp_reaches("127.0.0.1", port, steered.get()));

    HandRules passing = rules;
    passing.add("127.0.0.1/32", {port, port}, {Verdict::pass, {}});
    REQUIRE(dispatcher.publish(passing.tables()).has_value());
    CHECK(test::tcp_reaches("127.0.0.1", port, native.get()));

    rules.add("127.0.0.1/32", {port, port}, {Verdict::drop, {}});
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    CHECK(test::tcp_connect_error("127.0.0.1", port) == ECONNREFUSED);
    CHECK(dispatcher.generation() == 4);
}

TEST_CASE("dispatch: a listener without a socket refuses or passes, as when_down says, and is counted") {
    Dispatcher dispatcher = dispatcher_with(3);
    const UniqueFd native = test::tcp_listener();
    sockaddr_in own{};
    socklen_t size = sizeof own;
    REQUIRE(getsockname(native.get(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
    const std::uint16_t port = ntohs(own.sin_port);
    const WhenDown policies[] = {WhenDown::queue, WhenDown::drop, WhenDown::pass};
    for (std::uint32_t slot = 0; slot < 3; ++slot) {
        HandRules rules;
        rules.steer("127.0.0.0/24", PortRange::all(), rules.listener(slot, policies[slot]));
        REQUIRE(dispatcher.publish(rules.tables()).has_value());
        CAPTURE(slot);
        if (policies[slot] == WhenDown::pass) CHECK(test::tcp_reaches("127.0.0.1", port, native.get()));
        else CHECK(test::tcp_connect_error("127.0.0.1", port) == ECONNREFUSED);
        const SlotCounters counters = dispatcher.counters(slot);
        CHECK(counters.no_socket == 1);
        CHECK(counters.lookups == 1);
        CHECK(counters.steered == 0);
    }
}

TEST_CASE("dispatch: a socket that the kernel refuses to assign is counted with its errno") {
    Dispatcher dispatcher = dispatcher_with(1);
    const UniqueFd udp = test::udp_socket(); // for TCP packets: EPROTOTYPE
    REQUIRE(dispatcher.set_socket(0, udp.get()).has_value());
    HandRules rules;
    rules.steer("127.0.1.0/24", {80, 80}, rules.listener(0));
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    CHECK(test::tcp_connect_error("127.0.1.1", 80) == ECONNREFUSED);
    const SlotCounters counters = dispatcher.counters(0);
    CHECK(counters.assign_errors == 1);
    CHECK(counters.lookups == 1);
    CHECK(counters.last_errno == EPROTOTYPE);
}

TEST_CASE("dispatch: sockets that cannot be steered to are refused with the reason") {
    Dispatcher dispatcher = dispatcher_with(1);
    const UniqueFd fresh(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto refused = dispatcher.set_socket(0, fresh.get());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().errno_value == EOPNOTSUPP);
    CHECK(refused.error().message.find("neither a listening TCP nor a bound UDP socket") != std::string::npos);
    CHECK_FALSE(dispatcher.set_socket(0, -1).has_value());
    const UniqueFd good = test::tcp_listener();
    CHECK_FALSE(dispatcher.set_socket(1, good.get()).has_value()); // never allocated
}

TEST_CASE("dispatch: test_run names the rule and the slot, also of an empty slot, and counts nothing") {
    Dispatcher dispatcher = dispatcher_with(2);
    CHECK_FALSE(dispatcher.test_run(tcp4("127.0.1.1", 80)).has_value()); // nothing is published yet
    HandRules rules;
    rules.steer("127.0.0.0/8", PortRange::all(), rules.listener(0));
    rules.steer("127.0.1.0/24", {80, 80}, rules.listener(1));
    rules.add("127.0.1.0/24", {81, 81}, {Verdict::drop, {}});
    rules.rules.homes.push_back({Protocol::tcp, parse_socket_address("192.0.2.1:1234").value()});
    REQUIRE(dispatcher.publish(rules.tables()).has_value());

    struct Case { const char* address; std::uint16_t port; Verdict verdict; std::optional<RuleId> rule; std::uint32_t slot; };
    const Case cases[] = {
        {"127.0.1.1", 80, Verdict::steer, 1, 1},
        {"127.0.1.1", 81, Verdict::drop, 2, 0},
        {"127.0.1.1", 82, Verdict::steer, 0, 0},
        {"192.0.2.1", 1234, Verdict::drop, std::nullopt, 0},
        {"192.0.2.1", 1235, Verdict::pass, std::nullopt, 0},
    };
    for (const Case& c : cases) {
        CAPTURE(c.port);
        const auto said = dispatcher.test_run(tcp4(c.address, c.port));
        REQUIRE(said.has_value());
        CHECK(said->verdict == c.verdict);
        CHECK(said->rule == c.rule);
        CHECK(said->slot == c.slot);
    }
    Flow mixed = tcp4("127.0.1.1", 80);
    mixed.remote.address = Address::any(Family::ipv6);
    CHECK_FALSE(dispatcher.test_run(mixed).has_value());
    CHECK(dispatcher.counters(0).lookups == 0);
    CHECK(dispatcher.counters(1).lookups == 0);
}

TEST_CASE("dispatch: test_run answers for a slot whose socket is in a SO_REUSEPORT group, too") {
    Dispatcher dispatcher = dispatcher_with(1);
    const UniqueFd socket = test::tcp_listener();
    const int on = 1;
    REQUIRE(setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0); // EOPNOTSUPP from a program that assigns it
    REQUIRE(dispatcher.set_socket(0, socket.get()).has_value());
    HandRules rules;
    rules.steer("127.0.1.0/24", {80, 80}, rules.listener(0));
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    const auto said = dispatcher.test_run(tcp4("127.0.1.1", 80));
    REQUIRE(said.has_value());
    CHECK(said->verdict == Verdict::steer);
    CHECK(test::tcp_reaches("127.0.1.1", 80, socket.get()));
}

TEST_CASE("dispatch: tables that cannot be loaded leave the old generation in place, and say what the kernel said") {
    Dispatcher dispatcher = dispatcher_with(1);
    const UniqueFd socket = test::tcp_listener();
    REQUIRE(dispatcher.set_socket(0, socket.get()).has_value());
    HandRules rules;
    rules.steer("127.0.1.0/24", {80, 80}, rules.listener(0));
    Tables tables = rules.tables();
    REQUIRE(dispatcher.publish(tables).has_value());
    tables.bounds.depth = 0xffffffffU; // more turns than the verifier will follow
    tables.bounds.levels = 6;
    tables.bounds.steps = 32;
    const auto refused = dispatcher.publish(tables);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find("load the BPF program: ") == 0);
    CHECK(dispatcher.generation() == 1);
    CHECK(test::tcp_reaches("127.0.1.9", 80, socket.get()));
}

TEST_CASE("dispatch: nothing is refused while generations are switched under a flood") {
    Dispatcher dispatcher = dispatcher_with(2);
    const UniqueFd tcp = test::tcp_listener(), udp = test::udp_socket();
    REQUIRE(dispatcher.set_socket(0, tcp.get()).has_value());
    REQUIRE(dispatcher.set_socket(1, udp.get()).has_value());
    Tables generations[2];
    for (int i = 0; i < 2; ++i) {
        HandRules rules;
        rules.steer(i == 0 ? "127.0.1.0/24" : "127.0.0.0/16", {7000, static_cast<std::uint16_t>(7000 + i)}, rules.listener(0));
        rules.steer(i == 0 ? "127.0.1.0/24" : "127.0.0.0/16", {7000, static_cast<std::uint16_t>(7000 + i)}, rules.listener(1),
                    Protocol::udp);
        generations[i] = rules.tables();
    }
    REQUIRE(dispatcher.publish(generations[0]).has_value());

    std::atomic<bool> stop = false;
    std::atomic<int> sent = 0, refused = 0;
    std::thread flood([&] {
        const UniqueFd client = test::connected_udp("127.0.1.77", 7000);
        while (!stop) { // a datagram that no one takes is answered by ICMP, which the next send reports
            ++sent;
            if (send(client.get(), "x", 1, 0) < 0) ++refused;
            if (sent % 50 == 0 && !test::tcp_reaches("127.0.1.77", 7000, tcp.get())) ++refused;
        }
    });
    for (int i = 1; i <= 100; ++i) CHECK(dispatcher.publish(generations[i % 2]).has_value());
    stop = true;
    flood.join();
    CAPTURE(sent.load());
    CHECK(refused == 0);
    CHECK(sent > 100);
    CHECK(dispatcher.generation() == 101);
}

TEST_CASE("dispatch: a generation that is prepared in another thread changes nothing until it is published, and can be taken back") {
    Dispatcher dispatcher = dispatcher_with(2);
    const UniqueFd first = test::tcp_listener(), second = test::tcp_listener();
    REQUIRE(dispatcher.set_socket(0, first.get()));
    REQUIRE(dispatcher.set_socket(1, second.get()));
    HandRules before, after;
    before.steer("127.9.1.0/24", {7000, 7000}, before.listener(0));
    after.steer("127.9.1.0/24", {7000, 7000}, after.listener(1));
    REQUIRE(dispatcher.publish(before.tables()));

    std::optional<Result<Dispatcher::Prepared>> next;
    std::thread([&] { next = dispatcher.prepare(after.tables()); }).join();
    REQUIRE(next->has_value());
    CHECK(test::tcp_reaches("127.9.1.5", 7000, first.get()));
    CHECK(dispatcher.generation() == 1);

    REQUIRE(dispatcher.publish(**next));
    CHECK(test::tcp_reaches("127.9.1.5", 7000, second.get()));
    CHECK(dispatcher.test_run(tcp4("127.9.1.5", 7000)).value().slot == 1);

    REQUIRE(dispatcher.publish(**next));
    CHECK(test::tcp_reaches("127.9.1.5", 7000, first.get()));
    CHECK(dispatcher.test_run(tcp4("127.9.1.5", 7000)).value().slot == 0);
    CHECK(dispatcher.generation() == 3);
}

TEST_CASE("dispatch: there is nothing to go back to before the first generation") {
    Dispatcher dispatcher = dispatcher_with(1);
    HandRules rules;
    rules.steer("127.9.1.0/24", {7000, 7000}, rules.listener(0));
    auto next = dispatcher.prepare(rules.tables());
    REQUIRE(next);
    REQUIRE(dispatcher.publish(*next));
    CHECK_FALSE(dispatcher.publish(*next));
    CHECK(dispatcher.generation() == 1);
}

TEST_CASE("dispatch: counters survive a generation that needs more of them, and the way back") {
    constexpr std::uint32_t kMany = 200; // more than the map has room for at first
    Dispatcher dispatcher = dispatcher_with(kMany + 1);
    const UniqueFd socket = test::tcp_listener();
    REQUIRE(dispatcher.set_socket(0, socket.get()));
    HandRules few, many;
    few.steer("127.9.2.0/24", {7000, 7000}, few.listener(0));
    many.steer("127.9.2.0/24", {7000, 7000}, many.listener(0));
    many.steer("127.9.3.0/24", {7000, 7000}, many.listener(kMany));
    const auto connect = [&](unsigned times) {
        for (unsigned i = 0; i < times; ++i) CHECK(test::tcp_reaches("127.9.2.5", 7000, socket.get()));
        return dispatcher.counters(0).steered;
    };
    REQUIRE(dispatcher.publish(few.tables()));
    CHECK(connect(2) == 2);
    auto next = dispatcher.prepare(many.tables());
    REQUIRE(next);
    REQUIRE(dispatcher.publish(*next));
    CHECK(connect(3) == 5);
    REQUIRE(dispatcher.publish(*next));
    CHECK(connect(1) == 6);
    REQUIRE(dispatcher.publish(*next));
    CHECK(connect(1) == 7);
}

TEST_CASE("dispatch: each rule is counted for itself, and goes on counting where a reload leaves it as it was") {
    Dispatcher dispatcher = dispatcher_with(2);
    const UniqueFd socket = test::tcp_listener();
    for (const std::uint32_t slot : {0U, 1U}) REQUIRE(dispatcher.set_socket(slot, socket.get()).has_value());
    HandRules before;
    before.config.daemon.rule_counters = true;
    const std::uint32_t one = before.listener(0), two = before.listener(1);
    before.steer("127.0.0.0/16", {8000, 8999}, one);      // 0
    before.steer("127.0.1.0/24", {8000, 8999}, one);      // 1: inside, the same but for its length
    before.steer("127.0.1.7/32", {8080, 8080}, two);      // 2
    before.add("127.0.1.8/32", PortRange::all(), {Verdict::drop, {}}); // 3
    before.add("127.0.1.9/32", PortRange::all(), {Verdict::pass, {}}); // 4
    before.steer("127.0.3.0/24", {8000, 8999}, two);      // 5: nobody asks for it
    for (std::uint32_t i = 0; i < 2 * DISPATCH_HITS; ++i) // more than one element of the map
        before.steer(("127.9." + std::to_string(i / 256) + "." + std::to_string(i % 256) + "/32").c_str(), {80, 80}, one);
    const Tables tables = before.tables();
    REQUIRE(dispatcher.publish(tables).has_value());

    const auto send = [&](const char* address, std::uint16_t port, int times) {
        for (int i = 0; i < times; ++i) (void)test::tcp_connect_error(address, port);
    };
    send("127.0.2.2", 8000, 1);
    send("127.0.1.1", 8080, 2);
    send("127.0.1.7", 8080, 3);
    send("127.0.1.7", 8081, 4); // falls to the /24
    send("127.0.1.8", 8080, 5);
    send("127.0.1.9", 8080, 6);
    send("127.8.0.1", 8080, 7); // no rule
    send("127.9.3.255", 80, 8);
    std::vector<std::uint64_t> expected{1, 6, 3, 5, 6, 0};
    expected.resize(6 + 2 * DISPATCH_HITS);
    expected.back() = 8;
    CHECK(dispatcher.rule_hits() == expected);
    CHECK(dispatcher.test_run(tcp4("127.0.1.7", 8080))->rule == 2U);
    CHECK(dispatcher.rule_hits() == expected); // who asks is not counted

    HandRules now;
    now.config = before.config;
    now.slots = before.slots;
    now.add("127.0.1.8/32", PortRange::all(), {Verdict::drop, {}});
    now.steer("127.0.1.0/24", {8000, 8999}, two); // another listener: from 0
    now.steer("127.0.1.7/32", {8080, 8080}, two);
    const Tables next = now.tables();
    REQUIRE(dispatcher.publish(next, same_rules({before.rules, before.config, tables}, {now.rules, now.config, next})).has_value());
    CHECK(dispatcher.rule_hits() == std::vector<std::uint64_t>{5, 0, 3});
    send("127.0.1.7", 8080, 1);
    CHECK(dispatcher.rule_hits() == std::vector<std::uint64_t>{5, 0, 4});
    REQUIRE(dispatcher.publish(next, same_rules({now.rules, now.config, next}, {now.rules, now.config, next})).has_value());
    CHECK(dispatcher.rule_hits() == std::vector<std::uint64_t>{5, 0, 4}); // what was carried is carried again

    now.config.daemon.rule_counters = false;
    REQUIRE(dispatcher.publish(now.tables()).has_value());
    CHECK(dispatcher.rule_hits().empty());
}
