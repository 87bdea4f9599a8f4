#include "build.h"
#include "socket/backlog.h"
#include "socket/revive.h"
#include "steering.h"
#include "test_net.h"

#include <poll.h>
#include <sys/socket.h>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::test;

namespace {

bool everywhere(const SocketAddress&) { return true; }
bool nowhere(const SocketAddress&) { return false; }

BoundSocket open_one(const NetNamespace& ns, const Listener& listener, const HomeCheck& usable_home) {
    auto sockets = open_listener(listener, ns, usable_home);
    REQUIRE_MESSAGE(sockets, sockets.error().to_string());
    REQUIRE(sockets->size() == 1);
    return std::move(sockets->front());
}

SocketAddress name_of(int fd) {
    sockaddr_storage raw{};
    socklen_t size = sizeof raw;
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&raw), &size) == 0);
    return SocketAddress::from_sockaddr(raw).value();
}

/// A connection through the steering program, which hears `text` from us. Empty: refused.
std::string talk(const NetNamespace& client, int listener, const char* to) {
    std::string heard;
    REQUIRE(client.inside([&]() -> Status {
        sockaddr_storage raw{};
        const socklen_t size = parse_socket_address(to).value().to_sockaddr(raw);
        const UniqueFd fd{::socket(raw.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        const timeval patience{2, 0};
        REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
        REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
        if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&raw), size) < 0) return {};
        pollfd ready{listener, POLLIN, 0};
        REQUIRE(::poll(&ready, 1, 2000) == 1);
        const UniqueFd accepted{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)};
        REQUIRE(accepted);
        REQUIRE(::send(fd.get(), "ask", 3, MSG_NOSIGNAL) == 3);
        char text[8];
        const timeval soon{2, 0};
        REQUIRE(::setsockopt(accepted.get(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon) == 0);
        const ssize_t n = ::recv(accepted.get(), text, sizeof text, 0);
        heard.assign(text, n > 0 ? static_cast<std::size_t>(n) : 0);
        return {};
    }));
    return heard;
}

} // namespace

TEST_CASE("revive: a listener that was shut down, once or twice, takes connections again, at its home") {
    const TestNet net;
    net.deliver_locally();
    Steering steering(net.server);
    struct Case { std::initializer_list<const char*> addresses; const HomeCheck home; const char* to; };
    const Case cases[] = {
        {{"198.51.100.0/24"}, everywhere, "198.51.100.7:8001"},
        {{"198.51.100.0/24"}, nowhere, "198.51.100.7:8001"}, // a port of the kernel's choice, which the fall gives back
        {{"198.51.100.0/24", "2001:db8:1::/64"}, everywhere, "[2001:db8:1::7]:8001"},
        {{"198.51.100.0/24", "2001:db8:1::/64"}, nowhere, "[2001:db8:1::7]:8001"},
        {{"2001:db8:1::/64"}, nowhere, "[2001:db8:1::7]:8001"},
    };
    for (const Case& c : cases)
        for (const int times : {1, 2}) {
            CAPTURE(c.to);
            CAPTURE(times);
            const BoundSocket socket = open_one(net.server, listener(Protocol::tcp, c.addresses, {"8001"}), c.home);
            const int fd = socket.fd.get();
            steering.set_socket(fd, false);
            CHECK(why_unusable(fd, Protocol::tcp).empty());
            CHECK(talk(net.client, fd, c.to) == "ask");
            CHECK_FALSE(revive(socket, Protocol::tcp, 16).value()); // is fit
            CHECK(queue_limit(fd) > 16);                            // and was not touched

            for (int i = 0; i < times; ++i) (void)::shutdown(fd, SHUT_RDWR);
            CHECK(why_unusable(fd, Protocol::tcp) == "it was shut down and listens no more");
            CHECK(talk(net.client, fd, c.to).empty());
            CHECK(revive(socket, Protocol::tcp, 16).value());
            steering.set_socket(fd, false);
            CHECK(why_unusable(fd, Protocol::tcp).empty());
            CHECK(name_of(fd) == socket.home);
            CHECK(queue_limit(fd) == 16);
            CHECK(talk(net.client, fd, c.to) == "ask"); // and the connection is no heir to the shutdown
        }
}

