#pragma once

#include "base/error.h"
#include "model/listener.h"

#include <string_view>

namespace swathe {

/// Where an endpoint stands, which decides what may be left out.
enum class EndpointUse {
    listen, ///< ListenStream=, ListenDatagram=: the ports must be given; a wildcard address means what it means to
            ///< systemd
    hole,   ///< except: an address alone stands for all its ports
};

/// Reads one endpoint:
///
///     PORT                       every address of both families, one port
///     ADDR:PORTS                 192.0.2.1:80       [2001:db8::1]:80
///     ADDR/LEN:PORTS             192.0.2.0/24:80,443,8000-8999       [2001:db8::/64]:*
///     ADDR-ADDR:PORTS            192.0.2.10-192.0.2.20:80            [2001:db8::1-2001:db8::9]:80
///
/// PORTS is a comma list of ports and ranges, or "*". With EndpointUse::listen "0.0.0.0" is every IPv4 address and
/// "[::]" every address of both families, as in a systemd unit ("[::/0]" is IPv6 alone). Positions inside are counted
/// from `where`. Errors: anything else; sockets that are no IP sockets by their kind.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text, const SourcePos& where, EndpointUse use);

/// Checks that no two of `ports` overlap, and sorts them. Errors: two that do, both named.
[[nodiscard]] Status sort_ports(std::vector<PortRange>& ports);

/// Reads "80,443,8000-8999" or "*".
[[nodiscard]] Result<std::vector<PortRange>> parse_port_list(std::string_view text);

} // namespace swathe
