#include "build.h"
#include "socket/open.h"
#include "steering.h"
#include "test_net.h"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::test;

// What the home address is chosen by (DESIGN 4): real packets, from another namespace, steered into the sockets that open_listener() makes.

namespace {

constexpr const char* kDialled4 = "198.51.100.77:8123";
constexpr const char* kDialled6 = "[2001:db8:1::77]:8123";
constexpr int kPatienceMs = 2000;

bool everywhere(const SocketAddress&) { return true; }
bool nowhere(const SocketAddress&) { return false; }

/// A client socket connected to `to`: of TCP once the handshake is through, of UDP so that it hears only from there.
UniqueFd dial(const NetNamespace& ns, int type, const char* to) {
    UniqueFd fd;
    REQUIRE(ns.inside([&]() -> Status {
        sockaddr_storage raw{};
        const socklen_t size = parse_socket_address(to).value().to_sockaddr(raw);
        fd.reset(::socket(raw.ss_family, type | SOCK_CLOEXEC, 0));
        const timeval patience{kPatienceMs / 1000, 0};
        REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
        REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
        if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&raw), size) < 0) fd.reset();
        return {};
    }));
    return fd;
}

bool readable(int fd) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, kPatienceMs) == 1;
}

SocketAddress name_of(int fd, int (*get)(int, sockaddr*, socklen_t*)) {
    sockaddr_storage raw{};
    socklen_t size = sizeof raw;
    REQUIRE(get(fd, reinterpret_cast<sockaddr*>(&raw), &size) == 0);
    return SocketAddress::from_sockaddr(raw).value();
}

std::string receive(int fd) {
    char text[16];
    const ssize_t n = ::recv(fd, text, sizeof text, 0);
    return n < 0 ? std::strerror(errno) : std::string(text, static_cast<std::size_t>(n));
}

/// One connection from the client through the listener and back, with the names that both ends see.
void check_tcp(const TestNet& net, int listener_fd, const char* to) {
    CAPTURE(to);
    const UniqueFd client = dial(net.client, SOCK_STREAM, to);
    REQUIRE(client);
    REQUIRE(readable(listener_fd));
    const UniqueFd accepted{::accept4(listener_fd, nullptr, nullptr, SOCK_CLOEXEC)};
    REQUIRE(accepted);
    CHECK(name_of(accepted.get(), ::getsockname).to_string() == to);
    CHECK(name_of(accepted.get(), ::getpeername) == name_of(client.get(), ::getsockname));
    REQUIRE(::send(client.get(), "ask", 3, 0) == 3);
    CHECK(receive(accepted.get()) == "ask");
    REQUIRE(::send(accepted.get(), "answer", 6, 0) == 6);
    CHECK(receive(client.get()) == "answer");
}

/// What a UDP server learns of a datagram beside its text.
struct Question {
    sockaddr_storage peer{};
    socklen_t peer_size = 0;
    std::string dialled;            ///< from the original-destination message
    char reply[128]{};              ///< a PKTINFO message that sends from the address asked
    std::size_t reply_size = 0;
};

template <class T> void put_reply(Question& q, int level, int type, const T& info) {
    auto* header = reinterpret_cast<cmsghdr*>(q.reply);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
    q.reply_size = CMSG_SPACE(sizeof info);
}

void read_control(const cmsghdr& message, Question& q) {
    const bool v4 = message.cmsg_level == IPPROTO_IP;
    if ((v4 && message.cmsg_type == IP_ORIGDSTADDR) || (!v4 && message.cmsg_type == 74 /* IPV6_ORIGDSTADDR */)) {
        sockaddr_storage raw{};
        std::memcpy(&raw, CMSG_DATA(&message), v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
        q.dialled = SocketAddress::from_sockaddr(raw).value().to_string();
    }
    if (v4 && message.cmsg_type == IP_PKTINFO) {
        in_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(&message), sizeof info);
        info = {0, info.ipi_addr, {}};
        put_reply(q, IPPROTO_IP, IP_PKTINFO, info);
    }
    // of an IPv4 packet this one is the mapped address: the other is meant
    if (!v4 && message.cmsg_type == IPV6_PKTINFO && q.reply_size == 0) {
        in6_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(&message), sizeof info);
        info.ipi6_ifindex = 0;
        put_reply(q, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
}

Question receive_question(int fd) {
    Question q;
    char text[16];
    char control[512];
    iovec part{text, sizeof text};
    msghdr message{};
    message.msg_name = &q.peer;
    message.msg_namelen = sizeof q.peer;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    REQUIRE(::recvmsg(fd, &message, 0) == 3);
    q.peer_size = message.msg_namelen;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) read_control(*c, q);
    return q;
}

/// One datagram to the socket, and an answer by PKTINFO that the connected client hears only if it comes from where it asked.
void check_udp(const TestNet& net, int fd, const char* to) {
    CAPTURE(to);
    const UniqueFd client = dial(net.client, SOCK_DGRAM, to);
    REQUIRE(::send(client.get(), "ask", 3, 0) == 3);
    REQUIRE(readable(fd));
    Question q = receive_question(fd);
    CHECK(q.dialled == to);
    REQUIRE(q.reply_size > 0);
    char text[] = "answer";
    iovec part{text, 6};
    msghdr message{};
    message.msg_name = &q.peer;
    message.msg_namelen = q.peer_size;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = q.reply;
    message.msg_controllen = q.reply_size;
    REQUIRE_MESSAGE(::sendmsg(fd, &message, 0) == 6, std::strerror(errno));
    CHECK(receive(client.get()) == "answer");
}

