#include "build.h"
#include "dispatch/migration.h"
#include "socket/backlog.h"
#include "socket/group.h"
#include "socket/revive.h"
#include "steering.h"
#include "test_net.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <numeric>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::test;

namespace {

constexpr std::size_t kMembers = 4;
constexpr int kClients = 200;

bool everywhere(const SocketAddress&) { return true; }
bool nowhere(const SocketAddress&) { return false; }

/// A server behind a veth pair whose slot has the first member of a group, and clients who dial addresses of the swathe.
struct Steered {
    Protocol protocol;
    TestNet net;
    Listener wanted;
    Group group;
    Steering steering{net.server};

    explicit Steered(Protocol p, const HomeCheck& usable = everywhere) : protocol(p) {
        wanted = listener(p, {"198.51.100.0/24", "2001:db8:1::/64"}, {"8000"});
        net.deliver_locally();
        group = first(wanted, usable);
        steering.set_socket(group.front().fd.get(), p == Protocol::udp);
    }

    [[nodiscard]] Group first(const Listener& l, const HomeCheck& usable) const {
        auto opened = open_listener(l, net.server, usable, Admission::at_once, Sharing::alone);
        REQUIRE_MESSAGE(opened, opened.error().to_string());
        return Group(std::move(opened->front()));
    }
    void grow_to(std::size_t members) {
        const auto grown = group.grow(wanted, net.server, members);
        REQUIRE_MESSAGE(grown, grown.error().to_string());
        REQUIRE(group.size() == members);
    }

    /// One client, who stays; each dials another address.
    [[nodiscard]] UniqueFd dial(int number) const {
        UniqueFd fd;
        REQUIRE(net.client.inside([&]() -> Status {
            const std::string to = number % 2 == 0 ? "198.51.100." + std::to_string(number % 250 + 1) + ":8123" : "[2001:db8:1::7]:8123";
            sockaddr_storage raw{};
            const socklen_t size = parse_socket_address(to).value().to_sockaddr(raw);
            fd.reset(::socket(raw.ss_family, (protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
            if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&raw), size) < 0) return system_failure("connect");
            if (protocol == Protocol::udp && ::send(fd.get(), "x", 1, 0) < 0) return system_failure("send");
            return {};
        }));
        return fd;
    }
    [[nodiscard]] std::vector<UniqueFd> dial_all() const {
        std::vector<UniqueFd> clients;
        for (int i = 0; i < kClients; ++i) clients.push_back(dial(i));
        return clients;
    }

    /// What waits at a member, taken out.
    [[nodiscard]] int drain(const BoundSocket& member) const {
        for (int count = 0;; ++count) {
            pollfd waiting{member.fd.get(), POLLIN, 0};
            if (::poll(&waiting, 1, 50) < 1) return count;
            char byte = 0;
            if (protocol == Protocol::udp) REQUIRE(::recv(member.fd.get(), &byte, 1, 0) == 1);
            if (protocol == Protocol::tcp) REQUIRE(UniqueFd(::accept4(member.fd.get(), nullptr, nullptr, SOCK_CLOEXEC)));
        }
    }
    [[nodiscard]] std::vector<int> drain_all() const {
        std::vector<int> counts;
        for (const BoundSocket& member : group) counts.push_back(drain(member));
        return counts;
    }
};

int sum(const std::vector<int>& counts) {
    int all = 0;
    for (const int count : counts) all += count;
    return all;
}

} // namespace

TEST_CASE("group: what is steered to one member is spread over all of them, of both families and protocols") {
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        CAPTURE(to_string(protocol));
        Steered s(protocol);
        s.grow_to(kMembers);
        for (const BoundSocket& member : s.group) CHECK(member.home == s.group.front().home);
        const auto clients = s.dial_all();
        const std::vector<int> counts = s.drain_all();
        CHECK(sum(counts) == kClients);
        for (const int count : counts) CHECK(count > 12); // 50 on average; fewer than 13 in none of 10^9 runs
    }
}

TEST_CASE("group: a listener that is open grows into one and keeps its queue") {
    Steered s(Protocol::tcp);
    const UniqueFd early = s.dial(0);
    s.grow_to(2);
    CHECK(queued(s.group[0].fd.get(), Protocol::tcp) == 1);
    CHECK(queued(s.group[1].fd.get(), Protocol::tcp) == 0);
}

TEST_CASE("group: members that are taken out get nothing more and keep what they have; all dead but one, it serves everybody") {
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        CAPTURE(to_string(protocol));
        Steered s(protocol);
        s.grow_to(kMembers);
        const auto before = s.dial_all();
        const int waiting = s.drain(s.group[2]);
        REQUIRE(s.group.spread_over(std::array<std::size_t, 1>{2}));
        const auto after = s.dial_all();
        CHECK(s.drain(s.group[2]) == kClients);
        CHECK(sum(s.drain_all()) == kClients - waiting);

        REQUIRE(s.group.spread_over(std::array<std::size_t, 3>{0, 1, 3}));
        const auto more = s.dial_all();
        const std::vector<int> counts = s.drain_all();
        CHECK(counts[2] == 0);
        CHECK(sum(counts) == kClients);
        if (protocol == Protocol::tcp) // datagrams that carry no hash go to the first place
            for (const std::size_t place : {0U, 1U, 3U}) CHECK(counts[place] > kClients / 3 / 4);

        REQUIRE(s.group.spread_over({}));
        const auto last = s.dial_all();
        CHECK(s.drain(s.group[2]) > 0);
    }
}

