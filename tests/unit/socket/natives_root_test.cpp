#include "build.h"
#include "socket/backlog.h"
#include "socket/natives.h"
#include "test_net.h"

#include <algorithm>
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace swathe;
using namespace swathe::test;

namespace {

/// A socket of "another process" in `ns`, bound to `address` ("::" text form), listening if TCP.
UniqueFd native(const NetNamespace& ns, int family, int type, const char* address, std::uint16_t port, bool v6_only = false,
                const char* device = nullptr) {
    UniqueFd fd;
    REQUIRE(ns.inside([&]() -> Status {
        fd.reset(::socket(family, type | SOCK_CLOEXEC, 0));
        const int only = v6_only ? 1 : 0;
        if (family == AF_INET6) REQUIRE(::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) == 0);
        if (device != nullptr) REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, device, IFNAMSIZ - 1) == 0);
        sockaddr_storage raw{};
        REQUIRE(SocketAddress{Address{}, port}.to_sockaddr(raw, family == AF_INET6) > 0);
        if (family == AF_INET6) REQUIRE(inet_pton(AF_INET6, address, &reinterpret_cast<sockaddr_in6&>(raw).sin6_addr) == 1);
        if (family == AF_INET) REQUIRE(inet_pton(AF_INET, address, &reinterpret_cast<sockaddr_in&>(raw).sin_addr) == 1);
        REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&raw), family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)) == 0);
        if (type == SOCK_STREAM) REQUIRE(::listen(fd.get(), 8) == 0);
        return {};
    }));
    return fd;
}

const NativeSocket* find(const std::vector<NativeSocket>& all, const UniqueFd& fd) {
    const std::uint64_t inode = socket_inode(fd.get()).value();
    const auto at = std::find_if(all.begin(), all.end(), [&](const NativeSocket& s) { return s.inode == inode; });
    return at == all.end() ? nullptr : &*at;
}

} // namespace

TEST_CASE("natives: every kind of listening socket is found with its process, and no other") {
    const NetNamespace ns = make_namespace();
    const std::string us = fmt::format(" (pid {}) on ", ::getpid());
    struct Case { int family; int type; const char* address; std::uint16_t port; bool v6_only; const char* name; bool only; bool ephemeral; };
    const Case cases[] = {
        {AF_INET, SOCK_STREAM, "0.0.0.0", 80, false, "tcp 0.0.0.0:80", false, false},
        {AF_INET, SOCK_STREAM, "127.0.0.1", 81, false, "tcp 127.0.0.1:81", false, false},
        {AF_INET6, SOCK_STREAM, "::", 82, false, "tcp [::]:82", false, false},
        {AF_INET6, SOCK_STREAM, "::", 83, true, "tcp [::]:83", true, false},
        {AF_INET6, SOCK_STREAM, "::1", 84, false, "tcp [::1]:84", true, false}, // the kernel's own doing
        {AF_INET6, SOCK_STREAM, "::ffff:127.0.0.1", 85, false, "tcp 127.0.0.1:85", false, false},
        {AF_INET, SOCK_DGRAM, "0.0.0.0", 53, false, "udp 0.0.0.0:53", false, false},
        {AF_INET6, SOCK_DGRAM, "::", 54, false, "udp [::]:54", false, false},
        {AF_INET, SOCK_DGRAM, "0.0.0.0", 40000, false, "udp 0.0.0.0:40000", false, true},
        {AF_INET, SOCK_STREAM, "0.0.0.0", 40000, false, "tcp 0.0.0.0:40000", false, false},
    };
    std::vector<UniqueFd> open;
    for (const Case& c : cases) open.push_back(native(ns, c.family, c.type, c.address, c.port, c.v6_only));
    const auto all = native_sockets(ns);
    REQUIRE_MESSAGE(all, all.error().to_string());
    CHECK(all->size() == std::size(cases));
    for (std::size_t i = 0; i < open.size(); ++i) {
        CAPTURE(cases[i].name);
        const NativeSocket* found = find(*all, open[i]);
        REQUIRE(found != nullptr);
        CHECK(found->name() == cases[i].name);
        CHECK(found->to_string().find(us + cases[i].name) != std::string::npos);
        CHECK(found->v6_only == cases[i].only);
        CHECK(found->ephemeral == cases[i].ephemeral);
        CHECK(found->ifindex == 0);
    }
}

TEST_CASE("natives: connected UDP and merely bound TCP sockets are nobody's listeners") {
    const NetNamespace ns = make_namespace();
    const UniqueFd udp = native(ns, AF_INET, SOCK_DGRAM, "127.0.0.1", 5000);
    const UniqueFd bound = native(ns, AF_INET, SOCK_DGRAM, "127.0.0.1", 5001, false, "lo");
    sockaddr_storage peer{};
    const socklen_t size = SocketAddress{Address::v4(0x7f000001), 9}.to_sockaddr(peer);
    CHECK(native_sockets(ns)->size() == 2);
    REQUIRE(::connect(udp.get(), reinterpret_cast<sockaddr*>(&peer), size) == 0);
    const auto all = native_sockets(ns).value();
    REQUIRE(all.size() == 1);
    CHECK(all.front().ifindex == 1);
    CHECK(all.front().device == "lo");
    CHECK(all.front().name() == "udp 127.0.0.1:5001 (bound to lo)");
}

