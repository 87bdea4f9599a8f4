#pragma once

#include "base/address.h"

#include <optional>

namespace swathe {

/// What the dispatcher knows of a packet.
struct Flow {
    Protocol protocol = Protocol::tcp;
    SocketAddress local;          ///< its destination
    SocketAddress remote;         ///< its source, of the same family
    std::uint32_t ifindex = 0;    ///< ingress interface; 0 = unknown: no rule with `interface` matches
};

} // namespace swathe
