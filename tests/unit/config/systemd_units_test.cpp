#include "scratch.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

Service only_service(const Scratch& scratch) {
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    REQUIRE(loaded.config.services.size() == 1);
    return loaded.config.services.front();
}

std::string complaints(const Scratch& scratch) {
    const Loaded loaded = scratch.load();
    return lines_of(loaded.diagnostics, scratch.path());
}

constexpr const char* kWeb = "[Unit]\nDescription=The web\n[Socket]\nListenStream=8080\nListenStream=/run/web\n";
constexpr const char* kSwathe = "[X-Swathe]\nListen=192.0.2.0/24:80,8000-8999\n";

} // namespace

TEST_CASE("systemd units: a drop-in with [X-Swathe] makes a service of a unit that systemd supervises") {
    const Scratch scratch;
    scratch.write("systemd/web.socket", kWeb);
    scratch.write("systemd/web.socket.d/swathe.conf", kSwathe);
    const Service web = only_service(scratch);
    CHECK(web.name == "web.socket");
    CHECK(web.description == "The web");
    CHECK(web.exec_start.empty());
    CHECK(web.files == std::vector<std::string>{scratch.path("systemd/web.socket"), scratch.path("systemd/web.socket.d/swathe.conf")});
    REQUIRE(web.systemd);
    CHECK(web.systemd->name == "web.socket");
    CHECK(web.systemd->sockets == std::vector{UnitSocket{Protocol::tcp, {Address::any(Family::ipv6), 8080}}});
    REQUIRE(web.listeners.size() == 1);
    const Listener& listener = web.listeners.front();
    CHECK(listener.name == "web.socket");
    CHECK(listener.protocol == Protocol::tcp);
    CHECK(listener.when_down == WhenDown::drop);
    CHECK(listener.pos.to_string() == scratch.path("systemd/web.socket.d/swathe.conf").string() + ":2:8");
    REQUIRE(listener.endpoints.size() == 1);
    CHECK(to_string(listener.endpoints.front().ports) == "80,8000-8999");
}

TEST_CASE("systemd units: whoever has no such section is none of our business, however broken") {
    const Scratch scratch;
    scratch.write("swathe.toml", "");
    scratch.write("systemd/a.socket", "[Socket]\nListenStream=what\nno equals sign\n[unclosed\n");
    scratch.write("systemd/a.socket.d/b.conf", "# [X-Swathe]\n");
    scratch.write("systemd/c.service.d/b.conf", kSwathe);
    scratch.link("systemd/d.socket", "nowhere");
    const Loaded loaded = scratch.load();
    CHECK(loaded.config.services.empty());
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
}

TEST_CASE("systemd units: one listener for each protocol of the unit's IP sockets") {
    const Scratch scratch;
    scratch.write("systemd/dns.socket",
                  "[Socket]\nListenStream=127.0.0.1:53\nListenDatagram=127.0.0.1:53\nListenSequentialPacket=/run/dns\n");
    scratch.write("systemd/dns.socket.d/swathe.conf",
                  "[X-Swathe]\nListen=192.0.2.0/24:53\nFromFile=list\nExcept=192.0.2.1\nWhenDown=pass\nSteal=yes\n");
    scratch.write("systemd/dns.socket.d/list", "198.51.100.0/24\n");
    const Service dns = only_service(scratch);
    REQUIRE(dns.listeners.size() == 2);
    CHECK(dns.listeners[0].protocol == Protocol::tcp);
    CHECK(dns.listeners[1].protocol == Protocol::udp);
    CHECK(dns.files.back() == scratch.path("systemd/dns.socket.d/list").string());
    for (const Listener& listener : dns.listeners) {
        CHECK(listener.guard.from.size() == 1);
        CHECK(listener.except.size() == 1);
        CHECK(listener.when_down == WhenDown::pass);
        CHECK(listener.steal);
    }
}

TEST_CASE("systemd units: drop-ins change the Listen lines, those of systemd and ours, as systemd reads them") {
    const Scratch scratch;
    scratch.write("systemd/web.socket", "[Socket]\nListenStream=127.0.0.1:1\n[X-Swathe]\nListen=192.0.2.0/24:1\n");
    scratch.write("systemd/web.socket.d/10.conf",
                  "[Socket]\nListenDatagram=\nListenStream=127.0.0.1:2\n[X-Swathe]\nListen=\nListen=192.0.2.0/24:2 192.0.2.9:3\n");
    const Service web = only_service(scratch);
    REQUIRE(web.systemd->sockets.size() == 1);
    CHECK(web.systemd->sockets.front().address.to_string() == "127.0.0.1:2");
    REQUIRE(web.listeners.front().endpoints.size() == 2);
    CHECK(to_string(web.listeners.front().endpoints.front().ports) == "2");
}

