#include "build.h"
#include "socket/backlog.h"
#include "socket/open.h"
#include "test_net.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace swathe;
using namespace swathe::test;

namespace {

bool everywhere(const SocketAddress&) { return true; }
bool nowhere(const SocketAddress&) { return false; }

int option(int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    REQUIRE(::getsockopt(fd, level, name, &value, &size) == 0);
    return value;
}

/// A listener of somebody else.
UniqueFd occupy(const NetNamespace& ns, int type, const char* address, std::uint16_t port, bool share = false) {
    UniqueFd fd;
    REQUIRE(ns.inside([&]() -> Status {
        fd.reset(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
        const int on = 1;
        if (type == SOCK_STREAM || share) REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
        REQUIRE(::setsockopt(fd.get(), IPPROTO_IP, IP_FREEBIND, &on, sizeof on) == 0);
        sockaddr_storage raw{};
        const socklen_t size = SocketAddress{parse_address(address).value(), port}.to_sockaddr(raw);
        REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&raw), size) == 0);
        if (type == SOCK_STREAM) REQUIRE(::listen(fd.get(), 8) == 0);
        return {};
    }));
    return fd;
}

BoundSocket open_one(const Listener& l, const NetNamespace& ns, const HomeCheck& usable = everywhere) {
    auto sockets = open_listener(l, ns, usable);
    REQUIRE_MESSAGE(sockets, sockets.error().to_string());
    REQUIRE(sockets->size() == 1);
    return std::move(sockets->front());
}

} // namespace

