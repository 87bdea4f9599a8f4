#pragma once

#include "model/listener.h"

#include <string>
#include <vector>

namespace swathe {

/// What only a .socket file has: its Listen lines, each one listener of its own, and how it finds its service.
struct SocketUnit {
    struct Line {
        SocketKind kind = SocketKind::tcp;
        std::vector<Endpoint> endpoints; ///< of an IP socket
        std::string path;                ///< of a UNIX socket
        SourcePos pos;
    };
    std::vector<Line> lines; ///< in file order
    std::string service;     ///< Service=; "" = the unit of the same name
    SourcePos service_pos;
    bool v6_only = false; ///< BindIPv6Only=ipv6-only: a wildcard for both families is IPv6 alone
};

} // namespace swathe
