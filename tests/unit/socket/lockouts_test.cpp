#include "build.h"
#include "socket/ephemeral.h"
#include "socket/natives.h"

#include <algorithm>
#include <chrono>

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace swathe;
using namespace swathe::test;

namespace {

NativeSocket native(Protocol protocol, const char* at, bool v6_only = false) {
    NativeSocket s;
    s.protocol = protocol;
    s.address = parse_socket_address(at).value();
    s.v6_only = v6_only;
    s.inode = 7;
    s.pid = 812;
    s.process = "sshd";
    return s;
}

std::vector<Address> addresses(std::initializer_list<const char*> texts) {
    std::vector<Address> out;
    for (const char* text : texts) out.push_back(parse_address(text).value());
    return out;
}

std::vector<std::string> lines(const Diagnostics& all) {
    std::vector<std::string> out;
    for (const Diagnostic& d : all) out.push_back(d.to_string());
    return out;
}

using Lines = std::vector<std::string>;

} // namespace

TEST_CASE("lockout: what is refused, what is noted, what is nobody's business") {
    struct Case {
        const char* what;
        Protocol protocol;
        std::vector<const char*> claimed;
        const char* ports;
        NativeSocket native;
        std::vector<const char*> configured;
        Lines says;
    };
    const Case cases[] = {
        {"wildcard, on an address of an interface", Protocol::tcp, {"192.0.2.0/24"}, "all", native(Protocol::tcp, "0.0.0.0:22"),
         {"192.0.2.1"},
         {"a.toml:1:1: addresses: would take over tcp 0.0.0.0:22 from sshd (pid 812) on 192.0.2.1; say steal = true, or except = [\"192.0.2.1:22\"]"}},
        {"wildcard, on other addresses: that is what it is for", Protocol::tcp, {"192.0.2.0/24"}, "all",
         native(Protocol::tcp, "0.0.0.0:22"), {"198.51.100.1"},
         {"a.toml:1:1: note: addresses: sshd (pid 812) on tcp 0.0.0.0:22 does not get what is sent to these addresses"}},
        {"exact bind, whether an interface has it or not", Protocol::tcp, {"198.51.100.1", "192.0.2.0/24"}, "22",
         native(Protocol::tcp, "192.0.2.7:22"), {},
         {"a.toml:1:2: addresses: would take over tcp 192.0.2.7:22 from sshd (pid 812); say steal = true, or except = [\"192.0.2.7:22\"]"}},
        {"first address", Protocol::tcp, {"192.0.2.7-192.0.2.9"}, "22", native(Protocol::tcp, "192.0.2.7:22"), {},
         {"a.toml:1:1: addresses: would take over tcp 192.0.2.7:22 from sshd (pid 812); say steal = true, or except = [\"192.0.2.7:22\"]"}},
        {"last address", Protocol::tcp, {"192.0.2.5-192.0.2.7"}, "22", native(Protocol::tcp, "192.0.2.7:22"), {},
         {"a.toml:1:1: addresses: would take over tcp 192.0.2.7:22 from sshd (pid 812); say steal = true, or except = [\"192.0.2.7:22\"]"}},
        {"one above", Protocol::tcp, {"192.0.2.4-192.0.2.6"}, "22", native(Protocol::tcp, "192.0.2.7:22"), {}, {}},
        {"one below", Protocol::tcp, {"192.0.2.8-192.0.2.9"}, "22", native(Protocol::tcp, "192.0.2.7:22"), {}, {}},
        {"first port", Protocol::tcp, {"192.0.2.7"}, "22-30", native(Protocol::tcp, "192.0.2.7:22"), {},
         {"a.toml:1:1: addresses: would take over tcp 192.0.2.7:22 from sshd (pid 812); say steal = true, or except = [\"192.0.2.7:22\"]"}},
        {"a port outside", Protocol::tcp, {"192.0.2.7"}, "23-65535", native(Protocol::tcp, "192.0.2.7:22"), {}, {}},
        {"a port outside, wildcard", Protocol::tcp, {"192.0.2.7"}, "1-21", native(Protocol::tcp, "0.0.0.0:22"), {"192.0.2.7"}, {}},
        {"the other protocol", Protocol::udp, {"192.0.2.7"}, "22", native(Protocol::tcp, "192.0.2.7:22"), {}, {}},
        {"a loopback address beside the configured one is deliverable, but nobody's: noted", Protocol::tcp, {"127.0.0.2"}, "22",
         native(Protocol::tcp, "0.0.0.0:22"), {"127.0.0.1"},
         {"a.toml:1:1: note: addresses: sshd (pid 812) on tcp 0.0.0.0:22 does not get what is sent to these addresses"}},
        {"all of the range is configured: no note beside the error", Protocol::tcp, {"192.0.2.1"}, "22",
         native(Protocol::tcp, "0.0.0.0:22"), {"192.0.2.1"},
         {"a.toml:1:1: addresses: would take over tcp 0.0.0.0:22 from sshd (pid 812) on 192.0.2.1; say steal = true, or except = [\"192.0.2.1:22\"]"}},
        {"a dual-stack wildcard takes IPv4", Protocol::tcp, {"192.0.2.1"}, "22", native(Protocol::tcp, "[::]:22"), {"192.0.2.1"},
         {"a.toml:1:1: addresses: would take over tcp [::]:22 from sshd (pid 812) on 192.0.2.1; say steal = true, or except = [\"192.0.2.1:22\"]"}},
        {"a v6only wildcard does not", Protocol::tcp, {"192.0.2.1"}, "22", native(Protocol::tcp, "[::]:22", true), {"192.0.2.1"}, {}},
        {"but takes IPv6", Protocol::tcp, {"2001:db8::/64"}, "22", native(Protocol::tcp, "[::]:22", true), {"2001:db8::1"},
         {"a.toml:1:1: addresses: would take over tcp [::]:22 from sshd (pid 812) on 2001:db8::1; say steal = true, or except = [\"[2001:db8::1]:22\"]"}},
        {"an IPv4 wildcard takes no IPv6", Protocol::tcp, {"2001:db8::/64"}, "22", native(Protocol::tcp, "0.0.0.0:22"), {"2001:db8::1"},
         {}},
        {"several addresses are one message", Protocol::tcp, {"192.0.2.0/24", "2001:db8::/64"}, "22", native(Protocol::tcp, "[::]:22"),
         {"192.0.2.1", "192.0.2.2", "2001:db8::1"},
         {"a.toml:1:1: addresses: would take over tcp [::]:22 from sshd (pid 812) on 192.0.2.1, 192.0.2.2, 2001:db8::1; "
          "say steal = true, or except = [\"192.0.2.1:22\", \"192.0.2.2:22\", \"[2001:db8::1]:22\"]"}},
        {"many addresses are counted", Protocol::tcp, {"192.0.2.0/24"}, "22", native(Protocol::tcp, "0.0.0.0:22"),
         {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"},
         {"a.toml:1:1: addresses: would take over tcp 0.0.0.0:22 from sshd (pid 812) on 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4 and 2 more; "
          "say steal = true, or except = [\"192.0.2.1:22\", \"192.0.2.2:22\", \"192.0.2.3:22\", \"192.0.2.4:22\", ...]"}},
    };
    for (const Case& c : cases) {
        CAPTURE(c.what);
        Listener l = listener(c.protocol, {}, {c.ports});
        std::uint32_t column = 0;
        for (const char* a : c.claimed)
            l.endpoints.front().addresses.push_back({parse_address_range(a).value(), {SourceFile("a.toml"), 1, ++column}});
        std::vector<Address> configured;
        for (const char* a : c.configured) configured.push_back(parse_address(a).value());
        CHECK(lines(find_lockouts(config_of({l}), {c.native}, configured, {})) == c.says);
        CHECK(find_lockouts(config_of({l}), {c.native}, configured, {7}).empty()); // our own
    }
}

TEST_CASE("lockout: steal turns the refusal into a note, a hole ends it") {
    const NativeSocket sshd = native(Protocol::tcp, "0.0.0.0:22");
    Listener l = listener(Protocol::tcp, {"192.0.2.1-192.0.2.2"}, {"all"});
    const auto configured = addresses({"192.0.2.2", "192.0.2.1"}); // in any order
    l.steal = true;
    CHECK(lines(find_lockouts(config_of({l}), {sshd}, configured, {})) ==
          Lines{"a.toml:1:1: note: addresses: takes over tcp 0.0.0.0:22 from sshd (pid 812) on 192.0.2.1, 192.0.2.2"});
    l.steal = false;
    l.except = {endpoint({"192.0.2.1"}, {"22"})};
    CHECK(lines(find_lockouts(config_of({l}), {sshd}, configured, {})) ==
          Lines{"a.toml:1:1: addresses: would take over tcp 0.0.0.0:22 from sshd (pid 812) on 192.0.2.2; say steal = true, or except = "
                "[\"192.0.2.2:22\"]"});
    l.except.push_back(endpoint({"192.0.2.0/24"}, {"20-30"}));
    CHECK(find_lockouts(config_of({l}), {sshd}, configured, {}).empty());
    l.except = {endpoint({"192.0.2.1-192.0.2.2"}, {"21", "23"})};
    CHECK(has_errors(find_lockouts(config_of({l}), {sshd}, configured, {})));
}

TEST_CASE("lockout: where another rule wins the listener takes nothing") {
    const Listener l = listener(Protocol::tcp, {"192.0.2.0/24"}, {"all"});
    const auto natives = {native(Protocol::tcp, "192.0.2.1:22"), native(Protocol::tcp, "192.0.2.2:22")};
    const auto passes_first = [](const Listener&, const SocketAddress& at) { return at.to_string() != "192.0.2.1:22"; };
    const auto found = lines(find_lockouts(config_of({l}), natives, {}, {}, passes_first));
    REQUIRE(found.size() == 1);
    CHECK(found.front().find("192.0.2.2:22") != std::string::npos);
}

TEST_CASE("lockout: a socket that is bound to a device meets only listeners that take what comes in there") {
    const InterfaceNumber number_of = [](const std::string& name) {
        return name == "eth0" ? 2U : name == "eth1" || name == "alias" ? 3U : 0U;
    };
    const Lines exact{"a.toml:1:1: addresses: would take over tcp 192.0.2.1:22 (bound to eth1) from sshd (pid 812); "
                      "say steal = true, or except = [\"192.0.2.1:22\"]"};
    const Lines wildcard{"a.toml:1:1: addresses: would take over tcp 0.0.0.0:22 (bound to eth1) from sshd (pid 812) on 192.0.2.1; "
                         "say steal = true, or except = [\"192.0.2.1:22\"]"};
    const Lines elsewhere{"a.toml:1:1: note: addresses: sshd (pid 812) on tcp 0.0.0.0:22 (bound to eth1) does not get what is sent "
                          "to these addresses"};
    struct Case { std::vector<const char*> interfaces; const char* at; const char* configured; bool meets; Lines says; };
    const Case cases[] = {
        {{}, "192.0.2.1:22", "192.0.2.1", true, exact}, // it takes what comes in anywhere
        {{"eth0"}, "192.0.2.1:22", "192.0.2.1", false, {}},
        {{"eth0", "eth1"}, "192.0.2.1:22", "192.0.2.1", true, exact},
        {{"alias"}, "192.0.2.1:22", "192.0.2.1", true, exact}, // another name of eth1
        {{"gone"}, "192.0.2.1:22", "192.0.2.1", false, {}},
        {{}, "0.0.0.0:22", "192.0.2.1", true, wildcard}, // an address is reached through any interface, not only through its own
        {{"eth1"}, "0.0.0.0:22", "192.0.2.1", true, wildcard},
        {{"eth0"}, "0.0.0.0:22", "192.0.2.1", false, {}},
        {{}, "0.0.0.0:22", "198.51.100.1", true, elsewhere},
        {{"eth1"}, "0.0.0.0:22", "198.51.100.1", true, elsewhere},
        {{"eth0"}, "0.0.0.0:22", "198.51.100.1", false, {}},
    };
    for (const Case& c : cases) {
        CAPTURE(c.at);
        CAPTURE(c.interfaces.size());
        Listener l = listener(Protocol::tcp, {"192.0.2.1"}, {"22"});
        if (c.says == elsewhere) l = listener(Protocol::tcp, {"192.0.2.0/24"}, {"22"});
        for (const char* name : c.interfaces) l.guard.interfaces.push_back({name, {}});
        NativeSocket bound = native(Protocol::tcp, c.at);
        bound.ifindex = 3;
        bound.device = "eth1";
        CHECK(lines(find_lockouts(config_of({l}), {bound}, addresses({c.configured}), {}, {}, number_of)) == (c.meets ? c.says : Lines{}));
        bound.ifindex = 0; // without a device: in every case
        CHECK(lines(find_lockouts(config_of({l}), {bound}, addresses({c.configured}), {}, {}, number_of)).size() == 1);
    }
}

TEST_CASE("lockout: one socket a device on the same address and port are as many losses") {
    std::vector<NativeSocket> group(3, native(Protocol::tcp, "192.0.2.1:22"));
    group[1].ifindex = 2;
    group[1].device = "eth0";
    group[2].ifindex = 9; // its interface has gone
    const auto found = lines(find_lockouts(config_of({listener(Protocol::tcp, {"192.0.2.1"}, {"22"})}), group, {}, {}));
    CHECK(found.size() == 3);
    for (const char* name : {"tcp 192.0.2.1:22 from", "tcp 192.0.2.1:22 (bound to eth0) from",
                             "tcp 192.0.2.1:22 (bound to interface 9) from"}) {
        CAPTURE(name);
        CHECK(std::any_of(found.begin(), found.end(), [&](const std::string& line) { return line.find(name) != std::string::npos; }));
    }
}

TEST_CASE("lockout: a socket that may be a client's is only warned of") {
    NativeSocket resolver = native(Protocol::udp, "0.0.0.0:40000");
    resolver.ephemeral = true;
    resolver.pid = 0;
    const Listener l = listener(Protocol::udp, {"192.0.2.1"}, {"all"});
    CHECK(lines(find_lockouts(config_of({l}), {resolver}, addresses({"192.0.2.1"}), {})) ==
          Lines{"a.toml:1:1: warning: addresses: would take over udp 0.0.0.0:40000 from an unknown process on 192.0.2.1 (a server? its "
                "port is one "
                "that clients get, too); say steal = true, or except = [\"192.0.2.1:40000\"]"});
}

TEST_CASE("lockout: a reuseport group is named once, and each listener has its own message") {
    std::vector<NativeSocket> group(16, native(Protocol::tcp, "192.0.2.1:80"));
    for (std::size_t i = 0; i < group.size(); ++i) group[i].pid = static_cast<pid_t>(100 + i);
    Listener second = listener(Protocol::tcp, {"192.0.2.1"}, {"80"});
    second.endpoints.front().addresses = {{parse_address_range("192.0.2.1").value(), {SourceFile("a.toml"), 9, 1}}};
    const auto found = find_lockouts(config_of({listener(Protocol::tcp, {"192.0.2.0/24"}, {"all"}), second}), group, {}, {});
    REQUIRE(found.size() == 2);
    CHECK(found[0].error.message.find("(pid 100)") != std::string::npos);
    CHECK(found[1].error.pos->line == 9);
}

TEST_CASE("lockout: a hundred thousand ranges against thousands of sockets take no time to speak of") {
    Listener l = listener(Protocol::tcp, {}, {"all"});
    for (std::uint32_t i = 0; i < 100'000; ++i)
        l.endpoints.front().addresses.push_back({AddressRange{Address::v4(0x0b000000 + i * 16), Address::v4(0x0b000000 + i * 16 + 7)}, {}});
    std::vector<NativeSocket> natives;
    std::vector<Address> configured;
    for (std::uint16_t i = 1; i <= 2000; ++i) {
        natives.push_back(native(Protocol::tcp, fmt::format("0.0.0.0:{}", i).c_str()));
        natives.push_back(native(Protocol::tcp, fmt::format("11.0.{}.8:80", i / 8).c_str())); // just beside a range
        configured.push_back(Address::v4(0x0b000000 + i * 16U + 8));
    }
    const auto began = std::chrono::steady_clock::now();
    const auto found = find_lockouts(config_of({l}), natives, configured, {});
    const auto took = std::chrono::steady_clock::now() - began;
    CHECK_FALSE(has_errors(found));
    CHECK(found.size() == 2000);
    CHECK(took < std::chrono::seconds(2)); // quadratic would be minutes; even under sanitizers it is a tenth of this
}

TEST_CASE("ephemeral: a UDP range over the ports of this host's clients is warned of, on its own addresses only") {
    const EphemeralPorts ports{{32768, 60999}, {}};
    struct Case { Protocol protocol; const char* address; const char* ports; Lines says; };
    const Case cases[] = {
        {Protocol::udp, "192.0.2.0/24", "all",
         {"a.toml:1:1: warning: ports: udp 32768-60999 on 192.0.2.1 and 1 more is what this host's own clients use "
          "(net.ipv4.ip_local_port_range = 32768 60999): it would take the replies to them; reserve the ports "
          "(sysctl net.ipv4.ip_local_reserved_ports=32768-60999), or except = [\"192.0.2.1:32768-60999\"]"}},
        {Protocol::udp, "2001:db8::/64", "60999-61999",
         {"a.toml:1:1: warning: ports: udp 60999 on 2001:db8::1 is what this host's own clients use "
          "(net.ipv4.ip_local_port_range = 32768 60999): it would take the replies to them; reserve the ports "
          "(sysctl net.ipv4.ip_local_reserved_ports=60999), or except = [\"[2001:db8::1]:60999\"]"}},
        {Protocol::tcp, "192.0.2.0/24", "all", {}},
        {Protocol::udp, "192.0.2.0/24", "1-32767", {}},
        {Protocol::udp, "192.0.2.0/24", "61000-65535", {}},
        {Protocol::udp, "198.51.100.0/24", "all", {}},
        {Protocol::udp, "192.0.2.3", "all", {}},
    };
    for (const Case& c : cases) {
        CAPTURE(c.address);
        CAPTURE(c.ports);
        const Config config = config_of({listener(c.protocol, {c.address}, {c.ports})});
        CHECK(lines(ephemeral_overlaps(config, addresses({"192.0.2.1", "192.0.2.2", "2001:db8::1"}), ports)) == c.says);
    }
}

TEST_CASE("ephemeral: holes and reserved ports mend it") {
    Listener l = listener(Protocol::udp, {"192.0.2.1"}, {"all"});
    const auto configured = addresses({"192.0.2.1"});
    CHECK(ephemeral_overlaps(config_of({l}), configured, {{32768, 60999}, {{30000, 60999}}}).empty());
    CHECK(ephemeral_overlaps(config_of({l}), configured, {{32768, 60999}, {{30000, 60998}}}).size() == 1);
    l.except = {endpoint({"192.0.2.0/24"}, {"32768-40000", "40001-60999"})};
    CHECK(ephemeral_overlaps(config_of({l}), configured, {{32768, 60999}, {}}).empty());
    l.except = {endpoint({"192.0.2.0/24"}, {"32769-60998"})};
    const auto found = ephemeral_overlaps(config_of({l}), configured, {{32768, 60999}, {}});
    REQUIRE(found.size() == 1);
    CHECK(found.front().error.message.find("udp 32768,60999 on 192.0.2.1") != std::string::npos);
    l.except = {endpoint({"192.0.2.2"}, {"all"})};
    CHECK(ephemeral_overlaps(config_of({l}), configured, {{32768, 60999}, {}}).size() == 1);
}
