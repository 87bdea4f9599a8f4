#include "base/prefix.h"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

Prefix prefix(const char* text) { return parse_prefix(text).value(); }

} // namespace

TEST_CASE("prefix: contains its first and last address and neither neighbour") {
    struct Case { const char* text; const char* first; const char* last; const char* below; const char* above; };
    const Case cases[] = {
        {"192.0.2.0/24", "192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"},
        {"192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.6", "192.0.2.8"},
        {"2001:db8:1::/64", "2001:db8:1::", "2001:db8:1:0:ffff:ffff:ffff:ffff", "2001:db8:0:ffff:ffff:ffff:ffff:ffff", "2001:db8:1:1::"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.text);
        const Prefix p = prefix(c.text);
        CHECK(p.first().to_string() == c.first);
        CHECK(p.last().to_string() == c.last);
        CHECK(p.contains(p.first()));
        CHECK(p.contains(p.last()));
        CHECK_FALSE(p.contains(parse_address(c.below).value()));
        CHECK_FALSE(p.contains(parse_address(c.above).value()));
    }
    CHECK(prefix("0.0.0.0/0").contains(prefix("255.255.255.255")));
    CHECK_FALSE(prefix("0.0.0.0/0").contains(prefix("::/0")));
}

TEST_CASE("prefix: bits behind the length are refused with the prefix that was meant") {
    CHECK(parse_prefix("192.0.2.7/24").error().message == "address has bits behind /24; the prefix is 192.0.2.0/24");
    for (const char* text : {"192.0.2.0/33", "192.0.2.0/", "::/129", "/8", "192.0.2.0/-1", "192.0.2.0/24x"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_prefix(text));
    }
}

TEST_CASE("range: a range is cut into its minimal prefixes") {
    struct Case { const char* text; std::vector<std::string> prefixes; };
    const Case cases[] = {
        {"192.0.2.10-192.0.2.10", {"192.0.2.10/32"}},
        {"192.0.2.10-192.0.2.20", {"192.0.2.10/31", "192.0.2.12/30", "192.0.2.16/30", "192.0.2.20/32"}},
        {"0.0.0.0-255.255.255.255", {"0.0.0.0/0"}},
        {"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", {"::/0"}},
        {"2001:db8::ffff:ffff:ffff:ffff-2001:db8:0:1::", {"2001:db8::ffff:ffff:ffff:ffff/128", "2001:db8:0:1::/128"}},
        {"255.255.255.254-255.255.255.255", {"255.255.255.254/31"}},
    };
    for (const Case& c : cases) {
        CAPTURE(c.text);
        std::vector<Prefix> prefixes;
        append_prefixes(parse_address_range(c.text).value(), prefixes);
        std::vector<std::string> texts;
        for (const Prefix& p : prefixes) texts.push_back(p.to_string());
        CHECK(texts == c.prefixes);
    }
    for (const char* text : {"192.0.2.20-192.0.2.10", "192.0.2.1-2001:db8::1", "192.0.2.0/24-192.0.3.0", "192.0.2.1-"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_address_range(text));
    }
}

TEST_CASE("range: the prefixes of a random range cover it without gap or overlap") {
    const std::uint32_t seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 2000; ++round) {
        const Family family = round % 2 == 0 ? Family::ipv4 : Family::ipv6;
        const U128 mask = U128::low_bits(width_of(family));
        Address a{family, U128{random(), random()} & mask};
        Address b{family, U128{random(), random()} & mask};
        if (b < a) std::swap(a, b);
        std::vector<Prefix> prefixes;
        append_prefixes({a, b}, prefixes);
        REQUIRE(prefixes.size() <= (family == Family::ipv4 ? 62U : 254U));
        CHECK(prefixes.front().first() == a);
        CHECK(prefixes.back().last() == b);
        for (std::size_t i = 1; i < prefixes.size(); ++i) CHECK(prefixes[i].first().bits == prefixes[i - 1].last().bits.next());
    }
}
