#pragma once

#include "model/listener.h"
#include "socket/open.h"

#include <vector>

namespace swathe {

/// What a socket of a listener is for.
enum class Stack : std::uint8_t {
    ipv4, ///< AF_INET
    ipv6, ///< AF_INET6 with IPV6_V6ONLY
    dual, ///< AF_INET6 without, bound to an IPv4-mapped address: the only specific bind that takes both families
};

/// One, or with `split` and both families IPv4 then IPv6.
[[nodiscard]] std::vector<Stack> stacks_of(const Listener& listener);

/// Where to bind, best first.
struct HomeChoice {
    std::vector<SocketAddress> candidates; ///< never empty; port 0 = the kernel's choice
    bool fixed = false;                    ///< the administrator's `home`: it or nothing
};

/// 192.0.0.8 (RFC 7600) or 100::1 (RFC 6666): no packet is routed there.
[[nodiscard]] bool is_unroutable(const Address& address) noexcept;

/// Pure but for `usable_home`. Errors: the `home` of the listener cannot serve: wrong family, or it would expose the service.
[[nodiscard]] Result<HomeChoice> choose_home(const Listener& listener, Stack stack, const HomeCheck& usable_home);

} // namespace swathe
