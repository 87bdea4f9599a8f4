#include "socket/flow.h"

#include <array>

#include <sys/random.h>

namespace swathe {
namespace {

using Keys = std::array<std::uint64_t, 2>;

/// Drawn once. Who sends chooses addresses and ports: without a secret, also those that all fall into one bucket.
const Keys& keys() noexcept {
    static const Keys drawn = [] {
        Keys all{0x9e3779b97f4a7c15ULL, 0xc2b2ae3d27d4eb4fULL};
        (void)!::getrandom(all.data(), sizeof all, GRND_INSECURE); // as good as it is by now: a daemon of the early boot must not wait
        return all;
    }();
    return drawn;
}

/// Both halves of the product: each bit of either factor counts.
std::uint64_t folded(std::uint64_t a, std::uint64_t b) noexcept {
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

} // namespace

std::size_t UdpFlowHash::operator()(const UdpFlow& flow) const noexcept {
    const auto& [first, second] = keys();
    std::uint64_t hash = first ^ flow.zone;
    for (const SocketAddress& end : {flow.client, flow.asked})
        for (const std::uint64_t word : {end.address.bits.hi, end.address.bits.lo, std::uint64_t{end.port}})
            hash = folded(hash ^ word, second) + first;
    return hash;
}

} // namespace swathe
