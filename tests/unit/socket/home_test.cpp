#include "build.h"
#include "socket/home.h"

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::test;

namespace {

bool everywhere(const SocketAddress&) { return true; }
bool nowhere(const SocketAddress&) { return false; }

std::vector<std::string> candidates(const Listener& l, Stack stack, const HomeCheck& usable) {
    const HomeChoice choice = choose_home(l, stack, usable).value();
    std::vector<std::string> texts;
    for (const SocketAddress& a : choice.candidates) texts.push_back(a.to_string());
    return texts;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("home: one socket per listener, two only for split with both families") {
    const Listener v4 = listener(Protocol::tcp, {"192.0.2.1"}, {"80"});
    const Listener v6 = listener(Protocol::tcp, {"2001:db8::1"}, {"80"});
    Listener both = listener(Protocol::tcp, {"2001:db8::1", "192.0.2.1"}, {"80"});
    CHECK(stacks_of(v4) == std::vector{Stack::ipv4});
    CHECK(stacks_of(v6) == std::vector{Stack::ipv6});
    CHECK(stacks_of(both) == std::vector{Stack::dual});
    both.family_sockets = FamilySockets::split;
    CHECK(stacks_of(both) == std::vector{Stack::ipv4, Stack::ipv6});
}

TEST_CASE("home: first the listener's own first address, then where no packet goes, then loopback") {
    struct Case { std::initializer_list<const char*> addresses; std::initializer_list<const char*> ports; Stack stack; Texts expected; };
    const Case cases[] = {
        {{"192.0.2.0/24"}, {"80"}, Stack::ipv4, {"192.0.2.0:80", "192.0.0.8:80", "192.0.0.8:0", "127.0.0.1:0"}},
        {{"192.0.2.0/24"}, {"80", "443"}, Stack::ipv4, {"192.0.2.0:80", "192.0.0.8:0", "127.0.0.1:0"}},
        {{"192.0.2.0/24"}, {"8000-8999"}, Stack::ipv4, {"192.0.2.0:8000", "192.0.0.8:0", "127.0.0.1:0"}},
        {{"2001:db8::/64"}, {"53"}, Stack::ipv6, {"[2001:db8::]:53", "[100::1]:53", "[100::1]:0", "[::1]:0"}},
        {{"2001:db8::/64", "192.0.2.7"}, {"53"}, Stack::dual, {"192.0.2.7:53", "192.0.0.8:53", "192.0.0.8:0", "127.0.0.1:0"}},
        {{"2001:db8::/64", "192.0.2.7"}, {"53"}, Stack::ipv6, {"[2001:db8::]:53", "[100::1]:53", "[100::1]:0", "[::1]:0"}},
    };
    for (const Case& c : cases) {
        const Listener l = listener(Protocol::udp, c.addresses, c.ports);
        CHECK(candidates(l, c.stack, everywhere) == c.expected);
        CHECK(candidates(l, c.stack, nowhere) == Texts(c.expected.begin() + 1, c.expected.end()));
    }
}

TEST_CASE("home: TCP keeps no port that others may want to bind") {
    CHECK(candidates(listener(Protocol::tcp, {"192.0.2.0/24"}, {"80"}), Stack::ipv4, nowhere) == Texts{"192.0.0.8:0", "127.0.0.1:0"});
}

TEST_CASE("home: two endpoints with one port between them keep that port, with two they do not") {
    Listener l = listener(Protocol::udp, {"192.0.2.1"}, {"53"});
    l.endpoints.push_back(endpoint({"192.0.2.2"}, {"53"}));
    CHECK(candidates(l, Stack::ipv4, nowhere).front() == "192.0.0.8:53");
    l.endpoints.push_back(endpoint({"192.0.2.3"}, {"54"}));
    CHECK(candidates(l, Stack::ipv4, nowhere).front() == "192.0.0.8:0");
}

TEST_CASE("home: a wildcard, multicast or link-local first address is never chosen") {
    struct Case { const char* first; Stack stack; };
    for (const Case& c : {Case{"0.0.0.0/0", Stack::ipv4}, {"224.0.0.0/4", Stack::ipv4}, {"255.255.255.255", Stack::ipv4},
                          {"::/0", Stack::ipv6},
                          {"ff02::/16", Stack::ipv6}, {"fe80::/10", Stack::ipv6}, {"febf::1", Stack::ipv6}}) {
        CAPTURE(c.first);
        const Listener l = listener(Protocol::tcp, {c.first}, {"80"});
        CHECK(candidates(l, c.stack, everywhere) == candidates(l, c.stack, nowhere));
    }
    for (const Case& c :
         {Case{"223.255.255.255", Stack::ipv4}, {"1.0.0.0", Stack::ipv4}, {"fec0::1", Stack::ipv6}, {"fe00::1", Stack::ipv6}}) {
        CAPTURE(c.first);
        const Listener l = listener(Protocol::tcp, {c.first}, {"80"});
        CHECK(candidates(l, c.stack, everywhere).size() == candidates(l, c.stack, nowhere).size() + 1);
    }
}

TEST_CASE("home: what the administrator says is honoured or an error, never replaced") {
    Listener l = listener(Protocol::tcp, {"192.0.2.0/24", "2001:db8::/64"}, {"80"});
    l.home = parse_socket_address("127.0.0.1:8080").value();
    const auto choice = choose_home(l, Stack::dual, everywhere);
    REQUIRE(choice);
    CHECK(choice->fixed);
    CHECK(choice->candidates == std::vector{*l.home});
    CHECK(choose_home(l, Stack::dual, nowhere).error().message ==
          "home: 127.0.0.1:8080: the service would be reachable there beyond what the listener claims");

    l.home = parse_socket_address("[2001:db8::1]:80").value();
    CHECK(choose_home(l, Stack::dual, everywhere).error().message ==
          "home: [2001:db8::1]:80: a socket of both families needs an IPv4 home (a socket bound to an IPv6 address takes no IPv4); "
          "or say family_sockets = \"split\"");
    l.family_sockets = FamilySockets::split; // then it is the IPv6 socket's, and the other one chooses
    CHECK(choose_home(l, Stack::ipv6, everywhere)->fixed);
    CHECK_FALSE(choose_home(l, Stack::ipv4, everywhere)->fixed);

    Listener v4 = listener(Protocol::tcp, {"192.0.2.0/24"}, {"80"});
    v4.home = l.home;
    CHECK(choose_home(v4, Stack::ipv4, everywhere).error().message == "home: [2001:db8::1]:80: the listener has no IPv6 address");
}
