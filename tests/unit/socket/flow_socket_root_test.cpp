// Flows of real packets: the socket of a flow, and who else may be where it is bound.

#include "flow_net.h"

#include <cerrno>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("flow: a listener whose home is the address asked does not stand in the way, and lets nobody else in") {
    FlowNet net;
    net.listener = test::listener(Protocol::udp, {"198.51.100.0/24"}, {"8000-8999"});
    net.open([](const SocketAddress&) { return true; });
    REQUIRE(net.from.home.to_string() == "198.51.100.0:8000");
    std::vector<UniqueFd> clients;
    std::vector<FlowSocket> flows;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(dial(net.client, net.from.home));
        send(clients.back().get(), fmt::format("{}", i).c_str());
        flows.push_back(net.accept());
    }
    for (std::size_t i = 0; i < flows.size(); ++i) CHECK(receive(flows[i].fd()) == bytes(fmt::format("{}", i)));
    int error = 0;
    REQUIRE(net.server.inside([&]() -> Status {
        const UniqueFd other{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        const int on = 1;
        REQUIRE(::setsockopt(other.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
        sockaddr_storage raw{};
        const socklen_t size = net.from.home.to_sockaddr(raw);
        error = ::bind(other.get(), reinterpret_cast<sockaddr*>(&raw), size) == 0 ? 0 : errno;
        return {};
    }));
    CHECK(error == EADDRINUSE);
}

TEST_CASE("flow: what another process has bound for itself is refused with its address") {
    FlowNet net;
    UniqueFd native;
    REQUIRE(net.server.inside([&]() -> Status {
        native.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_storage raw{};
        const socklen_t size = SocketAddress{Address::any(Family::ipv4), kPort}.to_sockaddr(raw);
        REQUIRE(::bind(native.get(), reinterpret_cast<sockaddr*>(&raw), size) == 0);
        return {};
    }));
    const UniqueFd client = dial(net.client, asked_at(kAsked[0]));
    send(client.get(), "one");
    const auto refused = FlowSocket::open(net.listener, net.wait_for_flow(), net.server, net.from);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().errno_value == EADDRINUSE);
    CHECK(refused.error().message == "bind 198.51.100.77:8123");
}

TEST_CASE("flow: its activity shows what was read and what waits, and not what was asked of it") {
    FlowNet net;
    const UniqueFd client = dial(net.client, asked_at(kAsked[0]));
    send(client.get(), "one");
    const FlowSocket flow = net.accept();
    const FlowActivity at_first = flow.activity();
    CHECK(at_first.read_ns == 0);
    CHECK(at_first.unread_bytes != 0);
    CHECK(flow.has_unread());
    CHECK(receive(flow.fd()) == bytes("one"));
    const FlowActivity after_one = flow.activity();
    CHECK(after_one.read_ns != 0);
    CHECK(after_one.unread_bytes == 0);
    CHECK_FALSE(flow.has_unread());
    CHECK(flow.activity() == after_one);
    send(client.get(), "");
    REQUIRE(readable(flow.fd()));
    CHECK(flow.has_unread());
    CHECK(receive(flow.fd()).empty());
    CHECK(flow.activity().read_ns > after_one.read_ns);

    const FlowActivity before = flow.activity();
    CHECK(before.is_told);
    const int on = 1;
    REQUIRE(::setsockopt(flow.fd(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0);
    send(client.get(), "two");
    CHECK(receive(flow.fd()) == bytes("two"));
    CHECK(flow.activity().read_ns == before.read_ns); // what is not told
    CHECK_FALSE(flow.activity().is_told);

    REQUIRE(::shutdown(flow.fd(), SHUT_RDWR) == 0);
    CHECK_FALSE(flow.has_unread()); // although a read would say that an empty one was there
}

TEST_CASE("flow: once it is turned away its client's datagrams come to the listener") {
    FlowNet net;
    for (const char* address : kAsked) {
        CAPTURE(address);
        const UniqueFd client = dial(net.client, asked_at(address));
        send(client.get(), "one");
        const FlowSocket flow = net.accept();
        CHECK(receive(flow.fd()) == bytes("one"));
        REQUIRE(flow.turn_away());
        send(client.get(), "two");
        REQUIRE(readable(net.from.fd.get()));
        CHECK_FALSE(flow.has_unread());
        const FlowSocket next = net.accept(); // while the old one is still open
        CHECK(receive(next.fd()) == bytes("two"));
    }
}

TEST_CASE("flow: clients with link-local addresses are answered by the interface that they are at") {
    FlowNet net;
    run_in(net.client, "ip -6 addr add fe80::2/64 dev v1 nodad");
    UniqueFd local;
    REQUIRE(net.client.inside([&]() -> Status {
        local.reset(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_in6 raw{};
        raw.sin6_family = AF_INET6;
        raw.sin6_addr.s6_addr[0] = 0xfe;
        raw.sin6_addr.s6_addr[1] = 0x80;
        raw.sin6_addr.s6_addr[15] = 2;
        raw.sin6_scope_id = ::if_nametoindex("v1");
        REQUIRE(::bind(local.get(), reinterpret_cast<sockaddr*>(&raw), sizeof raw) == 0);
        sockaddr_storage to{};
        const socklen_t size = asked_at(kAsked[3]).to_sockaddr(to);
        REQUIRE(::connect(local.get(), reinterpret_cast<sockaddr*>(&to), size) == 0);
        return {};
    }));
    send(local.get(), "one");
    const UdpFlow flow = net.wait_for_flow();
    CHECK(flow.zone != 0);
    const FlowSocket socket = net.open_flow(flow);
    CHECK(net.hand(socket, flow).injected == 1);
    CHECK(receive(socket.fd()) == bytes("one"));
    send(local.get(), "two");
    CHECK(receive(socket.fd()) == bytes("two"));
    send(socket.fd(), "answer");
    CHECK(receive(local.get()) == bytes("answer"));
}

TEST_CASE("flow: a datagram from port 0 is nobody's flow") {
    FlowNet net;
    auto stranger = FlowInjector::open(net.server).value();
    REQUIRE(stranger.send({{{parse_address("203.0.113.2").value(), 0}, asked_at(kAsked[0])}, bytes("one")}));
    REQUIRE(readable(net.from.fd.get()));
    net.inbox.read(net.from.fd.get());
    CHECK(net.inbox.empty());
    CHECK(net.inbox.take_losses().stray == 1);
    CHECK(net.inbox.take_losses().stray == 0);
}
