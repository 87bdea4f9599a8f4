#include "socket/delivery.h"

#include <algorithm>
#include <random>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace swathe;

namespace {

Prefix prefix(const std::string& text) { return parse_prefix(text).value(); }
AddressRange range(const char* text) { return parse_address_range(text).value(); }

LocalRoute route(const char* text, Delivery delivery, std::uint32_t priority = 0) { return {prefix(text), delivery, 2, priority}; }

const char* word(Delivery d) { return d == Delivery::local ? "local" : d == Delivery::broadcast ? "broadcast" : "none"; }

std::string text(const std::vector<DeliverySpan>& spans) {
    std::string out;
    for (const DeliverySpan& s : spans)
        out += fmt::format("{}{}-{} {}", out.empty() ? "" : "; ", s.range.first.to_string(), s.range.last.to_string(), word(s.delivery));
    return out;
}

} // namespace

TEST_CASE("delivery: the longest route decides, and what a hole leaves is delivered again behind it") {
    const auto spans = spans_of({
        route("192.0.2.0/24", Delivery::local),
        route("192.0.2.255/32", Delivery::broadcast),
        route("192.0.2.64/26", Delivery::none), // e.g. unreachable
        route("192.0.2.70/32", Delivery::local),
        route("192.0.3.0/24", Delivery::local),
        route("255.255.255.255/32", Delivery::broadcast),
        route("::1/128", Delivery::local),
        route("2001:db8::/64", Delivery::local),
        route("2001:db8::/128", Delivery::broadcast),
    });
    CHECK(text(spans) ==
          "192.0.2.0-192.0.2.63 local; 192.0.2.70-192.0.2.70 local; 192.0.2.128-192.0.2.254 local; 192.0.2.255-192.0.2.255 broadcast; "
          "192.0.3.0-192.0.3.255 local; 255.255.255.255-255.255.255.255 broadcast; ::1-::1 local; "
          "2001:db8::-2001:db8:: broadcast; 2001:db8::1-2001:db8::ffff:ffff:ffff:ffff local");
}

TEST_CASE("delivery: of two routes to one prefix the lower priority value counts") {
    CHECK(text(spans_of({route("192.0.2.0/24", Delivery::none, 5), route("192.0.2.0/24", Delivery::local, 4)})) ==
          "192.0.2.0-192.0.2.255 local");
    CHECK(text(spans_of({route("192.0.2.0/24", Delivery::none, 3), route("192.0.2.0/24", Delivery::local, 4)})).empty());
}

TEST_CASE("delivery: gaps of a range, at its edges and between spans") {
    const auto spans = spans_of(
        {route("192.0.2.0/25", Delivery::local), route("192.0.2.192/27", Delivery::local), route("192.0.2.255/32", Delivery::broadcast)});
    struct Case { const char* range; const char* gaps; };
    const Case cases[] = {
        {"192.0.2.0/25", ""},
        {"192.0.2.7", ""},
        {"192.0.2.0/24", "192.0.2.128-192.0.2.191 none; 192.0.2.224-192.0.2.254 none; 192.0.2.255-192.0.2.255 broadcast"},
        {"192.0.1.255-192.0.2.0", "192.0.1.255-192.0.1.255 none"},
        {"192.0.2.127-192.0.2.128", "192.0.2.128-192.0.2.128 none"},
        {"192.0.2.254-192.0.3.0", "192.0.2.254-192.0.2.254 none; 192.0.2.255-192.0.2.255 broadcast; 192.0.3.0-192.0.3.0 none"},
        {"0.0.0.0/0", "0.0.0.0-192.0.1.255 none; 192.0.2.128-192.0.2.191 none; 192.0.2.224-192.0.2.254 none; "
                      "192.0.2.255-192.0.2.255 broadcast; 192.0.3.0-255.255.255.255 none"},
        {"::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff none"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.range);
        CHECK(text(gaps_in(range(c.range), spans)) == c.gaps);
    }
    CHECK(gaps_in(range("0.0.0.0/0"), spans_of({route("0.0.0.0/0", Delivery::local)})).empty());
    CHECK(gaps_in(range("::/0"), spans_of({route("0.0.0.0/0", Delivery::local), route("::/0", Delivery::local)})).empty());
}