struct Home {
    const char* what;
    HomeCheck usable;
    const char* fixed; ///< nullptr = chosen
};

} // namespace

TEST_CASE("steering: a dual-stack socket takes both families wherever its home is, and TCP sees the address dialled") {
    const TestNet net;
    net.deliver_locally();
    Steering steering(net.server);
    for (const Home& home :
         {Home{"in the range", everywhere, nullptr}, {"unroutable", nowhere, nullptr}, {"loopback", everywhere, "127.0.0.1:7999"}}) {
        CAPTURE(home.what);
        Listener l = listener(Protocol::tcp, {"2001:db8:1::/64", "198.51.100.0/24"}, {"8000-8999"});
        if (home.fixed != nullptr) l.home = parse_socket_address(home.fixed).value();
        const auto sockets = open_listener(l, net.server, home.usable).value();
        REQUIRE(sockets.size() == 1);
        steering.set_socket(sockets.front().fd.get(), false);
        check_tcp(net, sockets.front().fd.get(), kDialled4);
        check_tcp(net, sockets.front().fd.get(), kDialled6);
    }
}

TEST_CASE("steering: a UDP answer by PKTINFO leaves from the address asked, in both families, and the port if the home has it") {
    const TestNet net;
    net.deliver_locally();
    Steering steering(net.server);
    for (const Home& home :
         {Home{"in the range", everywhere, nullptr}, {"unroutable", nowhere, nullptr}, {"loopback", everywhere, "127.0.0.1:8123"}}) {
        CAPTURE(home.what);
        Listener l = listener(Protocol::udp, {"2001:db8:1::/64", "198.51.100.0/24"}, {"8123"});
        if (home.fixed != nullptr) l.home = parse_socket_address(home.fixed).value();
        const auto sockets = open_listener(l, net.server, home.usable).value();
        REQUIRE(sockets.size() == 1);
        CHECK(sockets.front().home.port == 8123);
        steering.set_socket(sockets.front().fd.get(), true);
        check_udp(net, sockets.front().fd.get(), kDialled4);
        check_udp(net, sockets.front().fd.get(), kDialled6);
    }
}

TEST_CASE("steering: each of two split sockets takes its family") {
    const TestNet net;
    net.deliver_locally();
    Steering steering(net.server);
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        Listener l = listener(protocol, {"2001:db8:1::/64", "198.51.100.0/24"}, {"8123"});
        l.family_sockets = FamilySockets::split;
        const auto sockets = open_listener(l, net.server, everywhere).value();
        REQUIRE(sockets.size() == 2);
        const auto check = protocol == Protocol::tcp ? check_tcp : check_udp;
        steering.set_socket(sockets[0].fd.get(), protocol == Protocol::udp);
        check(net, sockets[0].fd.get(), kDialled4);
        steering.set_socket(sockets[1].fd.get(), protocol == Protocol::udp);
        check(net, sockets[1].fd.get(), kDialled6);
        if (protocol == Protocol::tcp) CHECK_FALSE(dial(net.client, SOCK_STREAM, kDialled4)); // IPV6_V6ONLY: refused, not delivered
    }
}

TEST_CASE("steering: over a wildcard bind of another process the home moves and the range still arrives") {
    const TestNet net;
    net.deliver_locally();
    Steering steering(net.server);
    const Listener l = listener(Protocol::tcp, {"198.51.100.0/24"}, {"8123"});
    Listener wildcard = listener(Protocol::tcp, {"198.51.100.0/24"}, {"8123"});
    wildcard.home = SocketAddress{Address::any(Family::ipv4), 8123};
    const auto native = open_listener(wildcard, net.server, everywhere).value(); // stands for another process's 0.0.0.0:8123
    const auto sockets = open_listener(l, net.server, everywhere).value();
    CHECK(sockets.front().home.address.to_string() == "192.0.0.8");
    steering.set_socket(sockets.front().fd.get(), false);
    check_tcp(net, sockets.front().fd.get(), kDialled4);
}

TEST_CASE("steering: UDP over a wildcard bind that shares its port is answered from address and port asked") {
    const TestNet net;
    net.deliver_locally();
    Steering steering(net.server);
    UniqueFd native;
    REQUIRE(net.server.inside([&]() -> Status {
        native.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const int on = 1;
        REQUIRE(::setsockopt(native.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
        sockaddr_storage raw{};
        const socklen_t size = SocketAddress{Address::any(Family::ipv4), 8123}.to_sockaddr(raw);
        REQUIRE(::bind(native.get(), reinterpret_cast<sockaddr*>(&raw), size) == 0);
        return {};
    }));
    const Listener l = listener(Protocol::udp, {"198.51.100.0/24", "2001:db8:1::/64"}, {"8123"});
    const auto first = open_listener(l, net.server, everywhere).value();
    const auto second = open_listener(l, net.server, everywhere).value(); // shares the home; steering tells them apart
    CHECK(first.front().home == second.front().home);
    steering.set_socket(first.front().fd.get(), true);
    check_udp(net, first.front().fd.get(), kDialled4);
    check_udp(net, first.front().fd.get(), kDialled6);
    steering.set_socket(second.front().fd.get(), true);
    check_udp(net, second.front().fd.get(), kDialled4);
    check_udp(net, second.front().fd.get(), kDialled6);
}
