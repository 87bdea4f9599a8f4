#include "build.h"
#include "socket/backlog.h"
#include "socket/options.h"
#include "socket/open.h"
#include "test_net.h"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::test;

namespace {

bool everywhere(const SocketAddress&) { return true; }

int option(int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    REQUIRE(::getsockopt(fd, level, name, &value, &size) == 0);
    return value;
}

std::string word(int fd, int level, int name) {
    char value[64] = {};
    socklen_t size = sizeof value - 1;
    REQUIRE(::getsockopt(fd, level, name, value, &size) == 0);
    return value;
}

BoundSocket open_one(const Listener& l, const NetNamespace& ns) {
    auto sockets = open_listener(l, ns, everywhere);
    REQUIRE_MESSAGE(sockets, sockets.error().to_string());
    return std::move(sockets->front());
}

Listener with_all_tcp_options() {
    Listener l = listener(Protocol::tcp, {"198.51.100.0/24", "2001:db8:1::/64"}, {"80"});
    l.keep_alive = l.no_delay = l.transparent = l.reuse_port = true;
    l.keep_alive_time_sec = std::chrono::seconds(61);
    l.keep_alive_interval_sec = std::chrono::seconds(7);
    l.keep_alive_probes = 3;
    l.tcp_congestion = "reno";
    l.defer_accept_sec = std::chrono::seconds(5);
    l.priority = 4;
    l.receive_buffer = 100'000;
    l.send_buffer = 50'000;
    l.ip_tos = 0x10;
    l.ip_ttl = 33;
    l.mark = 0x1234;
    l.timestamping = Timestamping::ns;
    l.bind_to_device = "lo";
    return l;
}

} // namespace

TEST_CASE("options: a TCP socket of both families has all that its listener says, and so have its connections") {
    const NetNamespace ns = make_namespace();
    const BoundSocket s = open_one(with_all_tcp_options(), ns);
    const int fd = s.fd.get();
    struct Case { int level, name, value; const char* text; };
    const Case cases[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1, "keep_alive"},          {IPPROTO_TCP, TCP_KEEPIDLE, 61, "keep_alive_time_sec"},
        {IPPROTO_TCP, TCP_KEEPINTVL, 7, "keep_alive_interval_sec"}, {IPPROTO_TCP, TCP_KEEPCNT, 3, "keep_alive_probes"},
        {IPPROTO_TCP, TCP_NODELAY, 1, "no_delay"},            {SOL_SOCKET, SO_PRIORITY, 4, "priority"},
        {SOL_SOCKET, SO_RCVBUF, 200'000, "receive_buffer"},   {SOL_SOCKET, SO_SNDBUF, 100'000, "send_buffer"},
        {IPPROTO_IP, IP_TOS, 0x10, "ip_tos"},                 {IPPROTO_IPV6, IPV6_TCLASS, 0x10, "traffic class"},
        {IPPROTO_IP, IP_TTL, 33, "ip_ttl"},                   {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33, "hop limit"},
        {SOL_SOCKET, SO_MARK, 0x1234, "mark"},                {IPPROTO_IP, IP_TRANSPARENT, 1, "transparent"},
        {IPPROTO_IPV6, IPV6_TRANSPARENT, 1, "transparent"},   {SOL_SOCKET, SO_REUSEPORT, 1, "reuse_port"},
        {SOL_SOCKET, SO_TIMESTAMPNS, 1, "timestamping"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.text);
        CHECK(option(fd, c.level, c.name) == c.value);
    }
    CHECK(option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT) >= 5); // rounded up to a number of retransmissions
    CHECK(word(fd, IPPROTO_TCP, TCP_CONGESTION) == "reno");
    CHECK(word(fd, SOL_SOCKET, SO_BINDTODEVICE) == "lo");
}

TEST_CASE("options: a UDP socket has those that it knows") {
    const NetNamespace ns = make_namespace();
    Listener l = listener(Protocol::udp, {"198.51.100.0/24"}, {"53"});
    l.broadcast = true;
    l.timestamping = Timestamping::us;
    l.no_delay = l.pass_credentials = true; // not its business
    l.ip_ttl = 9;
    const BoundSocket s = open_one(l, ns);
    CHECK(option(s.fd.get(), SOL_SOCKET, SO_BROADCAST) == 1);
    CHECK(option(s.fd.get(), SOL_SOCKET, SO_TIMESTAMP) == 1);
    CHECK(option(s.fd.get(), SOL_SOCKET, SO_TIMESTAMPNS) == 0);
    CHECK(option(s.fd.get(), IPPROTO_IP, IP_TTL) == 9);
}

