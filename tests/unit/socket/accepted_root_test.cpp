#include "socket/accepted.h"

#include "test_net.h"

#include <array>
#include <cstring>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

sockaddr* generic(sockaddr_storage& storage) { return reinterpret_cast<sockaddr*>(&storage); }

/// A listener on a loopback address, which takes both families if it is "::", and how to connect to it.
struct Listening {
    UniqueFd fd;
    std::uint16_t port = 0;

    explicit Listening(const std::string& address) {
        const SocketAddress own{*parse_address(address), 0};
        sockaddr_storage storage{};
        const socklen_t size = own.to_sockaddr(storage);
        fd.reset(::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        REQUIRE(::bind(fd.get(), generic(storage), size) == 0);
        REQUIRE(::listen(fd.get(), 16) == 0);
        sockaddr_storage bound{};
        socklen_t bound_size = sizeof bound;
        REQUIRE(::getsockname(fd.get(), generic(bound), &bound_size) == 0);
        port = SocketAddress::from_sockaddr(bound)->port;
    }
    [[nodiscard]] UniqueFd connect(const std::string& address) const {
        sockaddr_storage storage{};
        const socklen_t size = SocketAddress{*parse_address(address), port}.to_sockaddr(storage);
        UniqueFd client(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(client.get(), generic(storage), size) == 0);
        return client;
    }
};

SocketAddress own_name(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    REQUIRE(::getsockname(fd, generic(storage), &size) == 0);
    return *SocketAddress::from_sockaddr(storage);
}

void reset(UniqueFd client) {
    const linger hard{1, 0};
    REQUIRE(::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0);
}

} // namespace

TEST_CASE("accept: nobody waits, one waits, and what is taken does not block and is closed by an exec") {
    const Listening listener("127.0.0.1");
    CHECK(accept_next(listener.fd.get()).outcome == AcceptedSocket::Outcome::nobody);
    const UniqueFd client = listener.connect("127.0.0.1");
    const AcceptedSocket taken = accept_next(listener.fd.get());
    REQUIRE(taken.outcome == AcceptedSocket::Outcome::taken);
    CHECK((::fcntl(taken.fd.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(taken.fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(accept_next(listener.fd.get()).outcome == AcceptedSocket::Outcome::nobody);
}

TEST_CASE("accept: a descriptor that is no listener fails") {
    const UniqueFd other(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const AcceptedSocket taken = accept_next(other.get());
    CHECK(taken.outcome == AcceptedSocket::Outcome::failed);
    CHECK(taken.error == EINVAL);
}

TEST_CASE("accept: both ends are named, and an IPv4 one without its mapping") {
    const Listening listener("::");
    for (const char* const address : {"127.0.0.1", "::1"}) {
        CAPTURE(address);
        const UniqueFd client = listener.connect(address);
        const AcceptedSocket taken = accept_next(listener.fd.get());
        const auto ends = ends_of(taken.fd.get(), SocketKind::tcp);
        REQUIRE(ends);
        CHECK(ends->local == SocketAddress{*parse_address(address), listener.port});
        CHECK(ends->remote == own_name(client.get()));
        CHECK(ends->cookie > 0);
    }
}

TEST_CASE("accept: who is gone already has no ends") {
    const Listening listener("127.0.0.1");
    reset(listener.connect("127.0.0.1"));
    const AcceptedSocket taken = accept_next(listener.fd.get());
    REQUIRE(taken.outcome == AcceptedSocket::Outcome::taken);
    CHECK_FALSE(ends_of(taken.fd.get(), SocketKind::tcp));
}

TEST_CASE("accept: the other side of a UNIX socket is named by its path or abstract name, its process and its user") {
    UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "swathe-accepted-" + std::to_string(::getpid());
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener.get(), 4) == 0);
    for (const bool named : {false, true}) {
        const UniqueFd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un own = address;
        own.sun_path[1] = 'S';
        if (named) REQUIRE(::bind(client.get(), reinterpret_cast<sockaddr*>(&own), size) == 0);
        REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        const AcceptedSocket taken = accept_next(listener.get());
        const auto ends = ends_of(taken.fd.get(), SocketKind::unix_stream);
        REQUIRE(ends);
        CHECK(ends->path == (named ? "@S" + name.substr(1) : ""));
        CHECK(ends->pid == ::getpid());
        CHECK(ends->uid == ::getuid());
        CHECK_FALSE(transferred(taken.fd.get()));
    }
}

TEST_CASE("accept: options of the listener are set again on what is accepted") {
    const Listening listener("127.0.0.1");
    const UniqueFd client = listener.connect("127.0.0.1");
    const AcceptedSocket taken = accept_next(listener.fd.get());
    const auto ends = ends_of(taken.fd.get(), SocketKind::tcp);
    REQUIRE(ends);
    Listener wanted;
    CHECK(set_accepted_options(taken.fd.get(), wanted, *ends));
    wanted.no_delay = true;
    wanted.ip_tos = 16;
    CHECK(set_accepted_options(taken.fd.get(), wanted, *ends));
    int value = 0;
    socklen_t size = sizeof value;
    CHECK(::getsockopt(taken.fd.get(), IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0);
    CHECK(value != 0);
    CHECK(::getsockopt(taken.fd.get(), IPPROTO_IP, IP_TOS, &value, &size) == 0);
    CHECK(value == 16);
}

TEST_CASE("accept: bytes are counted without the end of the connection, and a text that finds no room does not wait") {
    const Listening listener("127.0.0.1");
    const UniqueFd client = listener.connect("127.0.0.1");
    const AcceptedSocket taken = accept_next(listener.fd.get());
    send_at_once(taken.fd.get(), "hello");
    std::array<char, 16> buffer{};
    CHECK(::recv(client.get(), buffer.data(), buffer.size(), 0) == 5);
    REQUIRE(::send(client.get(), "abc", 3, MSG_NOSIGNAL) == 3);
    REQUIRE(::shutdown(client.get(), SHUT_WR) == 0);
    while (::recv(taken.fd.get(), buffer.data(), buffer.size(), 0) != 0) {} // until its end is here
    const auto moved = transferred(taken.fd.get());
    REQUIRE(moved);
    CHECK(moved->received == 3);
    CHECK(moved->sent == 5);
    send_at_once(taken.fd.get(), std::string(64UL << 20U, 'x')); // returns, though nobody reads
    CHECK(transferred(taken.fd.get())->sent > 5);
}
