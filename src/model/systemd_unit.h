#pragma once

#include "base/address.h"
#include "base/error.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// An IP socket that systemd binds for a unit.
struct UnitSocket {
    Protocol protocol = Protocol::tcp;
    SocketAddress address; ///< what it is bound to; a wildcard for both families is [::]
    friend bool operator==(const UnitSocket&, const UnitSocket&) noexcept = default;
};

/// Reads what a Listen line of a unit file says, or one pair of the manager's `Listen` property (org.freedesktop.systemd1(5)):
/// "Stream" or "Datagram", and a port or an address with a port. Nothing: no IP socket of a kind that can be steered to.
[[nodiscard]] std::optional<UnitSocket> parse_unit_socket(std::string_view kind, std::string_view address);

/// The socket among `sockets` that takes packets of this protocol and family: the one at `home`, if that is given; one of the family
/// itself before a wildcard for both. Pure. Errors: there is none, or more than one.
[[nodiscard]] Result<UnitSocket> choose_unit_socket(const std::vector<UnitSocket>& sockets, Protocol protocol, Family family,
                                                    const std::optional<SocketAddress>& home);

/// A socket unit that systemd supervises beside us: it binds the sockets and starts the service, we only steer to them.
struct SystemdUnit {
    std::string name;                ///< "foo.socket"
    std::vector<UnitSocket> sockets; ///< of its Listen lines, as far as they are IP sockets
};

} // namespace swathe