TEST_CASE("group: it shrinks while clients come and wait, whoever still has the member, and none is refused or reset") {
    Steered s(Protocol::tcp);
    s.grow_to(kMembers);
    const auto migration = load_migration();
    REQUIRE_MESSAGE(migration, migration.error().to_string());
    std::vector<UniqueFd> clients = s.dial_all();
    std::vector<UniqueFd> inherited; // as by workers that do not end
    while (s.group.size() > 1) {
        std::vector<std::size_t> others(s.group.size() - 1);
        std::iota(others.begin(), others.end(), 0U);
        REQUIRE(s.group.spread_over(others));
        for (UniqueFd& client : s.dial_all()) clients.push_back(std::move(client));
        inherited.emplace_back(::fcntl(s.group[s.group.size() - 1].fd.get(), F_DUPFD_CLOEXEC, 0));
        REQUIRE(queued(inherited.back().get(), Protocol::tcp) > 0);
        REQUIRE(s.group.close_last(migration->get()));
        REQUIRE(s.group.spread_over({}));
    }
    for (UniqueFd& client : s.dial_all()) clients.push_back(std::move(client));
    REQUIRE(clients.size() == (kMembers + 1) * kClients); // at each size, and once more
    for (const UniqueFd& client : clients) {
        pollfd reset{client.get(), POLLRDHUP, 0};
        CHECK(::poll(&reset, 1, 0) == 0);
    }
    CHECK(s.drain(s.group.front()) == static_cast<int>(clients.size()));
}

TEST_CASE("group: members are told apart after one has fallen and listens again, one was closed and one has come, too") {
    Steered s(Protocol::tcp);
    s.grow_to(kMembers);
    const auto each_gets_its_own = [&s] {
        for (std::size_t member = 0; member < s.group.size(); ++member) {
            CAPTURE(member);
            REQUIRE(s.group.spread_over(std::array<std::size_t, 1>{member}));
            const auto clients = s.dial_all();
            CHECK(s.drain(s.group[member]) == kClients);
        }
    };
    REQUIRE(::shutdown(s.group[1].fd.get(), SHUT_RDWR) == 0);
    REQUIRE(revive(s.group[1], Protocol::tcp, 4096).value());
    s.group.listens_again(1);
    each_gets_its_own();
    const auto migration = load_migration();
    REQUIRE(migration);
    REQUIRE(s.group.close_last(migration->get()));
    each_gets_its_own();
    s.grow_to(kMembers + 1);
    each_gets_its_own();
}

TEST_CASE("group: two groups that would share a home where no packet goes do not, and a listener beside them still may") {
    Steered s(Protocol::udp, nowhere);
    s.grow_to(2);
    CHECK(s.group.front().home.to_string() == "192.0.0.8:8000");
    Group other = s.first(s.wanted, nowhere);
    REQUIRE(other.grow(s.wanted, s.net.server, 2));
    CHECK(other.front().home != s.group.front().home);
    const auto plain = open_listener(s.wanted, s.net.server, nowhere);
    REQUIRE(plain);
    CHECK(plain->front().home == s.group.front().home);
    const auto clients = s.dial_all();
    CHECK(sum(s.drain_all()) == kClients);
}

TEST_CASE("group: who is of another user cannot join") {
    Steered s(Protocol::tcp);
    s.grow_to(2);
    UniqueFd stranger;
    REQUIRE(s.net.server.inside([&]() -> Status {
        stranger.reset(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int on = 1, off = 0;
        REQUIRE(::setsockopt(stranger.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0);
        REQUIRE(::setsockopt(stranger.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
        REQUIRE(::setsockopt(stranger.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0);
        REQUIRE(::setsockopt(stranger.get(), IPPROTO_IPV6, 78 /* IPV6_FREEBIND */, &on, sizeof on) == 0);
        REQUIRE(::fchown(stranger.get(), 65534, 65534) == 0); // the kernel goes by the socket's owner
        sockaddr_storage raw{};
        const socklen_t size = s.group.front().home.to_sockaddr(raw, true);
        const bool joined = ::bind(stranger.get(), reinterpret_cast<sockaddr*>(&raw), size) == 0 && ::listen(stranger.get(), 8) == 0;
        CHECK_FALSE(joined);
        CHECK(errno == EADDRINUSE);
        return {};
    }));
}

TEST_CASE("group: one that cannot be opened in full stays as it was") {
    Steered s(Protocol::tcp);
    s.grow_to(2);
    const std::uint64_t cookie = s.group.front().cookie;
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    const rlimit full{static_cast<rlim_t>(::dup(0)), limit.rlim_max};
    ::close(static_cast<int>(full.rlim_cur));
    const rlimit tight{full.rlim_cur + 6, limit.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    const auto grown = s.group.grow(s.wanted, s.net.server, 20);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    REQUIRE_FALSE(grown);
    CHECK(grown.error().errno_value == EMFILE);
    CHECK(s.group.size() == 2);
    CHECK(s.group.front().cookie == cookie);
    s.grow_to(3);
}
