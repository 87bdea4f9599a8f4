#include "socket/home.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

/// Addresses that nobody's packets are routed to: RFC 7600's IPv4 dummy address, and one of RFC 6666's discard prefix.
SocketAddress unroutable(Family family, std::uint16_t port) {
    if (family == Family::ipv4) return {Address::v4(0xc0000008), port}; // 192.0.0.8
    return {{Family::ipv6, {0x0100ULL << 48, 1}}, port};                // 100::1
}

SocketAddress loopback(Family family) {
    if (family == Family::ipv4) return {Address::v4(0x7f000001), 0};
    return {{Family::ipv6, {0, 1}}, 0};
}

/// What a home must be: an address of one host. Wildcards would expose the service, multicast and broadcast never pass the
/// dispatcher, link-local needs a zone.
bool is_one_host(const Address& a) {
    if (a.family == Family::ipv4) return a.v4_bits() >> 24 != 0 && a.v4_bits() < 0xe0000000;
    const bool link_local = a.bits.hi >> 54 == 0xfe80ULL >> 6;
    return a != Address::any(Family::ipv6) && a.bits.hi >> 56 != 0xff && !link_local && !a.is_v4_mapped();
}

/// The first address of the family with the first port beside it. Requires the family to be there.
SocketAddress first_of(const Listener& listener, Family family) {
    for (const Endpoint& endpoint : listener.endpoints)
        for (const auto& range : endpoint.addresses)
            if (range.value.family() == family) return {range.value.first, endpoint.ports.front().first};
    return {Address::any(family), 0};
}

/// The port that a socket had better keep wherever it is bound; 0 = none. A UDP server that answers by PKTINFO answers from the
/// bound port, which is right if the listener claims exactly one. A TCP connection has the dialled port anyhow, and
/// a listening socket on it would only keep others from binding the wildcard address.
std::uint16_t port_to_keep(const Listener& listener) {
    if (listener.protocol == Protocol::tcp) return 0;
    const PortRange first = listener.endpoints.front().ports.front();
    if (first.count() != 1) return 0;
    const bool same = std::all_of(listener.endpoints.begin(), listener.endpoints.end(), [&](const Endpoint& e) {
        return e.ports.size() == 1 && e.ports.front() == first;
    });
    return same ? first.first : 0;
}

Family home_family(Stack stack) { return stack == Stack::ipv6 ? Family::ipv6 : Family::ipv4; }

Failure wrong_family(const Listener& listener, Stack stack) {
    const std::string home = listener.home->to_string();
    if (stack == Stack::dual)
        return failure(fmt::format("home: {}: a socket of both families needs an IPv4 home (a socket bound to an IPv6 address "
                                   "takes no IPv4); or say family_sockets = \"split\"", home));
    return failure(fmt::format("home: {}: the listener has no {} address", home, to_string(listener.home->address.family)));
}

} // namespace

std::vector<Stack> stacks_of(const Listener& listener) {
    const bool v4 = listener.has_family(Family::ipv4);
    const bool v6 = listener.has_family(Family::ipv6);
    if (!v6) return {Stack::ipv4};
    if (!v4) return {Stack::ipv6};
    if (listener.family_sockets == FamilySockets::dual) return {Stack::dual};
    return {Stack::ipv4, Stack::ipv6};
}

bool is_unroutable(const Address& address) noexcept { return address == unroutable(address.family, 0).address; }

Result<HomeChoice> choose_home(const Listener& listener, Stack stack, const HomeCheck& usable_home) {
    const Family family = home_family(stack);
    if (listener.home) {
        const bool has_this = listener.home->address.family == family;
        const bool has_other = stack != Stack::dual && stacks_of(listener).size() == 2; // split: it is the other socket's
        if (!has_this && !has_other) return wrong_family(listener, stack);
        if (has_this && !usable_home(*listener.home))
            return failure(fmt::format("home: {}: the service would be reachable there beyond what the listener claims",
                                       listener.home->to_string()));
        if (has_this) return HomeChoice{{*listener.home}, true};
    }
    HomeChoice choice;
    const SocketAddress first = first_of(listener, family);
    if (is_one_host(first.address) && usable_home(first)) choice.candidates.push_back(first);
    if (const std::uint16_t port = port_to_keep(listener); port != 0) choice.candidates.push_back(unroutable(family, port));
    choice.candidates.push_back(unroutable(family, 0));
    choice.candidates.push_back(loopback(family));
    return choice;
}

} // namespace swathe
