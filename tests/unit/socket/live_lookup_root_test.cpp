#include "build.h"
#include "socket/live_lookup.h"
#include "socket/open.h"
#include "steering.h"
#include "test_net.h"

#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::test;

namespace {

bool everywhere(const SocketAddress&) { return true; }

BoundSocket open_one(const NetNamespace& ns, const Listener& listener) {
    auto sockets = open_listener(listener, ns, everywhere);
    REQUIRE_MESSAGE(sockets, sockets.error().to_string());
    return std::move(sockets->front());
}

LiveQuestion question(Protocol protocol, const char* to, const char* from) {
    const SocketAddress destination = parse_socket_address(to).value();
    const SocketAddress nobody{Address::any(destination.address.family), 0};
    return {protocol, destination, *from == '\0' ? nobody : parse_socket_address(from).value(), 0};
}

std::optional<LiveSocketFound> look(const TestNet& net, const LiveQuestion& q) {
    auto found = look_up_live(q, net.server);
    REQUIRE_MESSAGE(found, found.error().to_string());
    return *found;
}

} // namespace

TEST_CASE("live lookup: the steered socket is found, by both protocols and families, and nobody elsewhere") {
    const TestNet net;
    const BoundSocket tcp = open_one(net.server, listener(Protocol::tcp, {"198.51.100.0/24", "2001:db8:1::/64"}, {"8000"}));
    const BoundSocket udp = open_one(net.server, listener(Protocol::udp, {"198.51.100.0/24", "2001:db8:1::/64"}, {"8000"}));
    Steering steering(net.server);
    steering.set_socket(tcp.fd.get(), false);
    steering.set_socket(udp.fd.get(), true);
    for (const auto& [to, from] : {std::pair("198.51.100.9:8123", "203.0.113.2:5555"),
                                   std::pair("[2001:db8:1::9]:8123", "[2001:db8:2::2]:5555"), std::pair("198.51.100.9:8123", "")}) {
        CAPTURE(to);
        const auto stream = look(net, question(Protocol::tcp, to, from));
        REQUIRE(stream);
        CHECK(stream->cookie == tcp.cookie);
        CHECK_FALSE(stream->connected);
        CHECK(stream->socket.address == tcp.home);
        const auto datagram = look(net, question(Protocol::udp, to, from));
        REQUIRE(datagram);
        CHECK(datagram->cookie == udp.cookie);
        CHECK_FALSE(datagram->connected);
    }
    CHECK_FALSE(look(net, question(Protocol::tcp, "198.51.100.9:9123", "203.0.113.2:5555"))); // outside the program's range
    CHECK_FALSE(look(net, question(Protocol::udp, "[2001:db8:1::9]:9123", "[2001:db8:2::2]:5555")));
}

TEST_CASE("live lookup: of UDP a connected socket is found by the source that it is connected to, and by no other") {
    const TestNet net;
    net.deliver_locally();
    const BoundSocket wide = open_one(net.server, listener(Protocol::udp, {"198.51.100.0/24"}, {"8053"}));
    Steering steering(net.server);
    steering.set_socket(wide.fd.get(), true);
    const BoundSocket own = open_one(net.server, listener(Protocol::udp, {"198.51.100.77"}, {"8053"}));
    sockaddr_storage peer{};
    const socklen_t size = parse_socket_address("203.0.113.2:5555").value().to_sockaddr(peer);
    REQUIRE(::connect(own.fd.get(), reinterpret_cast<sockaddr*>(&peer), size) == 0);

    const auto theirs = look(net, question(Protocol::udp, "198.51.100.77:8053", "203.0.113.2:5555"));
    REQUIRE(theirs);
    CHECK(theirs->cookie == own.cookie);
    CHECK(theirs->connected);
    CHECK(look(net, question(Protocol::udp, "198.51.100.77:8053", "203.0.113.2:5556"))->cookie == wide.cookie);
}

TEST_CASE("live lookup: the interface is simulated, and the process named") {
    const TestNet net;
    const BoundSocket native = open_one(net.server, listener(Protocol::tcp, {"203.0.113.1"}, {"80"}));
    LiveQuestion q = question(Protocol::tcp, "203.0.113.1:80", "203.0.113.2:5555");
    REQUIRE(net.server.inside([&]() -> Status {
        REQUIRE(::setsockopt(native.fd.get(), SOL_SOCKET, SO_BINDTODEVICE, "v0", 3) == 0);
        q.ifindex = ::if_nametoindex("v0");
        return {};
    }));
    auto found = look(net, q);
    REQUIRE(found);
    CHECK(found->cookie == native.cookie);
    name_process(found->socket);
    CHECK(found->socket.pid == ::getpid());
    CHECK(found->socket.name() == "tcp 203.0.113.1:80 (bound to v0)");
    q.ifindex = 1;
    CHECK_FALSE(look(net, q));
}