TEST_CASE("systemd units: an instance has its template's files, and a template alone is no unit") {
    const Scratch scratch;
    scratch.write("systemd/web@.socket", "[Socket]\nListenStream=127.0.0.1:%i\n");
    scratch.write("systemd/web@.socket.d/swathe.conf", "[X-Swathe]\nListen=192.0.2.0/24:%i\n");
    scratch.write("systemd/web@.socket.d/20.conf", "[X-Swathe]\nExcept=192.0.2.1\n");
    scratch.link("systemd/web@81.socket", "web@.socket");
    scratch.write("systemd/web@81.socket.d/20.conf", "[X-Swathe]\nExcept=192.0.2.2 192.0.2.3\n");
    const Service web = only_service(scratch);
    CHECK(web.name == "web@81.socket");
    CHECK(web.systemd->sockets.front().address.to_string() == "127.0.0.1:81");
    CHECK(to_string(web.listeners.front().endpoints.front().ports) == "81");
    CHECK(web.listeners.front().except.size() == 2);
}

TEST_CASE("systemd units: an alias is not another unit, and nobody is steered to one that is masked") {
    const Scratch scratch;
    scratch.write("systemd/web.socket", kWeb);
    scratch.write("systemd/web.socket.d/swathe.conf", kSwathe);
    scratch.link("systemd/www.socket", "web.socket");
    CHECK(only_service(scratch).name == "web.socket");
    const Scratch masked;
    masked.link("systemd/web.socket", "/dev/null");
    masked.write("systemd/web.socket.d/swathe.conf", kSwathe);
    CHECK(masked.load().config.services.empty());
    CHECK(complaints(masked) == "systemd/web.socket.d/swathe.conf: warning: web.socket is masked: nothing is steered to it\n");
}

TEST_CASE("systemd units: of several sockets the one that takes the family counts, or the one that is named") {
    const Scratch scratch;
    scratch.write("systemd/web.socket", "[Socket]\nListenStream=0.0.0.0:80\nListenStream=[::]:80\n");
    scratch.write("systemd/web.socket.d/swathe.conf", "[X-Swathe]\nListen=192.0.2.0/24:80 [2001:db8::/64]:80\n");
    const Service web = only_service(scratch);
    CHECK(choose_unit_socket(web.systemd->sockets, Protocol::tcp, Family::ipv4, {})->address.to_string() == "0.0.0.0:80");
    CHECK(choose_unit_socket(web.systemd->sockets, Protocol::tcp, Family::ipv6, {})->address.to_string() == "[::]:80");
    const Scratch named;
    named.write("systemd/web.socket", "[Socket]\nListenStream=127.0.0.1:80\nListenStream=127.0.0.1:81\n");
    named.write("systemd/web.socket.d/swathe.conf", "[X-Swathe]\nListen=192.0.2.0/24:80\nHomeAddress=127.0.0.1:81\n");
    CHECK(only_service(named).listeners.front().home->port == 81);
}

