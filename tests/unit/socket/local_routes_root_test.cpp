#include "build.h"
#include "socket/local_routes.h"
#include "test_net.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <unistd.h>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace swathe;
using namespace swathe::test;

namespace {

std::string output_of(const NetNamespace& ns, const std::string& command) {
    std::string out;
    REQUIRE(ns.inside([&]() -> Status {
        FILE* pipe = ::popen(command.c_str(), "r");
        REQUIRE(pipe != nullptr);
        std::array<char, 256> line{};
        while (std::fgets(line.data(), line.size(), pipe) != nullptr) out += line.data();
        CHECK(::pclose(pipe) == 0);
        return {};
    }));
    return out;
}

/// Our routes in the words of ip-route(8).
std::string our_routes(const NetNamespace& ns) {
    return output_of(ns, fmt::format("for f in -4 -6; do ip $f route show table local proto {0} | cut -d ' ' -f 1-4; done",
                                     static_cast<int>(kRouteProtocol)));
}

std::vector<Prefix> prefixes(std::initializer_list<const char*> texts) {
    std::vector<Prefix> out;
    for (const char* text : texts) out.push_back(parse_prefix(text).value());
    return out;
}

std::vector<std::string> unrouted(const std::vector<Listener>& listeners, const NetNamespace& ns) {
    const auto found = find_unrouted(config_of(listeners), ns);
    REQUIRE_MESSAGE(found, found.error().to_string());
    std::vector<std::string> lines;
    for (const Diagnostic& d : *found) lines.push_back(d.to_string());
    return lines;
}

using Lines = std::vector<std::string>;

} // namespace

TEST_CASE("unrouted: what is not delivered is warned of with the command that mends it, which does mend it") {
    const TestNet net;
    const Listener l =
        listener(Protocol::tcp, {"198.51.100.0/24", "2001:db8:1::/64", "203.0.113.1", "127.0.0.9", "192.0.2.10-192.0.2.12"}, {"80"});
    CHECK(unrouted({l}, net.server) ==
          Lines{"a.toml:1:1: warning: addresses: 198.51.100.0/24 is not routed to this host; mend it with: ip route add local 198.51.100.0/24 dev lo "
                "(or say local_routes = true)",
                "a.toml:1:2: warning: addresses: 2001:db8:1::/64 is not routed to this host; mend it with: ip -6 route add local 2001:db8:1::/64 dev lo "
                "(or say local_routes = true)",
                "a.toml:1:5: warning: addresses: 192.0.2.10-192.0.2.12 is not routed to this host; mend it with: ip route add local 192.0.2.10/31 dev lo; "
                "ip route add local 192.0.2.12/32 dev lo (or say local_routes = true)"});
    run_in(net.server, "ip route add local 198.51.100.0/24 dev lo; ip -6 route add local 2001:db8:1::/64 dev lo; "
                       "ip route add local 192.0.2.10/31 dev lo; ip route add local 192.0.2.12/32 dev lo");
    CHECK(unrouted({l}, net.server).empty());
}

TEST_CASE("unrouted: half a range is warned of, a broadcast address in it is noted, the whole family is nobody's route") {
    const TestNet net;
    run_in(net.server, "ip route add local 198.51.100.0/25 dev lo; ip route add local 203.0.113.128/25 dev lo");
    CHECK(unrouted({listener(Protocol::tcp, {"198.51.100.0/24"}, {"80"})}, net.server) ==
          Lines{"a.toml:1:1: warning: addresses: 198.51.100.0/24 is not completely routed to this host; mend it with: ip route add local "
                "198.51.100.0/24 "
                "dev lo (or say local_routes = true)"});
    CHECK(unrouted({listener(Protocol::tcp, {"203.0.113.192/26"}, {"80"})}, net.server) ==
          Lines{"a.toml:1:1: note: addresses: 203.0.113.255 is a broadcast or anycast address of an interface: what is sent there is not "
                "steered"});
    CHECK(unrouted({listener(Protocol::tcp, {"0.0.0.0/0", "::/0"}, {"80"})}, net.server).empty());
    Listener mended = listener(Protocol::tcp, {"198.51.100.0/24"}, {"80"});
    mended.local_routes = true;
    CHECK(unrouted({mended}, net.server).empty());
}

