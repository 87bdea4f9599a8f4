#pragma once

#include "base/clock.h"
#include "base/unique_fd.h"
#include "socket/flow.h"
#include "socket/net_namespace.h"

namespace swathe {

/// Sends datagrams once more, in their clients' names, to the sockets of this network namespace. Each goes out by the loopback interface
/// and comes in there, whichever interface has the address asked: the packet is routed to 127.0.0.1 or ::1, while its header says where it
/// is to go. What is routed already is not asked where it comes from (net/ipv4/ip_input.c, ip_rcv_finish_core; drivers/net/loopback.c
/// keeps the route), so that rp_filter and the check for martians have no say. Netfilter sees it, in OUTPUT and again in INPUT from "lo".
class FlowInjector {
public:
    /// Needs CAP_NET_RAW.
    [[nodiscard]] static Result<FlowInjector> open(const NetNamespace& ns);

    /// When it returns the datagram is, but for a busy kernel, where it belongs. Errors: the kernel's; EPERM: netfilter has dropped it.
    [[nodiscard]] Status send(const Datagram& datagram);

    /// How long one that was sent is waited for. Where one has vanished (netfilter has it) all others do, and nobody waits for long for
    /// them, until one arrives.
    [[nodiscard]] Duration patience() const noexcept;
    void note(bool arrived) noexcept { vanishing_ = !arrived; }

private:
    [[nodiscard]] Status send_packet(Family family, const std::vector<std::uint8_t>& packet) const;

    UniqueFd ipv4_, ipv6_; // raw sockets that send only; without IPv6 the second is closed
    std::uint32_t next_id_ = 1; // of fragments
    bool vanishing_ = false;
};

} // namespace swathe
