#include "build.h"
#include "socket/hand_over.h"
#include "steering.h"
#include "test_net.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <net/if.h>
#include <netinet/in.h>
#include <numeric>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace swathe;
using namespace swathe::test;

// Flows of real packets: a client across a veth pair, or on the same host, a listener that a program steers to, and the flow's own socket.

namespace {

constexpr int kPatienceMs = 2000;
constexpr std::uint16_t kPort = 8123;

bool nowhere(const SocketAddress&) { return false; }

Payload bytes(const std::string& text) { return {text.begin(), text.end()}; }

bool readable(int fd, int patience_ms = kPatienceMs) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, patience_ms) == 1;
}

SocketAddress name_of(int fd, int (*get)(int, sockaddr*, socklen_t*)) {
    sockaddr_storage raw{};
    socklen_t size = sizeof raw;
    REQUIRE(get(fd, reinterpret_cast<sockaddr*>(&raw), &size) == 0);
    return SocketAddress::from_sockaddr(raw).value();
}

/// What waits in a socket, or comes within the time that packets take.
Payload receive(int fd) {
    if (!readable(fd)) return bytes("nothing came");
    std::vector<std::uint8_t> room(70000);
    const ssize_t n = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT);
    if (n < 0) return bytes(std::strerror(errno));
    room.resize(static_cast<std::size_t>(n));
    return room;
}

/// A client's socket that hears only from what it asks.
UniqueFd dial(const NetNamespace& ns, const SocketAddress& to) {
    UniqueFd fd;
    REQUIRE(ns.inside([&]() -> Status {
        sockaddr_storage raw{};
        const socklen_t size = to.to_sockaddr(raw);
        fd.reset(::socket(raw.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&raw), size) == 0);
        return {};
    }));
    return fd;
}

void send(int fd, const Payload& payload) {
    REQUIRE(::send(fd, payload.data(), payload.size(), 0) == static_cast<ssize_t>(payload.size()));
}
void send(int fd, const char* text) { send(fd, bytes(text)); }

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

constexpr std::array<const char*, 4> kAsked{"198.51.100.77", "203.0.113.1", "2001:db8:1::77", "2001:db8:2::1"}; // two of the interface

SocketAddress asked_at(const char* address, std::uint16_t port = kPort) { return {parse_address(address).value(), port}; }

} // namespace

TEST_CASE("flow: the first datagrams are in the flow's socket, answers leave from what was asked, later ones come straight") {
    FlowNet net;
    for (const char* address : kAsked) {
        CAPTURE(address);
        const UniqueFd client = dial(net.client, asked_at(address));
        send(client.get(), "one");
        send(client.get(), "two");
        const FlowSocket flow = net.accept();
        CHECK(name_of(flow.fd(), ::getsockname) == asked_at(address));
        CHECK(name_of(flow.fd(), ::getpeername) == name_of(client.get(), ::getsockname));

        sockaddr_storage source{};
        socklen_t size = sizeof source;
        char room[8];
        REQUIRE(readable(flow.fd()));
        REQUIRE(::recvfrom(flow.fd(), room, sizeof room, 0, reinterpret_cast<sockaddr*>(&source), &size) == 3);
        CHECK(std::memcmp(room, "one", 3) == 0);
        CHECK(SocketAddress::from_sockaddr(source).value() == name_of(client.get(), ::getsockname)); // as if it had come by itself
        CHECK(receive(flow.fd()) == bytes("two"));
        send(client.get(), "three");
        CHECK(receive(flow.fd()) == bytes("three"));
        send(flow.fd(), "answer");
        CHECK(receive(client.get()) == bytes("answer"));
        CHECK_FALSE(readable(net.from.fd.get(), 0));
    }
}

TEST_CASE("flow: clients and asked addresses and ports are never mixed") {
    FlowNet net;
    std::vector<UniqueFd> clients;
    std::vector<FlowSocket> flows;
    for (const char* address : kAsked)
        for (const std::uint16_t port : {std::uint16_t{8000}, std::uint16_t{8999}})
            for (int i = 0; i < 3; ++i) {
                clients.push_back(dial(net.client, asked_at(address, port)));
                send(clients.back().get(), fmt::format("first of {}", clients.size()).c_str());
                flows.push_back(net.accept());
            }
    for (std::size_t i = 0; i < clients.size(); ++i) send(clients[i].get(), fmt::format("second of {}", i + 1).c_str());
    for (std::size_t i = 0; i < clients.size(); ++i) {
        CAPTURE(i);
        CHECK(receive(flows[i].fd()) == bytes(fmt::format("first of {}", i + 1)));
        CHECK(receive(flows[i].fd()) == bytes(fmt::format("second of {}", i + 1)));
        send(flows[i].fd(), fmt::format("answer {}", i + 1).c_str());
        CHECK(receive(clients[i].get()) == bytes(fmt::format("answer {}", i + 1)));
    }
    CHECK(net.inbox.empty());
}

namespace {

/// A client who sends numbers one after another. Across a veth pair send(2) takes a datagram up to the other side's socket.
class Flood {
public:
    explicit Flood(int fd) : sender_([this, fd](const std::stop_token& stop) { run(fd, stop); }) {}