TEST_CASE("unrouted: a policy rule that delivers by another table counts") {
    const TestNet net;
    run_in(net.server, "ip rule add to 198.51.100.0/24 lookup 100 && ip route add local default dev lo table 100");
    CHECK(unrouted({listener(Protocol::tcp, {"198.51.100.0/24"}, {"80"})}, net.server).empty());
    CHECK(unrouted({listener(Protocol::tcp, {"198.51.100.0-198.51.101.0"}, {"80"})}, net.server).size() == 1);
}

TEST_CASE("unrouted: a cure that would cut the host off is not proposed") {
    const TestNet net;
    run_in(net.server, "ip route add default via 203.0.113.2");
    CHECK(
        unrouted({listener(Protocol::tcp, {"203.0.113.0/24"}, {"80"})}, net.server).front() ==
        "a.toml:1:1: warning: addresses: 203.0.113.0/24 is not completely routed to this host; a local route to 203.0.113.0/24 is no cure, "
        "it contains 203.0.113.2, a router that this host sends through: claim only addresses of this host");
}

TEST_CASE("unrouted: a named namespace is named in the command") {
    const std::string name = fmt::format("socket-test-{}", ::getpid());
    REQUIRE(std::system(("ip netns add " + name).c_str()) == 0);
    {
        const auto ns = NetNamespace::open(name).value();
        const Listener l = listener(Protocol::tcp, {"2001:db8:1::/64"}, {"80"});
        CHECK(unrouted({l}, ns).front().find("mend it with: ip -n " + name + " -6 route add local 2001:db8:1::/64 dev lo (") !=
              std::string::npos);
        const auto path = NetNamespace::open("/run/netns/" + name).value();
        CHECK(unrouted({l}, path).front().find("mend it with: nsenter --net=/run/netns/" + name + " ip -6 route add local") !=
              std::string::npos);
    }
    REQUIRE(std::system(("ip netns del " + name).c_str()) == 0);
}