TEST_CASE("systemd units: a word in front of a range says which sockets it leads to") {
    struct Case {
        const char* ours;
        const char* listeners; // "tcp ADDRESS:PORTS ...", with the socket where one is named
    };
    const Case cases[] = {
        {"Listen=192.0.2.0/24:53", "tcp 192.0.2.0/24:53 | udp 192.0.2.0/24:53 | "},
        {"Listen=udp 192.0.2.0/24:53", "udp 192.0.2.0/24:53 | "},
        {"Listen=tcp 192.0.2.0/24:53 192.0.2.9:54", "tcp 192.0.2.0/24:53 192.0.2.9:54 | "},
        {"Listen=192.0.2.0/24:53\nListen=udp 192.0.2.0/24:54", "tcp 192.0.2.0/24:53 | udp 192.0.2.0/24:53 192.0.2.0/24:54 | "},
        {"Listen=udp 192.0.2.0/24:53\nListen=\nListen=tcp 192.0.2.0/24:53", "tcp 192.0.2.0/24:53 | "},
        {"Listen=#1 192.0.2.0/24:53", "tcp at 127.0.0.1:53 192.0.2.0/24:53 | "},
        {"Listen=#3 192.0.2.0/24:53\nListen=tcp 192.0.2.0/24:54\nListen=#3 192.0.2.9:*",
         "udp at 127.0.0.1:53 192.0.2.0/24:53 192.0.2.9:all | tcp 192.0.2.0/24:54 | "},
        {"Listen=udp 53\nAddressesFile=list", "udp 198.51.100.0/24:53 | "},
        {"Listen=#1 192.0.2.1:53\nListen=udp 53\nAddressesFile=list",
         "tcp at 127.0.0.1:53 192.0.2.1:53 198.51.100.0/24:53 | udp 198.51.100.0/24:53 | "},
    };
    for (const Case& c : cases) {
        CAPTURE(c.ours);
        const Scratch scratch;
        scratch.write("systemd/dns.socket",
                      "[Socket]\nListenStream=127.0.0.1:53\nListenFIFO=/run/fifo\nListenStream=/run/dns\nListenDatagram=127.0.0.1:53\n");
        scratch.write("systemd/dns.socket.d/s.conf", std::string("[X-Swathe]\n") + c.ours + "\n");
        scratch.write("systemd/dns.socket.d/list", "198.51.100.0/24\n");
        std::string listeners;
        for (const Listener& listener : only_service(scratch).listeners) {
            listeners += std::string(to_string(listener.protocol)) + " ";
            if (listener.home) listeners += "at " + listener.home->to_string() + " ";
            for (const Endpoint& endpoint : listener.endpoints)
                for (const auto& address : endpoint.addresses)
                    listeners += address.value.to_string() + ":" + to_string(endpoint.ports) + " ";
            listeners += "| ";
        }
        CHECK(listeners == c.listeners);
    }
}

TEST_CASE("systemd units: what is wrong in the section is told with its place") {
    struct Case {
        const char* socket; // lines of [Socket]
        const char* ours;   // lines of [X-Swathe]
        const char* told;   // without the file
    };
    const Case cases[] = {
        {"ListenStream=80", "", "1:1: Listen: missing; say which addresses and ports lead to web.socket"},
        {"ListenStream=80", "Listen=192.0.2.0/24", "2:8: Listen: "},
        {"ListenStream=80", "Listen=192.0.2.0/24:80\nListn=1", "3:1: \"Listn\": unknown key"},
        {"ListenStream=80", "Listen=192.0.2.0/24:80\nWorkers=2",
         "3:1: Workers: systemd supervises web.socket, and has made its sockets: it means nothing here"},
        {"ListenStream=80", "Listen=192.0.2.0/24:80\nFamilySockets=split", "3:1: FamilySockets: systemd supervises"},
        {"ListenStream=80", "Listen=192.0.2.0/24:80\nListenerMode=reuseport", "3:1: ListenerMode: systemd supervises"},
        {"ListenStream=80", "Listen=192.0.2.0/24:80\nWhenDown=queue",
         "3:10: WhenDown: who comes while web.socket is stopped cannot be queued"},
        {"ListenStream=/run/web", "Listen=192.0.2.0/24:80", "2:8: Listen: web.socket has no TCP or UDP socket"},
        {"ListenStream=127.0.0.1:80", "Listen=[2001:db8::/64]:80", "2:8: Listen: web.socket: no tcp socket takes IPv6"},
        {"ListenStream=127.0.0.1:80\nListenStream=127.0.0.1:81", "Listen=192.0.2.0/24:80",
         "2:8: Listen: web.socket: 127.0.0.1:80 and 127.0.0.1:81 both take IPv4 over tcp; say HomeAddress= with one of them"},
        {"ListenStream=127.0.0.1:80", "Listen=192.0.2.0/24:80\nHomeAddress=127.0.0.1:81",
         "3:13: HomeAddress: web.socket has no socket at 127.0.0.1:81"},
        {"ListenStream=127.0.0.1:80", "Listen=udp 192.0.2.0/24:80", "2:8: Listen: web.socket has no udp socket"},
        {"ListenStream=127.0.0.1:80", "Listen=tcp 192.0.2.0/24:80\nHomeAddress=127.0.0.1:81",
         "3:13: HomeAddress: web.socket has no tcp socket at 127.0.0.1:81"},
        {"ListenStream=127.0.0.1:80", "Listen=#2 192.0.2.0/24:80", "2:8: Listen: there is no listener \"#2\"; the unit has 1 of them"},
        {"ListenStream=127.0.0.1:80", "Listen=#2 192.0.2.0/24:80\nHomeAddress=127.0.0.1:80", "2:8: Listen: there is no listener \"#2\""},
        {"ListenStream=/run/web\nListenStream=80", "Listen=#1 192.0.2.0/24:80",
         "2:8: Listen: listener \"#1\" is neither a TCP nor a UDP socket, and nothing is steered to it"},
        {"ListenStream=127.0.0.1:80", "Listen=#1 [2001:db8::/64]:80", "2:8: Listen: web.socket: no tcp socket takes IPv6"},
        {"ListenStream=127.0.0.1:80", "Listen=tcp", "2:8: Listen: no endpoint"},
        {"ListenStream=80", "Listen=80\nConnectionBurst=5", "3:1: ConnectionBurst: needs ConnectionRate"},
        {"ListenStream=80", "Listen=80\nSourcePrefixIPv4=33", "3:18: SourcePrefixIPv4: "},
        {"ListenStream=80", "Listen=80\nMaxConnectionsHit=drop", "3:1: MaxConnectionsHit: systemd supervises"},
        {"ListenStream=80", "Listen=80\nAddressesFile=none", "3:15: AddressesFile: "},
    };
    for (const Case& c : cases) {
        CAPTURE(c.ours);
        const Scratch scratch;
        scratch.write("systemd/web.socket", std::string("[Socket]\n") + c.socket + "\n");
        scratch.write("systemd/web.socket.d/s.conf", std::string("[X-Swathe]\n") + c.ours + "\n");
        const std::string told = complaints(scratch);
        CAPTURE(told);
        CHECK(told.substr(0, told.find('\n')).starts_with(std::string("systemd/web.socket.d/s.conf:") + c.told));
    }
}

