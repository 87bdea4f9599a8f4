#include "socket/flow.h"

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

constexpr std::size_t kBuckets = 42043; // a prime that std::unordered_map takes
const UdpFlow one{
    {{Family::ipv6, {0x20010db800010000ULL, 1}}, 40000},
    {{Family::ipv6, {0x20010db800020000ULL, 1}}, 53},
    0,
};

/// The fullest bucket after so many flows, of which `make` says the next.
template <class Make> std::size_t fullest(std::size_t flows, Make make) {
    std::vector<std::size_t> counts(kBuckets);
    for (std::size_t i = 0; i < flows; ++i) ++counts[UdpFlowHash{}(make(i)) % kBuckets];
    return *std::max_element(counts.begin(), counts.end());
}

} // namespace

TEST_CASE("flow hash: flows that differ in little spread over all buckets") {
    constexpr std::size_t kFlows = 40000; // at random the fullest has 8 or so
    CHECK(fullest(kFlows, [flow = one](std::size_t i) mutable {
              flow.client.address.bits.lo = i;
              return flow;
          }) < 20);
    CHECK(fullest(kFlows, [flow = one](std::size_t i) mutable {
              flow.client.address.bits.lo = i << 48;
              return flow;
          }) < 20);
    CHECK(fullest(kFlows, [flow = one](std::size_t i) mutable {
              flow.client.port = static_cast<std::uint16_t>(i);
              return flow;
          }) < 20);
    CHECK(fullest(kFlows, [flow = one](std::size_t i) mutable {
              flow.asked.address.bits.lo = i;
              return flow;
          }) < 20);
}

TEST_CASE("flow hash: who knows the function, and not its key, cannot choose flows of one bucket") {
    static constexpr std::uint64_t kOnceInOne[] = { // of a hash without a key
        0x62d669677fcb8222, 0x578e91e1387dd5d2, 0x35a7f2d7c9e88c60, 0x41f4a498a9742d95,
        0x2418b501e9d6d466, 0xdf5e3c6f752338f2, 0xc78f142e46cce62c, 0x3f67bb8c64283cb,
        0xdd3bf40354f4895c, 0x20d8951d841dd2b3, 0x5950aca2430f25a9, 0x429c0fab426f5027};
    CHECK(fullest(std::size(kOnceInOne), [flow = one](std::size_t i) mutable {
              flow.client.address.bits.lo = kOnceInOne[i];
              return flow;
          }) < 4);
}
