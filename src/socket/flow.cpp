#include "socket/flow.h"

#include <functional>

namespace swathe {
namespace {

void mix(std::size_t& hash, std::uint64_t value) noexcept {
    hash ^= std::hash<std::uint64_t>{}(value * 0x9e3779b97f4a7c15ULL) + (hash << 6) + (hash >> 2);
}

} // namespace

std::size_t UdpFlowHash::operator()(const UdpFlow& flow) const noexcept {
    std::size_t hash = flow.zone;
    for (const SocketAddress& end : {flow.client, flow.asked}) {
        mix(hash, end.address.bits.hi);
        mix(hash, end.address.bits.lo);
        mix(hash, end.port);
    }
    return hash ^ hash >> 32;
}

} // namespace swathe
