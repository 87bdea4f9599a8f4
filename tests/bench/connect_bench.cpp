// TCP connections and UDP datagrams a second, end to end over the loopback of network namespaces of their own: through a steered
// /16 x all ports, against a plain socket, a plain socket beside an empty program, and the baseline. Needs root.
//
// All sides are asked at random addresses of 127.1.0.0/16 and answer in one thread. The plain socket is bound to 0.0.0.0:8080 and
// asked on that port, the steered ones on any. Batches take turns, so that a machine whose speed drifts slows all alike.

#include "baseline.h"
#include "bottom.h"
#include "classify/tables.h"
#include "dispatch/dispatcher.h"
#include "socket/open.h"
#include "support.h"

#include <array>
#include <functional>
#include <map>
#include <random>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace swathe;
using namespace swathe::bench;

namespace {

constexpr std::uint16_t kPlainPort = 8080;
constexpr std::size_t kBurst = 64; // datagrams in flight; the receiver's buffer holds them

struct Repeat {
    int batches;                          ///< the median counts
    std::uint32_t connections, datagrams; ///< of one batch
};

Config config_for(Protocol protocol) {
    Config config = one_listener();
    Listener& listener = config.services[0].listeners[0];
    listener.protocol = protocol;
    Endpoint& endpoint = listener.endpoints.emplace_back();
    endpoint.addresses.push_back({parse_address_range("127.1.0.0/16").value(), {}});
    endpoint.ports = {PortRange::all()};
    return config;
}

BoundSocket open_one(const Listener& listener, const NetNamespace& ns) {
    return std::move(need(open_listener(listener, ns, [](const SocketAddress&) { return true; })).front());
}

/// One way to a socket, in a namespace of its own.
struct Side {
    const char* name;
    NetNamespace ns;
    BoundSocket socket{};
    bool any_port = false;
    UniqueFd link{}; ///< of a program of the benchmark
    std::optional<Bottom> bottom{};
    std::optional<Baseline> baseline{};
    std::optional<Dispatcher> dispatcher{};
};

Side plain(Protocol protocol) {
    Side side{.name = "plain", .ns = fresh_namespace()};
    Config config = config_for(protocol);
    config.services[0].listeners[0].home = SocketAddress{Address::any(Family::ipv4), kPlainPort};
    side.socket = open_one(config.services[0].listeners[0], side.ns);
    return side;
}

void attach(Side& side, int program_fd) {
    side.link.reset(bpf_link_create(program_fd, side.ns.fd(), BPF_SK_LOOKUP, nullptr));
    if (!side.link) need(Status(system_failure("attach a program")));
}

Side empty_program(Protocol protocol) {
    Side side = plain(protocol);
    side.name = "empty program";
    const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); // for a map that the empty program does not read
    if (::listen(listener.get(), 1) < 0) need(Status(system_failure("listen")));
    side.bottom = Bottom::load(listener.get());
    attach(side, side.bottom->empty_fd());
    return side;
}

Side two_lookups(Protocol protocol) {
    Side side{.name = "baseline", .ns = fresh_namespace(), .any_port = true};
    const Config config = config_for(protocol);
    side.socket = open_one(config.services[0].listeners[0], side.ns);
    side.baseline = Baseline::load(rules_of(config), sockmap_of(side.socket.fd.get()).get());
    attach(side, side.baseline->program_fd());
    return side;
}

Side steered(Protocol protocol) {
    Side side{.name = "swathe", .ns = fresh_namespace(), .any_port = true};
    const Config config = config_for(protocol);
    side.socket = open_one(config.services[0].listeners[0], side.ns);
    side.dispatcher = need(Dispatcher::create({side.ns.fd(), ""}));
    need(side.dispatcher->set_socket(need(side.dispatcher->allocate_slot()), side.socket.fd.get()));
    const std::vector<Home> homes{{protocol, side.socket.home}};
    need(side.dispatcher->publish(tables_of(rules_of(config, homes), config)));
    return side;
}

/// Draws destinations; fixed, so that they are the same in every run.
class Destinations {
public:
    explicit Destinations(bool any_port) : any_port_(any_port) {}
    SocketAddress next() {
        const Address address = Address::v4(0x7f010000U | (random_() & 0xffffU));
        return {address, any_port_ ? static_cast<std::uint16_t>(1 + random_() % 65535) : kPlainPort};
    }

private:
    std::mt19937 random_{1};
    bool any_port_;
};

