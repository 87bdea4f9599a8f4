#pragma once

#include "model/listener.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace swathe {

/// Ports in one of the ranges?
[[nodiscard]] inline bool contains_port(const std::vector<PortRange>& ports, std::uint16_t port) noexcept {
    return std::any_of(ports.begin(), ports.end(), [&](const PortRange& range) { return range.contains(port); });
}

/// The part of `sorted` that lies in `range`.
template <class T, class AddressOf>
[[nodiscard]] auto inside_range(const std::vector<T>& sorted, const AddressRange& range, const AddressOf& address_of) {
    const auto first = std::lower_bound(sorted.begin(), sorted.end(), range.first,
                                        [&](const T& item, const Address& at) { return address_of(item) < at; });
    const auto last = std::upper_bound(first, sorted.end(), range.last,
                                       [&](const Address& at, const T& item) { return at < address_of(item); });
    return std::pair(first, last);
}

/// Is there a hole (`except`) of the listener at this address and port?
[[nodiscard]] inline bool is_excepted(const Listener& listener, const SocketAddress& at) noexcept {
    return std::any_of(listener.except.begin(), listener.except.end(), [&](const Endpoint& hole) {
        return contains_port(hole.ports, at.port) && std::any_of(hole.addresses.begin(), hole.addresses.end(),
                                                                 [&](const auto& range) { return range.value.contains(at.address); });
    });
}

} // namespace swathe
