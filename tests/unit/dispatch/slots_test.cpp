#include "dispatch/dispatcher.h"
#include "dispatch/slots.h"
#include "rules_for_test.h"
#include "sandbox.h"

#include <doctest/doctest.h>

using namespace swathe;

TEST_CASE("slots: the lowest first, and a released one only after it has rested") {
    Slots slots(3);
    CHECK(slots.take() == 0U);
    CHECK(slots.take() == 1U);
    slots.release(0);
    slots.release(0); // twice is once
    CHECK(slots.take() == 2U);
    CHECK_FALSE(slots.take().has_value());
    CHECK(slots.resting() == 1);
    slots.wake({true});
    CHECK_FALSE(slots.take().has_value()); // the tables still name it
    slots.wake({false});
    CHECK(slots.take() == 0U);
    slots.release(7); // never taken
    slots.wake({});
    CHECK_FALSE(slots.take().has_value());
}

TEST_CASE("dispatch: 65,536 listeners have a slot each, the next is refused with the limit's name") {
    (void)test::Sandbox::instance();
    Dispatcher dispatcher = Dispatcher::create({}).value();
    for (std::uint32_t i = 0; i < kSlotCapacity; ++i) REQUIRE(dispatcher.allocate_slot().value() == i);
    const auto refused = dispatcher.allocate_slot();
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().to_string() == "all 65536 listener slots of the network namespace are in use (the size of the SOCKMAP); "
                                         "let one listener have more addresses and ports, or run a swathed in another namespace (--netns)");
    dispatcher.release_slot(40000);
    CHECK(dispatcher.allocate_slot().value() == 40000U);
}

TEST_CASE("dispatch: what asks for more slots than there are leaves the generation that is in force") {
    (void)test::Sandbox::instance();
    Dispatcher dispatcher = Dispatcher::create({}).value();
    const UniqueFd socket = test::tcp_listener();
    test::HandRules rules, beyond;
    rules.steer("127.0.1.0/24", {80, 80}, rules.listener(dispatcher.allocate_slot().value()));
    REQUIRE(dispatcher.set_socket(0, socket.get()).has_value());
    REQUIRE(dispatcher.publish(rules.tables()).has_value());

    std::vector<std::uint32_t> wanted;
    auto slot = dispatcher.allocate_slot();
    for (; slot; slot = dispatcher.allocate_slot()) wanted.push_back(*slot);
    CHECK(wanted.size() == kSlotCapacity - 1);
    CHECK(test::tcp_reaches("127.0.1.9", 80, socket.get()));
    for (const std::uint32_t in_vain : wanted) dispatcher.release_slot(in_vain);
    CHECK(test::tcp_reaches("127.0.1.9", 80, socket.get()));
    CHECK(dispatcher.generation() == 1);
    CHECK(dispatcher.counters(0).steered == 2);
    CHECK(dispatcher.allocate_slot().value() == 1); // and the next reload has them

    beyond.steer("127.0.1.0/24", {80, 80}, beyond.listener(kSlotCapacity));
    CHECK_FALSE(dispatcher.publish(beyond.tables()).has_value());
    CHECK(test::tcp_reaches("127.0.1.9", 80, socket.get()));
}

TEST_CASE("dispatch: the last slot steers, and its counters count") {
    (void)test::Sandbox::instance();
    Dispatcher dispatcher = Dispatcher::create({}).value();
    for (std::uint32_t i = 0; i < kSlotCapacity; ++i) REQUIRE(dispatcher.allocate_slot().has_value());
    const UniqueFd socket = test::tcp_listener();
    REQUIRE(dispatcher.set_socket(kSlotCapacity - 1, socket.get()).has_value());
    test::HandRules rules;
    rules.steer("127.0.1.0/24", {80, 80}, rules.listener(kSlotCapacity - 1));
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    CHECK(test::tcp_reaches("127.0.1.9", 80, socket.get()));
    CHECK(dispatcher.counters(kSlotCapacity - 1).steered == 1);
}

TEST_CASE("dispatch: the counters grow with the slots in use and lose nothing") {
    (void)test::Sandbox::instance();
    Dispatcher dispatcher = Dispatcher::create({}).value();
    const UniqueFd socket = test::tcp_listener();
    std::uint32_t last = 0;
    test::HandRules rules;
    rules.steer("127.0.1.0/24", {80, 80}, rules.listener(dispatcher.allocate_slot().value()));
    REQUIRE(dispatcher.set_socket(0, socket.get()).has_value());
    std::uint64_t expected = 0;
    for (const std::uint32_t slots : {1U, 64U, 65U, 129U, 1000U}) {
        CAPTURE(slots);
        while (last + 1 < slots) last = dispatcher.allocate_slot().value();
        rules.steer("127.0.2.0/24", {static_cast<std::uint16_t>(slots), static_cast<std::uint16_t>(slots)}, rules.listener(last));
        REQUIRE(dispatcher.publish(rules.tables()).has_value());
        for (int i = 0; i < 3; ++i, ++expected) REQUIRE(test::tcp_reaches("127.0.1.9", 80, socket.get()));
        CHECK(dispatcher.counters(0).steered == expected);
        CHECK(dispatcher.counters(0).lookups == expected);
    }
    CHECK(test::tcp_connect_error("127.0.2.9", 1000) == ECONNREFUSED);
    CHECK(dispatcher.counters(last).no_socket == 1);
}

TEST_CASE("dispatch: a slot that is handed out again counts from zero") {
    (void)test::Sandbox::instance();
    Dispatcher dispatcher = Dispatcher::create({}).value();
    for (std::uint32_t i = 0; i < kSlotCapacity; ++i) REQUIRE(dispatcher.allocate_slot().has_value());
    test::HandRules rules, none;
    rules.steer("127.0.1.0/24", {80, 80}, rules.listener(5));
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    CHECK(test::tcp_connect_error("127.0.1.9", 80) == ECONNREFUSED);
    CHECK(dispatcher.counters(5).no_socket == 1);

    dispatcher.release_slot(5);
    CHECK_FALSE(dispatcher.allocate_slot().has_value()); // the generation still names it
    REQUIRE(dispatcher.publish(none.tables()).has_value());
    CHECK(dispatcher.allocate_slot().value() == 5U);
    CHECK(dispatcher.counters(5).no_socket == 0);
}
