#include "model/order.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

Service service(std::string name, std::vector<std::string> after, std::vector<std::string> required = {}) {
    Service out;
    out.name = std::move(name);
    std::uint32_t line = 0;
    const auto put = [&](std::vector<ServiceName>& list, std::vector<std::string>& names) {
        for (std::string& other : names) list.push_back({std::move(other), {SourceFile(out.name + ".toml"), ++line, 1}});
    };
    put(out.after, after);
    put(out.requires_, required);
    return out;
}

std::string order_of(const std::vector<Service>& services) {
    const auto order = start_order(services);
    if (!order) return order.error().to_string();
    std::string text;
    for (const std::size_t i : *order) text += services[i].name;
    return text;
}

} // namespace

TEST_CASE("order: each behind what it waits for, and otherwise as they stand") {
    CHECK(order_of({}) == "");
    CHECK(order_of({service("a", {}), service("b", {}), service("c", {})}) == "abc");
    CHECK(order_of({service("a", {"c"}), service("b", {}), service("c", {})}) == "bca");
    CHECK(order_of({service("a", {}, {"b"}), service("b", {"c"}), service("c", {})}) == "cba");
    CHECK(order_of({service("a", {"b", "b"}, {"b"}), service("b", {})}) == "ba");
    CHECK(order_of({service("a", {"nobody", "d"}), service("b", {"a"}), service("c", {"a"}), service("d", {})}) == "dabc");
}

TEST_CASE("order: before is after the other way round, and who is bound comes behind") {
    Service a = service("a", {});
    Service b = service("b", {});
    Service c = service("c", {});
    c.before = {{"b", {SourceFile("c.toml"), 7, 2}}, {"nobody", {}}};
    CHECK(order_of({a, b, c}) == "acb");
    a.binds_to = {{"c", {}}};
    CHECK(order_of({a, b, c}) == "cab");
    c.after = {{"b", {SourceFile("c.toml"), 8, 2}}};
    CHECK(order_of({a, b, c}) == "c.toml:7:2: each waits for the next: b -> c -> b");
}

TEST_CASE("order: a cycle is named, from its first service on and without what only leads to it") {
    CHECK(order_of({service("a", {"a"})}) == "a.toml:1:1: each waits for the next: a -> a");
    CHECK(order_of({service("a", {"b"}), service("b", {}, {"a"})}) == "a.toml:1:1: each waits for the next: a -> b -> a");
    CHECK(order_of({service("a", {"d"}), service("b", {"x", "c"}), service("c", {"d"}), service("d", {"b"}), service("x", {})}) ==
          "b.toml:2:1: each waits for the next: b -> c -> d -> b");
}

TEST_CASE("order: a hundred thousand services in a row are put in order without a deep stack") {
    constexpr std::size_t kMany = 100'000;
    std::vector<Service> services;
    const auto name = [](std::size_t i) { return std::to_string(kMany + i); };
    for (std::size_t i = 0; i + 1 < kMany; ++i) services.push_back(service(name(i), {name(i + 1)}));
    services.push_back(service(name(kMany - 1), {}));
    const auto order = start_order(services);
    REQUIRE(order);
    CHECK(order->front() == kMany - 1);
    CHECK(order->back() == 0);
    services.back().after.push_back({name(0), {}});
    CHECK_FALSE(start_order(services));
}
