#pragma once

#include "tools/services.h"

namespace swathe::tools {

/// A datagram socket without a peer. The answers leave from the address and the port that were asked, through a socket of their own where
/// the socket itself has another port.
class Datagrams {
public:
    /// Asks the kernel to say where each datagram was sent to. Borrows `fd`.
    Datagrams(Service service, int fd) noexcept;

    /// Takes and answers what is there, but not for so long that others starve. Never waits.
    /// What cannot be answered from the right place is not answered; `complain` is told why, once for each errno.
    void go_on(void (*complain)(const char* what, int error)) noexcept;

private:
    Service service_;
    int fd_;
    std::uint16_t port_;    ///< what it is bound to; 0 = it has no ports
    std::uint64_t network_; ///< SO_NETNS_COOKIE
    int told_ = 0;          ///< the errno that was complained about last
};

/// One datagram socket that is connected to its client. Takes and answers what is there; false = it is over. Never waits.
[[nodiscard]] bool go_on_with_flow(Service service, int fd) noexcept;

} // namespace swathe::tools
