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
    /// Listen= of [X-Swathe]: more endpoints for the listener of a line, which systemd need not know of.
    struct Range {
        std::string listener; ///< "tcp", "udp", "#2"; "" = the only one
        std::vector<Endpoint> endpoints;
        SourcePos pos;
    };
    std::vector<Line> lines; ///< in file order
    std::vector<Range> ranges;
    std::string service;     ///< Service=; "" = the unit of the same name
    SourcePos service_pos;
    bool v6_only = false; ///< BindIPv6Only=ipv6-only: a wildcard for both families is IPv6 alone
};

} // namespace swathe
