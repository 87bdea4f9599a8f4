#include "socket/held.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

using namespace swathe;

namespace {

const Address kLoopback = Address::v4(0x7f000001);

HeldSocket held(const SocketAddress& address, std::uint64_t inode) {
    HeldSocket socket;
    socket.address = address;
    socket.inode = inode;
    return socket;
}

/// A TCP socket in LISTEN, or a UDP one, on a port of the kernel's choice at 127.0.0.1.
struct Bound {
    UniqueFd fd;
    UnitSocket where;
};

Bound bind_somewhere(Protocol protocol) {
    Bound bound{UniqueFd(::socket(AF_INET, (protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0)), {protocol, {}}};
    sockaddr_storage raw{};
    const socklen_t size = SocketAddress{kLoopback, 0}.to_sockaddr(raw);
    REQUIRE(::bind(bound.fd.get(), reinterpret_cast<const sockaddr*>(&raw), size) == 0);
    if (protocol == Protocol::tcp) { REQUIRE(::listen(bound.fd.get(), 5) == 0); }
    socklen_t got = sizeof raw;
    REQUIRE(::getsockname(bound.fd.get(), reinterpret_cast<sockaddr*>(&raw), &got) == 0);
    bound.where.address = *SocketAddress::from_sockaddr(raw);
    return bound;
}

} // namespace

TEST_CASE("held: the one socket at the address that the process has is chosen, and no guess is made") {
    const SocketAddress web{kLoopback, 80}, other{kLoopback, 81};
    const UnitSocket wanted{Protocol::tcp, web};
    CHECK(choose_held({held(web, 1), held(other, 2), held(web, 3)}, {3, 2}, wanted)->inode == 3);
    CHECK(choose_held({held(web, 1)}, {2}, wanted).error().message ==
          "no socket of its is bound to tcp 127.0.0.1:80 in this network namespace");
    CHECK(choose_held({held(web, 1), held(web, 2)}, {1, 2}, wanted).error().message ==
          "several sockets of its are bound to tcp 127.0.0.1:80");
    HeldSocket device = held(web, 1);
    device.for_device = true;
    CHECK(choose_held({device}, {1}, wanted).error().message == "its socket on tcp 127.0.0.1:80 is bound to a device");
}

TEST_CASE("held: a wildcard of IPv6 takes IPv4 unless it says IPv6 only; an address of IPv6 never does") {
    HeldSocket any = held({Address::any(Family::ipv6), 80}, 1);
    CHECK(any.takes(Family::ipv4));
    CHECK(any.takes(Family::ipv6));
    any.v6_only = true;
    CHECK_FALSE(any.takes(Family::ipv4));
    CHECK_FALSE(held({*parse_address("2001:db8::1"), 80}, 1).takes(Family::ipv4));
    CHECK(held({kLoopback, 80}, 1).takes(Family::ipv4));
    CHECK_FALSE(held({kLoopback, 80}, 1).takes(Family::ipv6));
}

TEST_CASE("held: a duplicate is of the same socket, and changes nothing of it") {
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        CAPTURE(to_string(protocol));
        const Bound bound = bind_somewhere(protocol);
        const auto ns = NetNamespace::current();
        const auto found = find_held(::getpid(), bound.where, *ns);
        REQUIRE(found);
        CHECK(found->address == bound.where.address);
        const int flags = ::fcntl(bound.fd.get(), F_GETFL);
        const auto duplicate = duplicate_held(::getpid(), *found, protocol);
        REQUIRE(duplicate);
        CHECK(duplicate->get() != bound.fd.get());
        CHECK((::fcntl(duplicate->get(), F_GETFD) & FD_CLOEXEC) != 0);
        CHECK(::fcntl(bound.fd.get(), F_GETFL) == flags);
        std::uint64_t cookie = 0;
        socklen_t size = sizeof cookie;
        REQUIRE(::getsockopt(bound.fd.get(), SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0);
        CHECK(found->cookie == cookie);
    }
}

TEST_CASE("held: a socket that was closed and bound anew is another one") {
    Bound bound = bind_somewhere(Protocol::tcp);
    const auto ns = NetNamespace::current();
    auto found = find_held(::getpid(), bound.where, *ns);
    REQUIRE(found);
    bound.fd.reset();
    CHECK(duplicate_held(::getpid(), *found, Protocol::tcp).error().message == "it has been closed");
    CHECK_FALSE(find_held(::getpid(), bound.where, *ns));
    const Bound next = bind_somewhere(Protocol::tcp);
    found->inode = find_held(::getpid(), next.where, *ns)->inode; // as if the number had been given out again
    CHECK(duplicate_held(::getpid(), *found, Protocol::tcp).error().message == "it has been closed");
}

TEST_CASE("held: a socket of MPTCP is refused in plain words") {
    Bound bound{UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP)), {Protocol::tcp, {}}};
    if (!bound.fd) return; // this kernel has none
    sockaddr_storage raw{};
    const socklen_t size = SocketAddress{kLoopback, 0}.to_sockaddr(raw);
    REQUIRE(::bind(bound.fd.get(), reinterpret_cast<const sockaddr*>(&raw), size) == 0);
    REQUIRE(::listen(bound.fd.get(), 5) == 0);
    socklen_t got = sizeof raw;
    REQUIRE(::getsockname(bound.fd.get(), reinterpret_cast<sockaddr*>(&raw), &got) == 0);
    bound.where.address = *SocketAddress::from_sockaddr(raw);
    const auto found = find_held(::getpid(), bound.where, *NetNamespace::current());
    if (!found) { // the kernel does not list it as one of TCP
        CHECK(found.error().message.starts_with("no socket of its"));
        return;
    }
    const auto duplicate = duplicate_held(::getpid(), *found, Protocol::tcp);
    CHECK(duplicate.error().message == "it is a socket of MPTCP, to which nothing can be steered");
}
