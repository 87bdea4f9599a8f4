#include "classify/intervals.h"
#include "classify/holes.h"

#include <random>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

std::vector<Point> swept(std::initializer_list<std::pair<const char*, std::uint32_t>> prefixes) {
    PrefixSweep sweep(prefixes.size());
    for (const auto& [text, answer] : prefixes) {
        const Prefix prefix = parse_prefix(text).value();
        (void)sweep.leave_before(prefix.address.bits);
        sweep.enter(prefix, answer);
    }
    return sweep.finish();
}

std::vector<Point> points(std::initializer_list<std::pair<std::uint64_t, std::uint32_t>> all) {
    std::vector<Point> out;
    for (const auto& [first, answer] : all) out.push_back({{0, first}, answer});
    return out;
}

} // namespace

TEST_CASE("sweep: nested, adjacent and touching prefixes become intervals of which the longest answers") {
    CHECK(swept({}) == points({{0, 0}}));
    CHECK(swept({{"0.0.0.0/0", 1}}) == points({{0, 1}}));
    CHECK(swept({{"0.0.0.1/32", 1}, {"0.0.0.2/31", 2}}) == points({{0, 0}, {1, 1}, {2, 2}, {4, 0}}));
    CHECK(swept({{"0.0.0.0/24", 1}, {"0.0.0.0/32", 2}}) == points({{0, 2}, {1, 1}, {256, 0}}));
    CHECK(swept({{"0.0.0.0/24", 1}, {"0.0.0.255/32", 2}}) == points({{0, 1}, {255, 2}, {256, 0}}));
    CHECK(swept({{"255.255.255.254/31", 1}, {"255.255.255.255/32", 2}}) == points({{0, 0}, {0xfffffffe, 1}, {0xffffffff, 2}}));
    CHECK(swept({{"0.0.0.0/24", 1}, {"0.0.0.8/29", 1}}) == points({{0, 1}, {256, 0}})); // one answer, one interval
}

TEST_CASE("sweep: the top of IPv6 does not wrap") {
    const std::vector<Point> found = swept({{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127", 1}});
    REQUIRE(found.size() == 2);
    CHECK(found[1] == Point{{~0ULL, ~1ULL}, 1});
}

TEST_CASE("ports: cuts leave what is beside them") {
    using Ports = std::vector<PortRange>;
    CHECK(without({1, 65535}, {}) == Ports{{1, 65535}});
    CHECK(without({1, 65535}, {{1, 1}, {65535, 65535}}) == Ports{{2, 65534}});
    CHECK(without({80, 89}, {{84, 85}}) == Ports{{80, 83}, {86, 89}});
    CHECK(without({80, 89}, {{70, 99}}) == Ports{});
    CHECK(without({80, 89}, {{85, 99}, {80, 84}}) == Ports{});
}
