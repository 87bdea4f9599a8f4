#include "socket/open.h"

#include "socket/home.h"
#include "socket/natives.h"
#include "socket/options.h"

#include <algorithm>
#include <cerrno>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace swathe {
namespace {

// Measured on Linux 6.18, client across a veth pair, an sk_lookup program steering to the socket (open_root_test repeats it):
// * An AF_INET6 socket with IPV6_V6ONLY=0 bound to ::ffff:a.b.c.d takes steered TCP and UDP of both families. getsockname(2) of an
//   accepted IPv6 connection is the native address dialled, of an IPv4 one the mapped address. It does not matter whether
//   a.b.c.d is in the range, unroutable or loopback.
// * Bound to a native IPv6 address the kernel makes the socket v6only by itself and sk_assign refuses IPv4 (EAFNOSUPPORT); bound to ::
//   it works but exposes the service.
// * UDP answers by IP_PKTINFO / IPV6_PKTINFO leave from the address asked. Answers without fail by design: from a mapped home to an
//   IPv6 client EAFNOSUPPORT, from a loopback home EINVAL, from an unroutable one they go out with that source or not at all.
// * A wildcard bind of another process on the same port makes bind(2) fail with EADDRINUSE, for TCP in LISTEN even if both set
//   SO_REUSEADDR; two that have bound but not listened yet may both succeed, and the second listen(2) fails. For UDP it does so unless
//   both set SO_REUSEADDR.

struct Option {
    int level;
    int name;
    int value;
    const char* text;
};

// linux/in6.h has it, but cannot be included beside netinet/in.h
constexpr int kIpv6RecvOrigDstAddr = 74;
constexpr int kIpv6Freebind = 78;

/// SO_REUSEADDR on streams lets a restart bind over connections in TIME_WAIT, and Linux never lets it share a socket in LISTEN. On
/// datagrams any process that sets it too could bind the same address and take what is sent there. So it is set only where nothing is
/// sent: what is steered goes to the socket chosen, not to an address. There it lets several listeners, and a server with a
/// wildcard bind that sets it too (now, or when it restarts), have the one port that answers must come from.
bool may_share(Protocol protocol, const SocketAddress& home, Sharing sharing) {
    return protocol == Protocol::tcp || (sharing == Sharing::with_listeners && is_unroutable(home.address) && home.port != 0);
}

std::vector<Option> options_for(Protocol protocol, Stack stack, const SocketAddress& home, Sharing sharing) {
    std::vector<Option> options;
    const bool datagram = protocol == Protocol::udp;
    if (may_share(protocol, home, sharing)) options.push_back({SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"});
    if (stack != Stack::ipv4) {
        options.push_back({IPPROTO_IPV6, IPV6_V6ONLY, stack == Stack::ipv6 ? 1 : 0, "IPV6_V6ONLY"});
        options.push_back({IPPROTO_IPV6, kIpv6Freebind, 1, "IPV6_FREEBIND"}); // also lets answers leave from any address
        if (datagram) options.push_back({IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"});
        if (datagram) options.push_back({IPPROTO_IPV6, kIpv6RecvOrigDstAddr, 1, "IPV6_RECVORIGDSTADDR"});
    }
    if (stack != Stack::ipv6) { // IPv4 packets of a dual-stack socket bring the IPv4 control messages
        options.push_back({IPPROTO_IP, IP_FREEBIND, 1, "IP_FREEBIND"});
        if (datagram) options.push_back({IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO"});
        if (datagram) options.push_back({IPPROTO_IP, IP_RECVORIGDSTADDR, 1, "IP_RECVORIGDSTADDR"});
    }
    return options;
}

/// A filter that accepts no byte of any packet (socket(7), SO_ATTACH_FILTER); sockets in LISTEN drop SYNs by it, too.
Status hold_back(int fd) {
    sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    const sock_fprog program{1, &nothing};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0) return system_failure("SO_ATTACH_FILTER");
    return {};
}

/// A fresh one for each attempt: after a failed listen(2) the old one stays bound.
Result<UniqueFd> open_socket(const Listener& listener, Stack stack, const SocketAddress& home, Admission admission, Sharing sharing) {
    const Families families{stack != Stack::ipv6, stack != Stack::ipv4};
    auto fd = new_socket(listener, families);
    if (!fd) return fd;
    for (const Option& option : options_for(listener.protocol, stack, home, sharing))
        if (::setsockopt(fd->get(), option.level, option.name, &option.value, sizeof option.value) < 0) return system_failure(option.text);
    if (auto set = set_options(fd->get(), listener, families); !set) return Failure(std::move(set).error());
    if (admission == Admission::held_back)
        if (auto held = hold_back(fd->get()); !held) return Failure(std::move(held).error());
    return fd;
}

Status bind_to(int fd, const Listener& listener, Stack stack, const SocketAddress& home) {
    sockaddr_storage raw{};
    const socklen_t size = home.to_sockaddr(raw, stack == Stack::dual);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&raw), size) < 0) return system_failure(fmt::format("bind {}", home.to_string()));
    if (listener.protocol == Protocol::tcp && ::listen(fd, listener.backlog) < 0)
        return system_failure(fmt::format("listen {}", home.to_string()));
    return {};
}

Result<BoundSocket> describe(UniqueFd fd, Stack stack) {
    BoundSocket bound;
    sockaddr_storage raw{};
    socklen_t size = sizeof raw;
    if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&raw), &size) < 0) return system_failure("getsockname");
    auto home = SocketAddress::from_sockaddr(raw);
    if (!home) return Failure(std::move(home).error());
    bound.home = *home;
    size = sizeof bound.cookie;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_COOKIE, &bound.cookie, &size) < 0) return system_failure("SO_COOKIE");
    bound.takes_ipv4 = stack != Stack::ipv6;
    bound.takes_ipv6 = stack != Stack::ipv4;
    bound.fd = std::move(fd);
    return bound;
}

