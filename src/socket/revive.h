#pragma once

#include "socket/open.h"

#include <string>

namespace swathe {

// Whoever has inherited a socket can make it unfit to be steered to, for everybody who holds it: shutdown(2) ends listening,
// connect(2) ties a datagram socket to one peer. The slot looks full, and bpf_sk_assign() refuses each packet (ESOCKTNOSUPPORT).

/// Why: "it was shut down and listens no more", "it is connected to 192.0.2.1:53"; "" = it is fit. A datagram socket that was shut
/// down counts as unfit: it is still steered to, but always looks readable.
[[nodiscard]] std::string why_unusable(int fd, Protocol protocol);

/// Makes the socket fit again, at its home: a port that the kernel chose was given back when the socket fell. False: it was fit, and
/// nothing was touched. Errors: the failing call; EADDRINUSE if someone has the port by now; it cannot be done (datagrams, shut down).
[[nodiscard]] Result<bool> revive(const BoundSocket& socket, Protocol protocol, int backlog);

/// Gives a listening socket another backlog, and touches no other. Those who wait in a queue that is too long now stay.
void set_backlog(int fd, int backlog) noexcept;

} // namespace swathe