/// One connection to `to`, accepted on `listener`, both ends closed without TIME_WAIT.
void connect_once(const SocketAddress& to, int listener) {
    sockaddr_storage raw{};
    const socklen_t length = to.to_sockaddr(raw);
    const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const linger reset{1, 0};
    (void)::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&raw), length) < 0)
        need(Status(system_failure("connect " + to.to_string())));
    const UniqueFd server(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!server) need(Status(system_failure("accept")));
}

void connect_all(Destinations& destinations, int listener, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) connect_once(destinations.next(), listener);
}

/// `count` datagrams from one socket, received in bursts.
void exchange_all(Destinations& destinations, int receiver, std::uint32_t count) {
    static char byte = 'x';
    iovec payload{&byte, 1};
    std::array<sockaddr_storage, kBurst> addresses{};
    std::array<mmsghdr, kBurst> out{}, in{};
    for (std::size_t i = 0; i < kBurst; ++i) {
        out[i].msg_hdr.msg_name = &addresses[i];
        in[i].msg_hdr.msg_iov = out[i].msg_hdr.msg_iov = &payload;
        in[i].msg_hdr.msg_iovlen = out[i].msg_hdr.msg_iovlen = 1;
    }
    const UniqueFd sender(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    for (std::uint32_t done = 0; done < count; done += kBurst) {
        for (std::size_t i = 0; i < kBurst; ++i) out[i].msg_hdr.msg_namelen = destinations.next().to_sockaddr(addresses[i]);
        if (::sendmmsg(sender.get(), out.data(), kBurst, 0) != static_cast<int>(kBurst)) need(Status(system_failure("sendmmsg")));
        for (std::size_t got = 0; got < kBurst;) { // loopback has delivered them already
            const int n = ::recvmmsg(receiver, &in[got], static_cast<unsigned>(kBurst - got), 0, nullptr);
            if (n <= 0) need(Status(system_failure("recvmmsg")));
            got += static_cast<std::size_t>(n);
        }
    }
}

double rate(const Side& side, Protocol protocol, const Repeat& repeat) {
    Destinations destinations(side.any_port);
    const std::uint32_t count = protocol == Protocol::tcp ? repeat.connections : repeat.datagrams;
    double ms = 0;
    need(side.ns.inside([&]() -> Status {
        ms = milliseconds([&] { (protocol == Protocol::tcp ? connect_all : exchange_all)(destinations, side.socket.fd.get(), count); });
        return {};
    }));
    return count / ms * 1000;
}

/// A second: medians, and the ratio to the plain socket, round by round.
nlohmann::json measure(Protocol protocol, const Repeat& repeat) {
    std::vector<Side> sides;
    for (const auto make : {plain, empty_program, two_lookups, steered}) sides.push_back(make(protocol));
    std::map<std::string, std::vector<double>> rates, ratios;
    for (int batch = -1; batch < repeat.batches; ++batch) {
        double plain_rate = 0;
        for (const Side& side : sides) {
            const double now = rate(side, protocol, repeat);
            if (&side == &sides.front()) plain_rate = now;
            if (batch < 0) continue; // the first warms up
            rates[side.name].push_back(now);
            ratios[side.name].push_back(now / plain_rate);
        }
    }
    nlohmann::json rows = nlohmann::json::array();
    for (const Side& side : sides)
        rows.push_back({{"what", protocol == Protocol::tcp ? "TCP connections" : "UDP datagrams"},
                        {"side", side.name},
                        {"per_second", median(rates[side.name])},
                        {"ratio", median(ratios[side.name])}});
    return rows;
}

} // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const Repeat repeat = options.quick ? Repeat{5, 200, 1280} : Repeat{41, 1000, 12800};
    stay_on_one_cpu();
    nlohmann::json rows = nlohmann::json::array();
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        for (nlohmann::json& row : measure(protocol, repeat)) rows.push_back(std::move(row));

    if (options.json) {
        fmt::print("{}\n", nlohmann::json{{"batches", repeat.batches}, {"rows", rows}}.dump(2));
        return 0;
    }
    fmt::print("a second, medians of {} batches; ratio: to the plain socket, batch by batch\n\n{:<18}{:<16}{:>12}{:>8}\n", repeat.batches,
               "", "", "a second", "ratio");
    for (const nlohmann::json& row : rows)
        fmt::print("{:<18}{:<16}{:>12.0f}{:>8.3f}\n", row["what"].get<std::string>(), row["side"].get<std::string>(),
                   row["per_second"].get<double>(), row["ratio"].get<double>());
    return 0;
}