TEST_CASE("delivery: spans and gaps agree with a search through all routes") {
    const std::uint32_t seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 engine(seed);
    const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
    for (int round = 0; round < 300; ++round) {
        const bool top = round % 2 == 0; // so that the end of the address space is reached, too
        const std::uint32_t base = top ? 0xffffff00 : 0xc0000200;
        std::vector<LocalRoute> routes;
        for (unsigned n = random() % 12; n > 0; --n) {
            const unsigned length = 24 + random() % 9;
            const Prefix p = prefix_of(Address::v4(base | (random() & 0xff)), length);
            const bool known = std::any_of(routes.begin(), routes.end(), [&](const LocalRoute& r) { return r.destination == p; });
            if (!known) routes.push_back({p, static_cast<Delivery>(random() % 3), 2, 0});
        }
        const auto decide = [&](std::uint32_t bits) {
            const LocalRoute* best = nullptr;
            for (const LocalRoute& r : routes)
                if (r.destination.contains(Address::v4(bits)) && (best == nullptr || best->destination.length < r.destination.length))
                    best = &r;
            return best == nullptr ? Delivery::none : best->delivery;
        };
        const auto spans = spans_of(routes);
        for (std::size_t i = 1; i < spans.size(); ++i) REQUIRE(spans[i - 1].range.last < spans[i].range.first);
        std::uint32_t from = base + random() % 256;
        std::uint32_t to = base + random() % 256;
        if (to < from) std::swap(from, to);
        const auto gaps = gaps_in({Address::v4(from), Address::v4(to)}, spans);
        for (std::uint32_t i = 0; i < 256; ++i) {
            const Address a = Address::v4(base + i);
            const auto gap = std::find_if(gaps.begin(), gaps.end(), [&](const DeliverySpan& g) { return g.range.contains(a); });
            const bool inside = base + i >= from && base + i <= to;
            const bool expected = inside && decide(base + i) != Delivery::local;
            REQUIRE((gap != gaps.end()) == expected);
            if (expected) REQUIRE(gap->delivery == decide(base + i));
        }
    }
}

TEST_CASE("delivery: overlapping and adjacent ranges become minimal prefixes") {
    struct Case { std::vector<const char*> ranges; std::vector<std::string> prefixes; };
    const Case cases[] = {
        {{}, {}},
        {{"192.0.2.128/25", "192.0.2.0/25"}, {"192.0.2.0/24"}},
        {{"192.0.2.0/24", "192.0.2.7", "192.0.2.0/24"}, {"192.0.2.0/24"}},
        {{"192.0.2.1", "192.0.2.3"}, {"192.0.2.1/32", "192.0.2.3/32"}},
        {{"255.255.255.254/31", "::/127", "255.255.255.255"}, {"255.255.255.254/31", "::/127"}},
        {{"0.0.0.0/0", "::/0"}, {"0.0.0.0/0", "::/0"}},
        {{"192.0.2.10-192.0.2.20", "192.0.2.15-192.0.2.31"}, {"192.0.2.10/31", "192.0.2.12/30", "192.0.2.16/28"}},
    };
    for (const Case& c : cases) {
        std::vector<AddressRange> ranges;
        for (const char* r : c.ranges) ranges.push_back(range(r));
        std::vector<std::string> texts;
        for (const Prefix& p : minimal_prefixes(ranges)) texts.push_back(p.to_string());
        CHECK(texts == c.prefixes);
    }
}

TEST_CASE("delivery: a route that swallows everything or a router is dangerous") {
    const std::vector<Address> gateways{range("192.0.2.1").first, range("2001:db8::1").first};
    CHECK(danger_of(prefix("0.0.0.0/0"), {}).has_value());
    CHECK(danger_of(prefix("::/0"), {}).has_value());
    CHECK(danger_of(prefix("192.0.2.0/24"), gateways).value() == "contains 192.0.2.1, a router that this host sends through");
    CHECK(danger_of(prefix("2001:db8::/64"), gateways).has_value());
    CHECK_FALSE(danger_of(prefix("192.0.2.2/31"), gateways));
    CHECK_FALSE(danger_of(prefix("192.0.2.0/32"), gateways));
    CHECK_FALSE(danger_of(prefix("192.0.3.0/24"), gateways));
}
