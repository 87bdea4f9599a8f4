#include "model/address_list.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

Placed<AddressRange> at(const char* range, const char* file, std::uint32_t line, std::uint32_t column) {
    return {parse_address_range(range).value(), {SourceFile(file), line, column}};
}

bool same(const Placed<AddressRange>& a, const Placed<AddressRange>& b) { return a.value == b.value && a.pos == b.pos; }

} // namespace

TEST_CASE("address list: a range comes out as it was put in, with its place") {
    const std::vector<Placed<AddressRange>> all{
        // the column has 16 bits
        at("192.0.2.1", "a", 1, 1),          at("2001:db8::/64", "a", 2, 65'535), at("2001:db8::1", "b", 3, 65'536),
        at("192.0.2.3-192.0.2.9", "b", 4, 2), at("0.0.0.0/0", "a", 5, 0),          at("::/0", "", 0, 0),
        at("::-::2", "a", 4'000'000'000, 1),  at("255.255.255.255", "a", 7, 1),    at("ffff::/16", "a", 8, 1),
    };
    AddressList list;
    for (const auto& one : all) list.push_back(one);
    REQUIRE(list.size() == all.size());
    std::size_t i = 0;
    for (const auto& one : list) {
        CAPTURE(i);
        CHECK(same(one, all[i]));
        CHECK(same(list[i], all[i]));
        ++i;
    }
}

TEST_CASE("address list: a copy does not see what the other does later, and a list can be appended to itself") {
    AddressList list{at("192.0.2.1", "a", 1, 1), at("192.0.2.2", "a", 2, 1)};
    const AddressList copy = list;
    list.append(list);
    CHECK(copy.size() == 2);
    REQUIRE(list.size() == 4);
    CHECK(same(list[3], copy[1]));
    AddressList empty;
    empty.append(copy);
    CHECK(same(empty.front(), copy.front()));
    list.clear();
    CHECK(list.empty());
    CHECK(copy.size() == 2);
}