TEST_CASE("open: the socket is bound to the listener's first address although no interface has it") {
    const NetNamespace ns = make_namespace();
    struct Case { Protocol protocol; std::initializer_list<const char*> addresses; const char* home; bool v4; bool v6; };
    const Case cases[] = {
        {Protocol::tcp, {"198.51.100.0/24"}, "198.51.100.0:80", true, false},
        {Protocol::udp, {"198.51.100.0/24"}, "198.51.100.0:80", true, false},
        {Protocol::tcp, {"2001:db8:1::/64"}, "[2001:db8:1::]:80", false, true},
        {Protocol::udp, {"2001:db8:1::/64"}, "[2001:db8:1::]:80", false, true},
        {Protocol::tcp, {"2001:db8:1::/64", "198.51.100.0/24"}, "198.51.100.0:80", true, true},
        {Protocol::udp, {"2001:db8:1::/64", "198.51.100.0/24"}, "198.51.100.0:80", true, true},
    };
    for (const Case& c : cases) {
        CAPTURE(c.home);
        const BoundSocket s = open_one(listener(c.protocol, c.addresses, {"80", "443"}), ns);
        CHECK(s.home.to_string() == c.home);
        CHECK(s.takes_ipv4 == c.v4);
        CHECK(s.takes_ipv6 == c.v6);
        CHECK(s.cookie != 0);
        CHECK((::fcntl(s.fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
        CHECK((::fcntl(s.fd.get(), F_GETFL) & O_NONBLOCK) != 0);
        CHECK(option(s.fd.get(), SOL_SOCKET, SO_DOMAIN) == (c.v6 ? AF_INET6 : AF_INET));
        if (c.v6) CHECK(option(s.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY) == (c.v4 ? 0 : 1));
        CHECK(option(s.fd.get(), SOL_SOCKET, SO_ACCEPTCONN) == (c.protocol == Protocol::tcp ? 1 : 0));
        CHECK(option(s.fd.get(), SOL_SOCKET, SO_REUSEADDR) == (c.protocol == Protocol::tcp ? 1 : 0)); // on UDP it lets others steal
        if (c.protocol == Protocol::tcp) continue;
        if (c.v4) CHECK(option(s.fd.get(), IPPROTO_IP, IP_PKTINFO) == 1);
        if (c.v4) CHECK(option(s.fd.get(), IPPROTO_IP, IP_RECVORIGDSTADDR) == 1);
        if (c.v6) CHECK(option(s.fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO) == 1);
        if (c.v6) CHECK(option(s.fd.get(), IPPROTO_IPV6, 74 /* IPV6_RECVORIGDSTADDR */) == 1);
        if (c.v6) CHECK(option(s.fd.get(), IPPROTO_IPV6, 78 /* IPV6_FREEBIND */) == 1);
    }
}

TEST_CASE("open: split gives an IPv4 and an IPv6 socket, in this order") {
    const NetNamespace ns = make_namespace();
    Listener l = listener(Protocol::tcp, {"2001:db8:1::/64", "198.51.100.0/24"}, {"80"});
    l.family_sockets = FamilySockets::split;
    const auto sockets = open_listener(l, ns, everywhere).value();
    REQUIRE(sockets.size() == 2);
    CHECK(sockets[0].home.to_string() == "198.51.100.0:80");
    CHECK(sockets[0].takes_ipv4);
    CHECK_FALSE(sockets[0].takes_ipv6);
    CHECK(sockets[1].home.to_string() == "[2001:db8:1::]:80");
    CHECK_FALSE(sockets[1].takes_ipv4);
    CHECK(sockets[1].takes_ipv6);
    CHECK(sockets[0].cookie != sockets[1].cookie);
}

TEST_CASE("open: with a wildcard bind of somebody else on the port the home moves away, and that is no error") {
    const NetNamespace ns = make_namespace();
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
        const Protocol protocol = type == SOCK_STREAM ? Protocol::tcp : Protocol::udp;
        const UniqueFd native = occupy(ns, type, "0.0.0.0", 80);
        for (const auto& addresses : {std::initializer_list<const char*>{"198.51.100.0/24"}, {"198.51.100.0/24", "2001:db8:1::/64"}}) {
            const BoundSocket s = open_one(listener(protocol, addresses, {"80"}), ns);
            CHECK(s.home.address.to_string() == "192.0.0.8"); // the port is taken on every address, so the kernel chose one
            CHECK(s.home.port != 80);
            CHECK(s.home.port != 0);
            CHECK(s.takes_ipv4);
        }
    }
}

TEST_CASE("open: UDP listeners on one port all keep it where no packet goes, beside a wildcard bind that shares, too") {
    const NetNamespace ns = make_namespace();
    const Listener a = listener(Protocol::udp, {"198.51.100.0/25"}, {"53"});
    const Listener b = listener(Protocol::udp, {"198.51.100.128/25", "2001:db8:1::/64"}, {"53"});
    const UniqueFd sharing = occupy(ns, SOCK_DGRAM, "0.0.0.0", 53, true);
    const BoundSocket first = open_one(a, ns); // the wildcard is in the way of its first address
    const BoundSocket second = open_one(b, ns, nowhere);
    CHECK(first.home.to_string() == "192.0.0.8:53");
    CHECK(second.home.to_string() == "192.0.0.8:53");
    CHECK(first.cookie != second.cookie);
    const UniqueFd restarted = occupy(ns, SOCK_DGRAM, "0.0.0.0", 53, true);
}

TEST_CASE("open: a TCP listener at a home that may not be used is in nobody's way") {
    const NetNamespace ns = make_namespace();
    const Listener l = listener(Protocol::tcp, {"198.51.100.0/24"}, {"80"});
    const BoundSocket first = open_one(l, ns, nowhere);
    const BoundSocket second = open_one(l, ns, nowhere);
    CHECK(first.home.address.to_string() == "192.0.0.8");
    CHECK(first.home.port != second.home.port);
    const UniqueFd native = occupy(ns, SOCK_STREAM, "0.0.0.0", 80);
}

TEST_CASE("open: an explicit home is taken, or refused with the holder's name") {
    const NetNamespace ns = make_namespace();
    Listener l = listener(Protocol::tcp, {"198.51.100.0/24"}, {"80"});
    l.home = parse_socket_address("127.0.0.1:8080").value();
    CHECK(open_one(l, ns).home == *l.home);
    for (const char* holder : {"127.0.0.1", "0.0.0.0"}) {
        const UniqueFd native = occupy(ns, SOCK_STREAM, holder, 8080);
        const auto refused = open_listener(l, ns, everywhere);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().errno_value == EADDRINUSE);
        CHECK(refused.error().message ==
              fmt::format("home: bind 127.0.0.1:8080 (held by socket_root_tes (pid {}) on tcp {}:8080)", ::getpid(), holder));
        CHECK(refused.error().pos == l.pos);
    }
    CHECK_FALSE(open_listener(l, ns, nowhere));
}

TEST_CASE("open: connections in TIME_WAIT do not keep a restart from its home") {
    const NetNamespace ns = make_namespace();
    Listener l = listener(Protocol::tcp, {"127.0.0.1"}, {"80"});
    {
        const BoundSocket s = open_one(l, ns);
        sockaddr_storage raw{};
        const socklen_t size = s.home.to_sockaddr(raw);
        UniqueFd client;
        REQUIRE(ns.inside([&]() -> Status {
            client.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&raw), size) == 0);
            return {};
        }));
        UniqueFd accepted{::accept4(s.fd.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        REQUIRE(accepted);
        accepted.reset(); // the server closes first, so TIME_WAIT is on its side
        char byte = 0;
        CHECK(::read(client.get(), &byte, 1) == 0);
    }
    CHECK(open_one(l, ns).home.to_string() == "127.0.0.1:80");
}

TEST_CASE("open: the backlog is the listener's") {
    const NetNamespace ns = make_namespace();
    Listener l = listener(Protocol::tcp, {"127.0.0.1"}, {"80"});
    l.backlog = 7;
    CHECK(queue_limit(open_one(l, ns).fd.get()) == 7);
}