TEST_CASE("options: without a word about them they are as the kernel has them") {
    const NetNamespace ns = make_namespace();
    const BoundSocket s = open_one(listener(Protocol::tcp, {"198.51.100.0/24"}, {"80"}), ns);
    CHECK(option(s.fd.get(), SOL_SOCKET, SO_KEEPALIVE) == 0);
    CHECK(option(s.fd.get(), IPPROTO_TCP, TCP_NODELAY) == 0);
    CHECK(option(s.fd.get(), SOL_SOCKET, SO_REUSEPORT) == 0);
    CHECK(option(s.fd.get(), SOL_SOCKET, SO_TIMESTAMP) == 0);
    CHECK(word(s.fd.get(), SOL_SOCKET, SO_BINDTODEVICE) == "");
}

TEST_CASE("options: one that the machine refuses is an error with its name, and nothing is opened") {
    const NetNamespace ns = make_namespace();
    struct Case { void (*set)(Listener&); const char* name; int error; };
    const Case cases[] = {
        {[](Listener& l) { l.tcp_congestion = "nonsense"; }, "TCP_CONGESTION", ENOENT},
        {[](Listener& l) { l.bind_to_device = "nowhere0"; }, "SO_BINDTODEVICE", ENODEV},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name);
        Listener l = listener(Protocol::tcp, {"198.51.100.0/24"}, {"80"});
        c.set(l);
        const auto opened = open_listener(l, ns, everywhere);
        REQUIRE_FALSE(opened);
        CHECK(opened.error().message == c.name);
        CHECK(opened.error().errno_value == c.error);
        const auto tried = try_options(l, {true, false}, ns);
        REQUIRE_FALSE(tried);
        CHECK(tried.error().errno_value == c.error);
    }
}

TEST_CASE("options: a socket that lives gets new values and loses what is said no more, and who waits in it stays") {
    const NetNamespace ns = make_namespace();
    Listener before = with_all_tcp_options();
    Listener next = listener(Protocol::tcp, {"127.0.0.1", "2001:db8:1::/64"}, {"80"}); // to be connected to without a route
    before.endpoints = next.endpoints;
    next.keep_alive_probes = 9;
    next.timestamping = Timestamping::us;
    next.ip_ttl = 44;
    const BoundSocket s = open_one(before, ns);
    const int fd = s.fd.get();
    UniqueFd waiting;
    REQUIRE(ns.inside([&]() -> Status {
        waiting.reset(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_storage raw{};
        const socklen_t size = s.home.to_sockaddr(raw, true);
        REQUIRE(::connect(waiting.get(), reinterpret_cast<const sockaddr*>(&raw), size) == 0);
        REQUIRE(::send(waiting.get(), "x", 1, 0) == 1); // DEFER_ACCEPT: only now it counts
        return {};
    }));
    REQUIRE(queued(fd, Protocol::tcp) == 1);

    REQUIRE(change_options(fd, before, next, {true, true}, ns));
    const BoundSocket fresh = open_one(listener(Protocol::tcp, {"127.0.0.1", "2001:db8:1::/64"}, {"81"}), ns);
    struct Name { int level, name; const char* text; };
    const Name names[] = {
        {SOL_SOCKET, SO_KEEPALIVE, "keep_alive"},     {IPPROTO_TCP, TCP_KEEPIDLE, "keep_alive_time_sec"},
        {IPPROTO_TCP, TCP_NODELAY, "no_delay"},       {IPPROTO_TCP, TCP_DEFER_ACCEPT, "defer_accept_sec"},
        {SOL_SOCKET, SO_PRIORITY, "priority"},        {IPPROTO_IP, IP_TOS, "ip_tos"},
        {IPPROTO_IPV6, IPV6_TCLASS, "traffic class"}, {SOL_SOCKET, SO_MARK, "mark"},
        {IPPROTO_IP, IP_TRANSPARENT, "transparent"},  {SOL_SOCKET, SO_REUSEPORT, "reuse_port"},
        {SOL_SOCKET, SO_TIMESTAMPNS, "timestamping"},
    };
    for (const Name& n : names) {
        CAPTURE(n.text);
        CHECK(option(fd, n.level, n.name) == option(fresh.fd.get(), n.level, n.name));
    }
    CHECK(word(fd, SOL_SOCKET, SO_BINDTODEVICE) == "");
    CHECK(word(fd, IPPROTO_TCP, TCP_CONGESTION) == word(fresh.fd.get(), IPPROTO_TCP, TCP_CONGESTION));
    CHECK(option(fd, IPPROTO_TCP, TCP_KEEPCNT) == 9);
    CHECK(option(fd, SOL_SOCKET, SO_TIMESTAMP) == 1);
    CHECK(option(fd, IPPROTO_IP, IP_TTL) == 44);
    CHECK(option(fd, SOL_SOCKET, SO_RCVBUF) == 200'000); // the kernel does not take a size back
    CHECK(queued(fd, Protocol::tcp) == 1);
}