/// It was alone there when it was bound, and so will be every other one that is to be alone. The rest may come.
Status share_from_now(int fd, Protocol protocol, const SocketAddress& home) {
    const int on = may_share(protocol, home, Sharing::with_listeners) ? 1 : 0;
    if (::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return system_failure("SO_REUSEADDR");
    return {};
}

bool stands_in_the_way(const NativeSocket& native, Protocol protocol, Stack stack, const SocketAddress& home) {
    if (native.protocol != protocol || native.address.port != home.port) return false;
    const bool takes_all = home.address.bits == U128{};
    return native.takes(home.address) || (takes_all && (stack == Stack::dual || native.address.address.family == home.address.family));
}

/// Adds to an EADDRINUSE who holds the address, if that can be found out.
Error name_holder(Error error, const Listener& listener, Stack stack, const SocketAddress& home, const NetNamespace& ns) {
    if (error.errno_value != EADDRINUSE) return error;
    const auto natives = native_sockets(ns);
    if (!natives) return error;
    const auto holder = std::find_if(natives->begin(), natives->end(), [&](const NativeSocket& native) {
        return stands_in_the_way(native, listener.protocol, stack, home);
    });
    if (holder != natives->end()) error.message += fmt::format(" (held by {})", holder->to_string());
    return error;
}

/// Binds to the first candidate that can be had. What is wrong with the others does not matter: the home is nobody's wish then.
Result<BoundSocket> open_one(const Listener& listener, Stack stack, const NetNamespace& ns, const HomeCheck& usable_home,
                             Admission admission, Sharing sharing) {
    auto choice = choose_home(listener, stack, usable_home);
    if (!choice) return Failure(std::move(choice).error());
    Error last;
    for (const SocketAddress& home : choice->candidates) {
        auto fd = open_socket(listener, stack, home, admission, sharing);
        if (!fd) return Failure(std::move(fd).error());
        auto bound = bind_to(fd->get(), listener, stack, home);
        if (bound && sharing == Sharing::alone) bound = share_from_now(fd->get(), listener.protocol, home);
        if (bound) return describe(std::move(*fd), stack);
        last = std::move(bound).error();
    }
    last = name_holder(std::move(last), listener, stack, choice->candidates.back(), ns);
    return Failure(choice->fixed ? std::move(last).within("home") : std::move(last));
}

} // namespace

Result<std::vector<BoundSocket>> open_listener(const Listener& listener, const NetNamespace& ns, const HomeCheck& usable_home,
                                               Admission admission, Sharing sharing) {
    std::vector<BoundSocket> sockets;
    auto done = ns.inside([&]() -> Status {
        for (const Stack stack : stacks_of(listener)) {
            auto bound = open_one(listener, stack, ns, usable_home, admission, sharing);
            if (!bound) return Failure(std::move(bound).error().at(listener.pos));
            sockets.push_back(std::move(*bound));
        }
        return {};
    });
    if (!done) return Failure(std::move(done).error());
    return sockets;
}

Result<BoundSocket> open_beside(const Listener& listener, const BoundSocket& first, const NetNamespace& ns, Admission admission) {
    const Stack stack = !first.takes_ipv6 ? Stack::ipv4 : first.takes_ipv4 ? Stack::dual : Stack::ipv6;
    BoundSocket beside;
    auto done = ns.inside([&]() -> Status {
        auto fd = open_socket(listener, stack, first.home, admission, Sharing::with_listeners);
        if (!fd) return Failure(std::move(fd).error());
        const int on = 1;
        if (::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) return system_failure("SO_REUSEPORT");
        if (auto bound = bind_to(fd->get(), listener, stack, first.home); !bound) return bound;
        auto described = describe(std::move(*fd), stack);
        if (!described) return Failure(std::move(described).error());
        beside = std::move(*described);
        return {};
    });
    if (!done) return Failure(std::move(done).error().at(listener.pos));
    return beside;
}

void let_in(int fd) noexcept {
    const int unused = 0;
    (void)::setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused); // ENOENT: it has none
}

} // namespace swathe
