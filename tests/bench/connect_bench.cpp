// TCP connections a second through a steered /16 x all ports, against a plain listener, in one run.
//
// Both sides connect to random addresses of 127.1.0.0/16, accept and close in one thread over the loopback of a network namespace
// of their own: the plain listener is bound to 0.0.0.0:8080 and dialled on that port, the steered one is dialled on any.
// Batches take turns, so that a machine whose speed drifts slows both. Prints medians and their ratio; --json for programs.

#include "classify/tables.h"
#include "dispatch/dispatcher.h"
#include "socket/open.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <net/if.h>
#include <random>
#include <sched.h>
#include <sys/ioctl.h>
#include <vector>

#include <fmt/format.h>

using namespace swathe;

namespace {

constexpr int kBatches = 41;
constexpr int kPerBatch = 2000;

template <class T> T need(Result<T> result) {
    if (result) return std::move(*result);
    fmt::print(stderr, "connect_bench: {}\n", result.error().to_string());
    std::exit(1);
}
void need(const Status& status) {
    if (status) return;
    fmt::print(stderr, "connect_bench: {}\n", status.error().to_string());
    std::exit(1);
}

NetNamespace fresh_namespace() {
    if (::unshare(CLONE_NEWNET) < 0) need(Status(system_failure("unshare (this benchmark needs root)")));
    const UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    if (::ioctl(any.get(), SIOCSIFFLAGS, &request) < 0) need(Status(system_failure("bring up lo")));
    return need(NetNamespace::current());
}

Config one_listener(const char* prefix) {
    Config config;
    Service& service = config.services.emplace_back();
    service.name = "bench";
    Listener& listener = service.listeners.emplace_back();
    listener.name = "all";
    Endpoint& endpoint = listener.endpoints.emplace_back();
    endpoint.addresses.push_back({parse_address_range(prefix).value(), {}});
    endpoint.ports = {PortRange::all()};
    return config;
}

/// One connection to `to`, accepted on `listener`, both ends closed without TIME_WAIT.
void connect_once(const SocketAddress& to, int listener) {
    sockaddr_storage raw{};
    const socklen_t length = to.to_sockaddr(raw);
    const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const linger reset{1, 0};
    (void)::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&raw), length) < 0) need(Status(system_failure("connect " + to.to_string())));
    const UniqueFd server(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!server) need(Status(system_failure("accept")));
}

template <class NextAddress> double connections_per_second(int listener, NextAddress next) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kPerBatch; ++i) connect_once(next(), listener);
    return kPerBatch / std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

struct Side {
    NetNamespace ns;
    BoundSocket socket;
};

Side plain_side() {
    NetNamespace ns = fresh_namespace();
    Listener listener = one_listener("127.0.0.1").services[0].listeners[0];
    listener.home = SocketAddress{Address::any(Family::ipv4), 8080};
    auto sockets = need(open_listener(listener, ns, [](const SocketAddress&) { return true; }));
    return {std::move(ns), std::move(sockets.front())};
}

} // namespace

int main(int argc, char** argv) {
    const bool json = argc > 1 && std::strcmp(argv[1], "--json") == 0;
    const Side plain = plain_side();

    NetNamespace ns = fresh_namespace();
    const Config config = one_listener("127.1.0.0/16");
    auto sockets = need(open_listener(config.services[0].listeners[0], ns, [](const SocketAddress&) { return true; }));
    Dispatcher dispatcher = need(Dispatcher::create({ns.fd(), ""}));
    const std::uint32_t slot = need(dispatcher.allocate_slot());
    need(dispatcher.set_socket(slot, sockets.front().fd.get()));
    const std::vector<Home> homes{{Protocol::tcp, sockets.front().home}};
    const RuleSet rules = rules_of(config, homes);
    auto tables = compile({rules, config, [&](ListenerRef, Family) { return slot; }, [](const std::string&) { return 0U; }});
    if (!tables) return 1;
    need(dispatcher.publish(*tables));

    std::mt19937 random(1); // fixed: the same addresses in every run
    const auto address = [&] { return Address::v4(0x7f010000U | (random() & 0xffffU)); };
    const auto one_port = [&] { return SocketAddress{address(), 8080}; };
    const auto any_port = [&] { return SocketAddress{address(), static_cast<std::uint16_t>(1 + random() % 65535)}; };
    const auto steered_once = [&] { return connections_per_second(sockets.front().fd.get(), any_port); };
    std::vector<double> plain_rate, steered_rate, ratio;
    for (int batch = -1; batch < kBatches; ++batch) { // the first warms up
        double p = 0, s = 0;
        need(plain.ns.inside([&]() -> Status { p = connections_per_second(plain.socket.fd.get(), one_port); return {}; }));
        need(ns.inside([&]() -> Status { s = steered_once(); return {}; }));
        if (batch < 0) continue;
        plain_rate.push_back(p);
        steered_rate.push_back(s);
        ratio.push_back(s / p);
    }
    if (json)
        fmt::print("{{\"plain_per_second\": {:.0f}, \"steered_per_second\": {:.0f}, \"ratio\": {:.3f}, \"batches\": {}, \"connections_per_batch\": {}}}\n",
                   median(plain_rate), median(steered_rate), median(ratio), kBatches, kPerBatch);
    else
        fmt::print("TCP connections/s, median of {} batches of {}\n  plain listener on 0.0.0.0:8080  {:>8.0f}\n  steered, a /16 x all ports      {:>8.0f}\n"
                   "  ratio, pair by pair             {:>8.3f}\n",
                   kBatches, kPerBatch, median(plain_rate), median(steered_rate), median(ratio));
    return 0;
}