    /// How many it has sent, when it has ended.
    std::uint32_t end() {
        sender_.request_stop();
        sender_.join();
        return sent_;
    }
    /// The longest that one was on its way. While the processor stands still in there (in a virtual machine its host may take it away), a
    /// datagram whose socket has been chosen is overtaken, by no fault of ours.
    [[nodiscard]] std::chrono::nanoseconds longest() const { return longest_; }

private:
    void run(int fd, const std::stop_token& stop) {
        while (!stop.stop_requested() && sent_ < 20000) {
            const auto begun = std::chrono::steady_clock::now();
            (void)::send(fd, &sent_, sizeof sent_, 0);
            const auto done = std::chrono::steady_clock::now();
            ++sent_;
            longest_ = std::max(longest_, std::chrono::nanoseconds(done - begun));
            while (std::chrono::steady_clock::now() < done + std::chrono::microseconds(20)) {}
        }
    }

    std::uint32_t sent_ = 0;
    std::chrono::nanoseconds longest_{};
    std::jthread sender_;
};

std::vector<std::uint32_t> numbers_in(const FlowSocket& socket) {
    std::vector<std::uint32_t> all;
    for (std::uint32_t number = 0; ::recv(socket.fd(), &number, sizeof number, MSG_DONTWAIT) == sizeof number;) all.push_back(number);
    return all;
}

std::vector<std::uint32_t> numbers_below(std::uint32_t end) {
    std::vector<std::uint32_t> all(end);
    std::iota(all.begin(), all.end(), 0U);
    return all;
}

} // namespace

TEST_CASE("flow: the order holds, and nothing is lost, of a client who never pauses") {
    FlowNet net;
    net.listener.receive_buffer = 16 * 1024 * 1024; // nobody reads meanwhile
    net.open();
    for (const char* address : kAsked) {
        int undisturbed = 0;
        for (int attempt = 0; attempt < 60 && undisturbed < 20; ++attempt) {
            CAPTURE(address);
            CAPTURE(attempt);
            const UniqueFd client = dial(net.client, asked_at(address));
            Flood flood(client.get());
            const UdpFlow flow = net.wait_for_flow();
            const FlowSocket socket = net.open_flow(flow);
            const HandedOver done = net.hand(socket, flow);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            const std::uint32_t sent = flood.end();
            CHECK(done.in_order);
            CHECK(done.lost == 0);
            CHECK(socket.activity().dropped == 0);
            std::vector<std::uint32_t> found = numbers_in(socket);
            net.put_late(flow);
            const std::vector<std::uint32_t> late = numbers_in(socket);
            const bool is_quiet = flood.longest() < std::chrono::microseconds(100); // what hand_over() waits for
            if (is_quiet) {
                ++undisturbed;
                CHECK(late.empty());
                REQUIRE(found == numbers_below(sent));
            }
            found.insert(found.end(), late.begin(), late.end());
            std::sort(found.begin(), found.end());
            REQUIRE(found == numbers_below(sent));
        }
        WARN(undisturbed > 0); // on a machine that has no quiet moment
    }
}

TEST_CASE("flow: more datagrams than its receive buffer holds are handed over, and there is room for more") {
    FlowNet net;
    net.listener.receive_buffer = 4096; // of the flows; the listener has the usual one
    const UniqueFd client = dial(net.client, asked_at(kAsked[0]));
    for (int i = 0; i < 100; ++i) send(client.get(), fmt::format("{:03}", i).c_str());
    const FlowSocket flow = net.accept();
    for (int i = 100; i < 104; ++i) send(client.get(), fmt::format("{:03}", i).c_str());
    for (int i = 0; i < 104; ++i) REQUIRE(receive(flow.fd()) == bytes(fmt::format("{:03}", i)));
}

TEST_CASE("flow: the largest and the smallest datagrams arrive whole") {
    FlowNet net;
    for (const char* address : kAsked) {
        const bool ipv4 = std::strchr(address, '.') != nullptr;
        for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 9000, 65488, 65489, 65507, kLargestPayload}) {
            if (ipv4 && size > 65507) continue;
            CAPTURE(address);
            CAPTURE(size);
            const UniqueFd client = dial(net.client, asked_at(address));
            Payload payload(size);
            for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
            send(client.get(), payload);
            const FlowSocket flow = net.accept();
            CHECK((receive(flow.fd()) == payload));
            CHECK_FALSE(readable(flow.fd(), 0));
        }
    }
}

TEST_CASE("flow: a loopback interface with a small MTU gets fragments") {
    FlowNet net;
    run_in(net.server, "ip link set lo mtu 1500");
    for (const char* address : kAsked) {
        CAPTURE(address);
        const UniqueFd client = dial(net.client, asked_at(address));
        const Payload payload(20000, 'x');
        send(client.get(), payload);
        const FlowSocket flow = net.accept();
        CHECK((receive(flow.fd()) == payload));
    }
}

TEST_CASE("flow: clients on the same host are served as well") {
    FlowNet net;
    for (const char* address : kAsked) {
        CAPTURE(address);
        const UniqueFd client = dial(net.server, asked_at(address));
        send(client.get(), "one");
        const FlowSocket flow = net.accept();
        CHECK(receive(flow.fd()) == bytes("one"));
        send(client.get(), "two");
        CHECK(receive(flow.fd()) == bytes("two"));
        send(flow.fd(), "answer");
        CHECK(receive(client.get()) == bytes("answer"));
    }
}

TEST_CASE("flow: a datagram that a listener gets of a flow that exists is put into its socket") {
    FlowNet net;
    const UniqueFd client = dial(net.client, asked_at(kAsked[0]));
    send(client.get(), "one");
    const FlowSocket flow = net.accept();
    CHECK(receive(flow.fd()) == bytes("one"));
    REQUIRE(net.injector.send({{name_of(client.get(), ::getsockname), asked_at(kAsked[0])}, bytes("late")}));
    CHECK(receive(flow.fd()) == bytes("late"));
}

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
    CHECK(net.inbox.stray() == 1);
}
