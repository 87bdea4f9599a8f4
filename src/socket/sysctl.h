#pragma once

#include "base/error.h"
#include "base/port_range.h"

#include <string_view>
#include <vector>

namespace swathe {

/// The ports that the kernel may give to a client of this host that asks for none.
struct EphemeralPorts {
    PortRange range;                 ///< net.ipv4.ip_local_port_range, which holds for IPv6 too
    std::vector<PortRange> reserved; ///< net.ipv4.ip_local_reserved_ports: never given; sorted

    [[nodiscard]] bool contains(std::uint16_t port) const noexcept;
    /// What of `ports` may be given to a client.
    [[nodiscard]] std::vector<PortRange> overlap(const PortRange& ports) const;
};

/// Pure: the texts of the two files ("32768\t60999\n"; "8080,9148-9150\n").
[[nodiscard]] Result<EphemeralPorts> parse_ephemeral_ports(std::string_view range, std::string_view reserved);

/// Of the namespace that the calling thread is in: /proc/sys/net shows the reader's own (sysctl_net.c).
[[nodiscard]] Result<EphemeralPorts> read_ephemeral_ports();

} // namespace swathe
