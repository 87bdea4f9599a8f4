#include "build.h"
#include "dispatch/connection_tags.h"
#include "socket/connections.h"
#include "socket/open.h"
#include "test_net.h"

#include <array>
#include <ctime>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::test;

namespace {

constexpr std::array<std::uint64_t, 1> kOurs{7}, kOthers{8};

bool everywhere(const SocketAddress&) { return true; }

BoundSocket open_one(const Listener& l, const NetNamespace& ns) {
    auto sockets = open_listener(l, ns, everywhere);
    REQUIRE_MESSAGE(sockets, sockets.error().to_string());
    return std::move(sockets->front());
}

UniqueFd dial(const NetNamespace& ns, const SocketAddress& to) { return test::dial(ns, SOCK_STREAM, to); }

UniqueFd take(int listener) {
    pollfd waiting{listener, POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, 2000) == 1);
    UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    REQUIRE(fd);
    return fd;
}

/// The other end's FIN has come.
void await_end(int fd) {
    char byte = 0;
    REQUIRE(::read(fd, &byte, 1) == 0);
}

/// A listener on loopback, tagged as ours, and who may connect to it.
struct Tagged {
    NetNamespace ns = make_namespace();
    ConnectionTags tags = ConnectionTags::create("").value();
    BoundSocket listener;

    explicit Tagged(std::initializer_list<const char*> addresses = {"127.0.0.0/8"}) {
        listener = open_one(test::listener(Protocol::tcp, addresses, {"80"}), ns);
        REQUIRE(tags.put(listener.fd.get(), kOurs[0]));
    }
    [[nodiscard]] bool any(std::span<const std::uint64_t> whose = kOurs) const {
        const auto found = has_connections(ns, tags.fd(), whose);
        REQUIRE_MESSAGE(found, found.error().to_string());
        return *found;
    }
};

} // namespace

TEST_CASE("connections: from the accept queue to the service's close there is one, and the client's end is none") {
    Tagged t;
    CHECK_FALSE(t.any()); // the listener itself is none
    const UniqueFd client = dial(t.ns, t.listener.home);
    CHECK(t.any());
    UniqueFd served = take(t.listener.fd.get());
    CHECK(t.any());
    CHECK_FALSE(t.any(kOthers));
    served.reset();
    await_end(client.get());
    CHECK_FALSE(t.any()); // the client holds its end, and ours is in FIN-WAIT-2 with nobody
}

TEST_CASE("connections: what the client has closed counts until the service closes it, too") {
    Tagged t;
    UniqueFd client = dial(t.ns, t.listener.home);
    UniqueFd served = take(t.listener.fd.get());
    client.reset();
    await_end(served.get());
    CHECK(t.any());
    served.reset();
    CHECK_FALSE(t.any());
}

TEST_CASE("connections: one half of which the service has shut down counts while it reads the other") {
    Tagged t;
    const UniqueFd client = dial(t.ns, t.listener.home);
    UniqueFd served = take(t.listener.fd.get());
    REQUIRE(::shutdown(served.get(), SHUT_WR) == 0);
    await_end(client.get());
    CHECK(t.any());
}

TEST_CASE("connections: those of an untagged listener, and those from before it was tagged, do not count") {
    Tagged t;
    const BoundSocket native = open_one(listener(Protocol::tcp, {"127.0.0.9"}, {"80"}), t.ns); // within the range
    const UniqueFd to_native = dial(t.ns, native.home);
    const UniqueFd at_native = take(native.fd.get());
    CHECK_FALSE(t.any());
    REQUIRE(t.tags.put(native.fd.get(), kOurs[0]));
    CHECK_FALSE(t.any());
    const UniqueFd next = dial(t.ns, native.home);
    CHECK(t.any());
}

TEST_CASE("connections: a tag that is put again is that of the connections to come; any one of several tags is enough") {
    Tagged t;
    const UniqueFd first = dial(t.ns, t.listener.home);
    REQUIRE(t.tags.put(t.listener.fd.get(), kOthers[0]));
    CHECK(t.any());
    CHECK_FALSE(t.any(kOthers));
    const UniqueFd second = dial(t.ns, t.listener.home);
    CHECK(t.any(kOthers));
    CHECK(t.any(std::array<std::uint64_t, 3>{1, 8, 9}));
    CHECK_FALSE(t.any(std::span<const std::uint64_t>{}));
}

TEST_CASE("connections: both families of a dual-stack listener, whatever address was dialled, and only in its namespace") {
    const TestNet net;
    for (const char* dialled : {"203.0.113.1:80", "[2001:db8:2::1]:80"}) {
        CAPTURE(dialled);
        const ConnectionTags tags = ConnectionTags::create("").value();
        // A wildcard stands for what the dispatcher does: the connection has another address than a home of its own
        UniqueFd server;
        REQUIRE(net.server.inside([&]() -> Status {
            server.reset(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
            const sockaddr_in6 any{AF_INET6, htons(80), 0, IN6ADDR_ANY_INIT, 0};
            const int on = 1;
            REQUIRE(::setsockopt(server.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
            REQUIRE(::bind(server.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
            REQUIRE(::listen(server.get(), 8) == 0);
            return {};
        }));
        ConnectionTags writable = ConnectionTags::create("").value();
        REQUIRE(writable.put(server.get(), kOurs[0]));
        const UniqueFd client = dial(net.client, parse_socket_address(dialled).value());
        CHECK(has_connections(net.server, writable.fd(), kOurs).value());
        CHECK_FALSE(has_connections(net.client, writable.fd(), kOurs).value());
        CHECK_FALSE(has_connections(net.server, tags.fd(), kOurs).value()); // other tags
    }
}

TEST_CASE("connections: of 20,000 others none is taken for ours, and one among them is found") {
    Tagged t;
    run_in(t.ns, "sysctl -qw net.core.somaxconn=65535");
    std::vector<BoundSocket> crowds; // several, since a client's search for a free port takes long once half of them are in use
    for (const char* home : {"127.1.0.1", "127.1.0.2", "127.1.0.3", "127.1.0.4"}) {
        crowds.push_back(open_one(listener(Protocol::tcp, {home}, {"81"}), t.ns));
        REQUIRE(t.tags.put(crowds.back().fd.get(), kOthers[0]));
        for (int i = 0; i < 5'000; ++i) (void)dial(t.ns, crowds.back().home); // closed at once: our side waits in the queue
    }
    const std::clock_t begin = std::clock();
    CHECK_FALSE(t.any());
    MESSAGE("20,000 connections dumped in ", 1000.0 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC, " ms of CPU time");
    const UniqueFd client = dial(t.ns, t.listener.home);
    CHECK(t.any());
    CHECK(t.any(kOthers));
}

TEST_CASE("connections: a descriptor that is no map of tags is an error, not an answer") {
    const NetNamespace ns = make_namespace();
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK_FALSE(has_connections(ns, socket.get(), kOurs));
    CHECK_FALSE(has_connections(ns, -1, kOurs));
}