TEST_CASE("natives: a process that names itself with control characters cannot write into the log") {
    const NetNamespace ns = make_namespace();
    char before[16] = "";
    REQUIRE(::prctl(PR_GET_NAME, before) == 0);
    REQUIRE(::prctl(PR_SET_NAME, "a\nb\x1b[31m\xff") == 0);
    const UniqueFd fd = native(ns, AF_INET, SOCK_STREAM, "127.0.0.1", 80);
    const auto all = native_sockets(ns).value();
    CHECK(::prctl(PR_SET_NAME, before) == 0);
    REQUIRE(find(all, fd) != nullptr);
    CHECK(find(all, fd)->process == "a?b?[31m?");
}

TEST_CASE("natives: the ports of clients are those of the namespace, not of the caller's") {
    const TestNet net;
    run_in(net.server,
           "echo '20000 20999' > /proc/sys/net/ipv4/ip_local_port_range; echo 20010-20020 > /proc/sys/net/ipv4/ip_local_reserved_ports");
    const UniqueFd client = native(net.server, AF_INET, SOCK_DGRAM, "0.0.0.0", 20000);
    const UniqueFd reserved = native(net.server, AF_INET, SOCK_DGRAM, "0.0.0.0", 20010);
    const auto all = native_sockets(net.server).value();
    CHECK(find(all, client)->ephemeral);
    CHECK_FALSE(find(all, reserved)->ephemeral);
    const auto overlaps = [&](const char* address, const char* range) {
        return find_ephemeral_overlaps(config_of({listener(Protocol::udp, {address}, {range})}), net.server);
    };
    CHECK(overlaps("203.0.113.0/24", "40000").empty());
    CHECK(overlaps("203.0.113.0/24", "20010-20020").empty());
    CHECK(overlaps("203.0.113.2", "20000").empty());
    const auto found = overlaps("203.0.113.0/24", "20999-30000");
    REQUIRE(found.size() == 1);
    CHECK(found.front().severity == Diagnostic::Severity::warning);
    CHECK(found.front().error.message.find("udp 20999 on 203.0.113.1 is what") != std::string::npos);
}

TEST_CASE("natives: a thousand sockets in one listing") {
    const NetNamespace ns = make_namespace();
    std::vector<UniqueFd> open;
    for (std::uint16_t i = 0; i < 1000; ++i)
        open.push_back(native(ns, AF_INET, SOCK_DGRAM, "127.0.0.1", static_cast<std::uint16_t>(10000 + i)));
    const auto all = native_sockets(ns).value();
    CHECK(all.size() == 1000);
    CHECK(std::all_of(all.begin(), all.end(), [](const NativeSocket& s) { return s.pid == ::getpid(); }));
}

TEST_CASE("backlog: what waits is counted, and no longer once it is taken") {
    const NetNamespace ns = make_namespace();
    const UniqueFd tcp = native(ns, AF_INET, SOCK_STREAM, "127.0.0.1", 80);
    const UniqueFd udp = native(ns, AF_INET6, SOCK_DGRAM, "::", 53);
    CHECK(queued(tcp.get(), Protocol::tcp) == 0);
    CHECK(queue_limit(tcp.get()) == 8);
    CHECK(queued(udp.get(), Protocol::udp) == 0);

    std::vector<UniqueFd> clients;
    sockaddr_storage peer{};
    const socklen_t size = SocketAddress{Address::v4(0x7f000001), 80}.to_sockaddr(peer);
    REQUIRE(ns.inside([&]() -> Status {
        for (int i = 0; i < 3; ++i) {
            clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            REQUIRE(::connect(clients.back().get(), reinterpret_cast<sockaddr*>(&peer), size) == 0);
        }
        clients.emplace_back(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        return {};
    }));
    CHECK(queued(tcp.get(), Protocol::tcp) == 3);
    const UniqueFd accepted{::accept4(tcp.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    CHECK(queued(tcp.get(), Protocol::tcp) == 2);
    CHECK(queued(accepted.get(), Protocol::tcp) == 0); // not a listener

    const socklen_t usize = SocketAddress{Address::v4(0x7f000001), 53}.to_sockaddr(peer);
    REQUIRE(::sendto(clients.back().get(), "", 0, 0, reinterpret_cast<sockaddr*>(&peer), usize) == 0); // an empty datagram waits, too
    CHECK(queued(udp.get(), Protocol::udp) > 0);
    char buffer[8];
    CHECK(::recv(udp.get(), buffer, sizeof buffer, MSG_DONTWAIT) == 0);
    CHECK(queued(udp.get(), Protocol::udp) == 0);

    CHECK(queued(-1, Protocol::tcp) == 0);
    CHECK(queued(STDIN_FILENO, Protocol::udp) == 0);
    const UniqueFd file{::open("/etc/passwd", O_RDONLY | O_CLOEXEC)};
    CHECK_FALSE(socket_inode(file.get()));
}