TEST_CASE("unrouted: many unrouted ranges are counted, not listed") {
    const NetNamespace ns = make_namespace();
    Listener l = listener(Protocol::tcp, {}, {"80"});
    for (std::uint32_t i = 0; i < 100'000; ++i)
        l.endpoints.front().addresses.push_back({AddressRange{Address::v4(0x0b000000 + i * 2), Address::v4(0x0b000000 + i * 2)}, {}});
    const auto began = std::chrono::steady_clock::now();
    const auto found = unrouted({l}, ns);
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
    CHECK(found.size() == 17);
    CHECK(found.back() ==
          "a.toml:1:1: warning: addresses: 99984 more of them are not routed to this host; local_routes = true adds all routes");
}

TEST_CASE("routes: exactly what is wanted is added and later removed, and nothing of anybody else") {
    const TestNet net;
    run_in(net.server, "ip route add local 198.51.100.128/25 dev lo");
    const std::string before = output_of(net.server, "ip route show table local; ip -6 route show table local");
    const auto wanted = prefixes({"192.0.2.0/24", "198.51.100.128/26", "203.0.113.1/32", "2001:db8:1::/64", "2001:db8:3::7/128"});
    for (int twice = 0; twice < 2; ++twice) {
        const auto done = sync_local_routes(wanted, net.server);
        REQUIRE_MESSAGE(done, done.error().to_string());
        // the others are covered
        CHECK(our_routes(net.server) == "local 192.0.2.0/24 dev lo\nlocal 2001:db8:1::/64 dev lo\nlocal 2001:db8:3::7 dev lo\n");
    }
    CHECK(unrouted({listener(Protocol::tcp, {"192.0.2.0/24", "2001:db8:1::/64"}, {"80"})}, net.server).empty());
    REQUIRE(sync_local_routes(prefixes({"2001:db8:3::7/128", "192.0.2.0/25", "192.0.2.128/25"}), net.server));
    CHECK(our_routes(net.server) == "local 192.0.2.0/25 dev lo\nlocal 192.0.2.128/25 dev lo\nlocal 2001:db8:3::7 dev lo\n");
    REQUIRE(sync_local_routes({}, net.server));
    CHECK(our_routes(net.server).empty());
    CHECK(output_of(net.server, "ip route show table local; ip -6 route show table local") == before);
}

TEST_CASE("routes: wanted are the prefixes of the listeners that say so, minimal") {
    Listener yes = listener(Protocol::tcp, {"192.0.2.128/25", "2001:db8::/64", "192.0.2.0/25"}, {"80"});
    yes.local_routes = true;
    const Listener no = listener(Protocol::tcp, {"198.51.100.0/24"}, {"80"});
    Listener again = listener(Protocol::udp, {"192.0.2.7"}, {"53"});
    again.local_routes = true;
    CHECK(wanted_routes(config_of({yes, no, again})) == prefixes({"192.0.2.0/24", "2001:db8::/64"}));
}

TEST_CASE("routes: what would cut the host off, or cannot be had, is an error that names it; the rest is done") {
    const TestNet net;
    run_in(net.server, "ip route add default nexthop via 203.0.113.2 nexthop via 203.0.113.9 && ip -6 route add default via 2001:db8:2::2");
    run_in(net.server, "ip route add blackhole 198.51.100.0/24 table local");
    struct Case { const char* prefix; const char* says; };
    const Case cases[] = {
        {"0.0.0.0/0", "local route 0.0.0.0/0: would keep all traffic of this host from leaving it"},
        {"::/0", "local route ::/0: would keep all traffic of this host from leaving it"},
        {"203.0.113.0/29", "local route 203.0.113.0/29: contains 203.0.113.2, a router that this host sends through"},
        {"203.0.113.8/29", "local route 203.0.113.8/29: contains 203.0.113.9, a router that this host sends through"},
        {"2001:db8:2::/64", "local route 2001:db8:2::/64: contains 2001:db8:2::2, a router that this host sends through"},
        {"198.51.100.0/24", "local route 198.51.100.0/24: another route to it is in the way: File exists"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.prefix);
        const auto done = sync_local_routes(prefixes({c.prefix, "192.0.2.0/24"}), net.server);
        REQUIRE_FALSE(done);
        CHECK(done.error().to_string() == c.says);
        CHECK(our_routes(net.server) == "local 192.0.2.0/24 dev lo\n");
    }
    CHECK(sync_local_routes(prefixes({"0.0.0.0/0", "::/0"}), net.server).error().to_string() ==
          "local route 0.0.0.0/0: would keep all traffic of this host from leaving it (and 1 more)");
    CHECK(our_routes(net.server).empty());
}

TEST_CASE("routes: a loopback interface that is down is named where the kernel minds") {
    const NetNamespace ns = make_namespace();
    run_in(ns, "ip link set lo down");
    CHECK(sync_local_routes(prefixes({"192.0.2.0/24", "2001:db8:1::/64"}), ns).error().to_string() ==
          "local route 2001:db8:1::/64: the loopback interface is down: Network is down");
    CHECK(our_routes(ns) == "local 192.0.2.0/24 dev lo\n");
}

TEST_CASE("routes: thousands go in and out by batches") {
    const NetNamespace ns = make_namespace();
    std::vector<Prefix> wanted;
    for (std::uint32_t i = 0; i < 2000; ++i) wanted.push_back(Prefix::host(Address::v4(0x0b000000 + i * 2)));
    for (std::uint64_t i = 0; i < 2000; ++i) wanted.push_back(Prefix::host({Family::ipv6, {0x20010db800000000, i * 2}}));
    REQUIRE(sync_local_routes(wanted, ns));
    CHECK(output_of(ns, "(ip route show table local proto 115; ip -6 route show table local proto 115) | wc -l") == "4000\n");
    wanted.erase(wanted.begin() + 1, wanted.end());
    REQUIRE(sync_local_routes(wanted, ns));
    CHECK(our_routes(ns) == "local 11.0.0.0 dev lo\n");
}
