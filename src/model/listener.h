#pragma once

#include "base/clock.h"
#include "base/port_range.h"
#include "model/address_list.h"
#include "model/socket_options.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace swathe {

/// Addresses x ports: every address of `addresses` on every port of `ports`.
/// TOML's `addresses` and `ports` are one endpoint; each endpoint of a unit file's ListenStream= is one.
struct Endpoint {
    AddressList addresses;        ///< never empty
    std::vector<PortRange> ports; ///< sorted, disjoint, as wide as written (the width decides precedence); never empty
    SourcePos pos;
};

/// What a rule asks for besides destination and port. Empty lists ask for nothing.
struct Guard {
    std::vector<Placed<Prefix>> from;            ///< the source lies in one of these
    std::vector<Placed<Prefix>> except_from;     ///< and in none of these
    std::vector<Placed<std::string>> interfaces; ///< it came in through one of these
    [[nodiscard]] bool empty() const noexcept { return from.empty() && except_from.empty() && interfaces.empty(); }
};

/// What becomes of a packet whose listener has no usable socket.
enum class WhenDown : std::uint8_t {
    queue, ///< the supervisor keeps the socket, so the backlog holds who comes; refused if even that is impossible
    drop,  ///< refused: TCP RST, ICMP port unreachable
    pass,  ///< the kernel's own lookup decides
};

enum class FamilySockets : std::uint8_t {
    dual,  ///< one dual-stack IPv6 socket when the listener has addresses of both families
    split, ///< an IPv4 and an IPv6 socket (IPV6_V6ONLY), in this order
};

/// How the workers of a service share a listener.
enum class ListenerMode : std::uint8_t {
    shared,    ///< one socket, and so one queue, for all
    reuseport, ///< a socket each, among which the kernel spreads who comes
};

/// So many events in so long; 0 of either = no limit.
struct EventLimit {
    Duration interval{};
    std::uint32_t burst = 0;
    friend bool operator==(const EventLimit&, const EventLimit&) noexcept = default;
};

/// Who comes beyond so many in so long, and `burst` that come at once, is over the limit: a token bucket.
struct ConnectionRate {
    std::uint32_t count = 0; ///< 0 = no limit
    Duration per = std::chrono::seconds(1);
    std::uint32_t burst = 0; ///< 0 = as `count`
    friend bool operator==(const ConnectionRate&, const ConnectionRate&) noexcept = default;
};

/// What a listener's socket is: the words of `protocol`.
enum class SocketKind : std::uint8_t { tcp, udp, unix_stream, unix_datagram, unix_seqpacket };

/// One bound socket, or two with `split`: what one [[listen]] block or the Listen lines of a socket unit describe.
struct Listener : SocketOptions, UnixSocket {
    std::string name; ///< its name in LISTEN_FDNAMES
    Protocol protocol = Protocol::tcp; ///< of a UNIX socket the one that waits alike: tcp = who connects is accepted, udp = datagrams
    std::vector<Endpoint> endpoints; ///< never empty, but of a UNIX socket, which nothing is steered to
    std::vector<Endpoint> except;    ///< holes: not claimed
    Guard guard;

    int backlog = 2147483647; ///< listen(2); the kernel cuts it to net.core.somaxconn, so this is systemd's "as long as may be"
    std::optional<SocketAddress> home; ///< where to bind; nothing = chosen by socket/home
    FamilySockets family_sockets = FamilySockets::dual;
    WhenDown when_down = WhenDown::queue;
    ListenerMode listener_mode = ListenerMode::shared;
    EventLimit trigger_limit{std::chrono::seconds(2), 20}; ///< starts of the service by its traffic. systemd.socket(5), TriggerLimitBurst=
    EventLimit poll_limit{std::chrono::seconds(2), 15};    ///< times that its traffic wakes the daemon. systemd.socket(5), PollLimitBurst=
    ConnectionRate connection_rate; ///< of all who come
    ConnectionRate source_rate;     ///< of those of one source: source_prefix_ipv4 and _ipv6 of the service
    std::vector<Placed<Prefix>> blocked; ///< sources that are refused by the kernel
    bool trigger_limit_fails = false; ///< beyond the trigger limit its service fails, as under systemd; else it pauses
    bool flush_pending = false; ///< who waits when the service has ended is sent away. systemd.socket(5), FlushPending=
    bool steal = false;        ///< takes over addresses that other processes listen on
    bool local_routes = false; ///< the supervisor adds the local routes that the addresses need
    std::string netns;         ///< the network namespace that it is in, a name of ip-netns(8) or an absolute path; "" = the daemon's
    SourcePos pos;

    [[nodiscard]] bool has_family(Family family) const noexcept;
    [[nodiscard]] SocketKind kind() const noexcept;
    void become(SocketKind kind) noexcept; ///< sets `protocol` and `unix_type`
};

/// The part of `listener` that concerns one family: its addresses of the other one are left out, and a home of the other one.
[[nodiscard]] Listener only_family(const Listener& listener, Family family);

} // namespace swathe