TEST_CASE("revive: a datagram socket that was connected hears everybody again, at its home") {
    const TestNet net;
    net.deliver_locally();
    Steering steering(net.server);
    // a port of its own, or of the kernel's choice, which a disconnection gives back
    for (const char* home : {"198.51.100.1:8053", "127.0.0.1:0"})
        for (const auto& addresses : {std::initializer_list<const char*>{"198.51.100.0/24"}, {"198.51.100.0/24", "2001:db8:1::/64"}}) {
            CAPTURE(home);
            Listener wanted = listener(Protocol::udp, addresses, {"8000-8999"});
            wanted.home = {parse_address(std::string_view(home).substr(0, std::string_view(home).find(':'))).value(),
                           static_cast<std::uint16_t>(std::string_view(home).ends_with(":0") ? 0 : 8053)};
            const BoundSocket socket = open_one(net.server, wanted, everywhere);
            const int fd = socket.fd.get();
            const auto reaches = [&] {
                REQUIRE(net.client.inside([&]() -> Status {
                    const UniqueFd client{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
                    sockaddr_storage raw{};
                    const socklen_t size = parse_socket_address("198.51.100.7:8053").value().to_sockaddr(raw);
                    REQUIRE(::sendto(client.get(), "?", 1, 0, reinterpret_cast<sockaddr*>(&raw), size) == 1);
                    return {};
                }));
                pollfd ready{fd, POLLIN, 0};
                char text[8];
                return ::poll(&ready, 1, 500) == 1 && ::recv(fd, text, sizeof text, MSG_DONTWAIT) == 1;
            };
            steering.set_socket(fd, true);
            CHECK(reaches());
            sockaddr_storage peer{};
            const SocketAddress to = parse_socket_address(socket.home.port == 8053 ? "203.0.113.2:9" : "127.0.0.1:9").value();
            const socklen_t size = to.to_sockaddr(peer, socket.takes_ipv6);
            REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&peer), size) == 0);
            CHECK(why_unusable(fd, Protocol::udp) == "it is connected to " + to.to_string());
            CHECK_FALSE(reaches());
            CHECK(revive(socket, Protocol::udp, 0).value());
            steering.set_socket(fd, true);
            CHECK(why_unusable(fd, Protocol::udp).empty());
            CHECK(name_of(fd) == socket.home);
            CHECK(reaches());
            CHECK_FALSE(revive(socket, Protocol::udp, 0).value());
        }
}

TEST_CASE("revive: what cannot be mended is said, not pretended") {
    const TestNet net;
    const BoundSocket udp = open_one(net.server, listener(Protocol::udp, {"198.51.100.7"}, {"8053"}), everywhere);
    (void)::shutdown(udp.fd.get(), SHUT_RDWR); // ENOTCONN, and yet it works
    CHECK(why_unusable(udp.fd.get(), Protocol::udp) == "it was shut down, which cannot be taken back");
    const auto failed = revive(udp, Protocol::udp, 0);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message.find("cannot be taken back") != std::string::npos);

    const Listener wanted = listener(Protocol::tcp, {"198.51.100.7"}, {"8001"});
    const BoundSocket tcp = open_one(net.server, wanted, nowhere);
    REQUIRE(::shutdown(tcp.fd.get(), SHUT_RD) == 0);
    Listener thief = wanted;
    thief.home = tcp.home; // the kernel gave its port back
    const BoundSocket other = open_one(net.server, thief, everywhere);
    const auto taken = revive(tcp, Protocol::tcp, 16);
    REQUIRE_FALSE(taken);
    CHECK(taken.error().errno_value == EADDRINUSE);
}

TEST_CASE("revive: the backlog of a listener can be changed while somebody waits; a fallen one is left alone") {
    const TestNet net;
    net.deliver_locally();
    Steering steering(net.server);
    Listener wanted = listener(Protocol::tcp, {"198.51.100.7"}, {"8001"});
    wanted.backlog = 64;
    const BoundSocket socket = open_one(net.server, wanted, everywhere);
    const int fd = socket.fd.get();
    CHECK(queue_limit(fd) == 64);
    set_backlog(fd, 7);
    CHECK(queue_limit(fd) == 7);
    REQUIRE(::shutdown(fd, SHUT_RDWR) == 0);
    set_backlog(fd, 9);
    CHECK_FALSE(why_unusable(fd, Protocol::tcp).empty());
}
