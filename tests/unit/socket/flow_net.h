#pragma once

#include "build.h"
#include "socket/hand_over.h"
#include "steering.h"
#include "test_net.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

/// Flows of real packets: a client across a veth pair, or on the same host, a listener that a program steers to, and the flow's own socket.
namespace swathe::test {

inline constexpr int kPatienceMs = 2000;
inline constexpr std::uint16_t kPort = 8123;

inline bool nowhere(const SocketAddress&) { return false; }

inline Payload bytes(const std::string& text) { return {text.begin(), text.end()}; }

inline bool readable(int fd, int patience_ms = kPatienceMs) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, patience_ms) == 1;
}

inline SocketAddress name_of(int fd, int (*get)(int, sockaddr*, socklen_t*)) {
    sockaddr_storage raw{};
    socklen_t size = sizeof raw;
    REQUIRE(get(fd, reinterpret_cast<sockaddr*>(&raw), &size) == 0);
    return SocketAddress::from_sockaddr(raw).value();
}

/// What waits in a socket, or comes within the time that packets take.
inline Payload receive(int fd) {
    if (!readable(fd)) return bytes("nothing came");
    std::vector<std::uint8_t> room(70000);
    const ssize_t n = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT);
    if (n < 0) return bytes(std::strerror(errno));
    room.resize(static_cast<std::size_t>(n));
    return room;
}

/// A client's socket that hears only from what it asks.
inline UniqueFd dial(const NetNamespace& ns, const SocketAddress& to) { return dial(ns, SOCK_DGRAM, to); }

inline void send(int fd, const Payload& payload) {
    REQUIRE(::send(fd, payload.data(), payload.size(), 0) == static_cast<ssize_t>(payload.size()));
}
inline void send(int fd, const char* text) { send(fd, bytes(text)); }

/// A server on addresses of both families, of which some are configured on its interface, where the kernel asks strictly where packets come
/// from.
struct FlowNet : TestNet {
    Listener listener = test::listener(Protocol::udp, {"198.51.100.0/24", "203.0.113.1", "2001:db8:1::/64", "2001:db8:2::1"},
                                       {"8000-8999"});
    Steering steering{server};
    BoundSocket from;
    FlowInjector injector = FlowInjector::open(server).value();
    FlowInbox inbox;

    FlowNet() {
        deliver_locally();
        run_in(server, "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 1 > $f; done");
        open();
    }
    void open(const HomeCheck& usable = nowhere) {
        auto opened = open_listener(listener, server, usable);
        REQUIRE_MESSAGE(opened, opened.error().to_string());
        from = std::move(opened->front());
        steering.set_socket(from.fd.get(), true);
    }
    UdpFlow wait_for_flow() {
        REQUIRE(readable(from.fd.get()));
        inbox.read(from.fd.get());
        const auto flow = inbox.next();
        REQUIRE(flow);
        return *flow;
    }
    FlowSocket open_flow(const UdpFlow& flow) {
        auto socket = FlowSocket::open(listener, flow, server, from);
        REQUIRE_MESSAGE(socket, socket.error().to_string());
        return std::move(*socket);
    }
    /// What has come to the listener since the hand-over.
    void put_late(const UdpFlow& flow) {
        inbox.read(from.fd.get());
        for (const Payload& payload : inbox.take(flow)) REQUIRE(injector.send({flow, payload}));
        CHECK(inbox.empty());
    }
    HandedOver hand(const FlowSocket& socket, const UdpFlow& flow) {
        auto done = hand_over(socket, flow, from.fd.get(), inbox, injector);
        REQUIRE_MESSAGE(done, done.error().to_string());
        return *done;
    }
    FlowSocket accept() {
        const UdpFlow flow = wait_for_flow();
        FlowSocket socket = open_flow(flow);
        const HandedOver done = hand(socket, flow);
        CHECK(done.lost == 0);
        CHECK(done.in_order);
        return socket;
    }
};

inline constexpr std::array<const char*, 4> kAsked{"198.51.100.77", "203.0.113.1", "2001:db8:1::77", "2001:db8:2::1"}; // two of the interface

inline SocketAddress asked_at(const char* address, std::uint16_t port = kPort) { return {parse_address(address).value(), port}; }

} // namespace swathe::test