TEST_CASE("systemd units: a source of their rates is as long as they say, whatever systemd counts") {
    Scratch scratch;
    scratch.write("systemd/web.socket", "[Socket]\nListenStream=80\nAccept=yes\nMaxConnectionsPerSource=3\n");
    scratch.write("systemd/web.socket.d/s.conf", "[X-Swathe]\nListen=192.0.2.0/24:80\nSourceRate=9/s\n");
    CHECK(only_service(scratch).source_prefix_ipv4 == 32);
    CHECK(only_service(scratch).source_prefix_ipv6 == 64);
    scratch.write("systemd/web.socket.d/t.conf", "[X-Swathe]\nSourcePrefixIPv4=24\nSourcePrefixIPv6=56\n");
    const Service service = only_service(scratch);
    CHECK(service.source_prefix_ipv4 == 24);
    CHECK(service.source_prefix_ipv6 == 56);
    CHECK_FALSE(service.accept); // systemd's
    REQUIRE(service.listeners.size() == 1);
    CHECK(service.listeners[0].source_rate.count == 9);
}

TEST_CASE("systemd units: a service of ours with the same name is refused, whoever comes first") {
    const Scratch scratch;
    scratch.write("systemd/web.socket", kWeb);
    scratch.write("systemd/web.socket.d/swathe.conf", kSwathe);
    scratch.write("services.d/web.socket.toml", small_service());
    const std::string told = lines_of(scratch.load().diagnostics, scratch.path());
    CHECK(told.find(": there is also a service web.socket in ") != told.npos);
}

TEST_CASE("unit socket: ports and addresses of streams and datagrams, and nothing else") {
    struct Case {
        const char* kind;
        const char* address;
        const char* read; // "" = none
    };
    const Case cases[] = {
        {"Stream", "80", "tcp [::]:80"},
        {"Stream", "[::]:80", "tcp [::]:80"},
        {"Stream", "127.0.0.1:80", "tcp 127.0.0.1:80"},
        {"Datagram", "[2001:db8::1]:53", "udp [2001:db8::1]:53"},
        {"Stream", "0", ""},
        {"Stream", "65536", ""},
        {"Stream", "80x", ""},
        {"Stream", "127.0.0.1:0", ""},
        {"Stream", "/run/web", ""},
        {"Stream", "@web", ""},
        {"Stream", "", ""},
        {"Stream", "vsock::80", ""},
        {"Stream", "[fe80::1%eth0]:80", ""},
        {"SequentialPacket", "80", ""},
        {"Netlink", "kobject-uevent 1", ""},
        {"stream", "80", ""},
    };
    for (const Case& c : cases) {
        CAPTURE(c.address);
        const auto read = parse_unit_socket(c.kind, c.address);
        CHECK((read ? std::string(to_string(read->protocol)) + " " + read->address.to_string() : "") == c.read);
    }
}
