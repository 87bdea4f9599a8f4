#include "scratch.h"

#include "config/systemd_names.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

/// The only service of web.socket and web.service.
Service only_service(const Scratch& scratch) {
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    REQUIRE(loaded.config.services.size() == 1);
    return loaded.config.services.front();
}

} // namespace

TEST_CASE("units: each Listen line is a listener, in file order, and all have the name of the unit") {
    const Scratch scratch;
    scratch.write("units/web.socket", "[Socket]\nListenStream=192.0.2.1:80\nListenDatagram=192.0.2.1:80 192.0.2.2:81\nListenStream=[2001:db8::1]:80\n");
    scratch.write("units/web.service", "[Service]\nExecStart=/bin/true\n");
    const Service web = only_service(scratch);
    REQUIRE(web.listeners.size() == 3);
    for (const Listener& listener : web.listeners) CHECK(listener.name == "web.socket");
    CHECK(web.listeners[0].protocol == Protocol::tcp);
    CHECK(web.listeners[1].protocol == Protocol::udp);
    CHECK(web.listeners[1].endpoints.size() == 2);
    CHECK(web.listeners[1].endpoints[1].pos.to_string() == scratch.path("units/web.socket").string() + ":3:29");
    CHECK(web.listeners[2].has_family(Family::ipv6));
    CHECK(web.start_limit_hit == LimitAction::fail);
    CHECK(web.files.size() == 2);
}

TEST_CASE("units: what is for IP sockets alone is not for the UNIX sockets of the same unit") {
    const Scratch scratch;
    scratch.write("units/web.socket", "[Socket]\nListenStream=192.0.2.1:80\nListenStream=/run/web\n[X-Swathe]\nListenerMode=reuseport\n");
    scratch.write("units/web.service", "[Service]\nExecStart=/bin/true\n");
    const Service web = only_service(scratch);
    REQUIRE(web.listeners.size() == 2);
    CHECK(web.listeners[0].listener_mode == ListenerMode::reuseport);
    CHECK(web.listeners[1].listener_mode == ListenerMode::shared);
}

TEST_CASE("units: an empty value takes back what its key said before, a Listen key all Listen lines") {
    const Scratch scratch;
    scratch.write("units/web.socket", "[Socket]\nListenStream=1\nListenDatagram=2\nBacklog=7\nFileDescriptorName=x\n[X-Swathe]\nExcept=192.0.2.1\n");
    scratch.write("units/web.socket.d/10.conf", "[Socket]\nListenDatagram=\nListenStream=192.0.2.1:3\nBacklog=\n[X-Swathe]\nExcept=\nExcept=192.0.2.2\n");
    scratch.write("units/web.service", "[Service]\nExecStart=/bin/true\nUser=a\nUser=\nEnvironment=A=1\nEnvironment=\nEnvironment=B=1\nEnvironment=C=1\n");
    const Service web = only_service(scratch);
    REQUIRE(web.listeners.size() == 1);
    CHECK(web.listeners[0].endpoints[0].ports == std::vector{PortRange{3, 3}});
    CHECK(web.listeners[0].backlog == 2147483647);
    CHECK(web.listeners[0].name == "x");
    REQUIRE(web.listeners[0].except.size() == 1);
    CHECK(web.listeners[0].except[0].addresses[0].value.to_string() == "192.0.2.2");
    CHECK_FALSE(web.user);
    CHECK(web.environment == std::vector<std::pair<std::string, std::string>>{{"B", "1"}, {"C", "1"}});
}

TEST_CASE("units: an empty Listen line of any kind takes back those of all kinds") {
    for (const char* const lines : {"ListenFIFO=/run/f\nListenStream=\nListenStream=192.0.2.1:3\n", "ListenStream=1\nListenFIFO=\nListenStream=192.0.2.1:3\n"}) {
        CAPTURE(std::string(lines));
        const Scratch scratch;
        scratch.write("units/web.socket", std::string("[Socket]\n") + lines);
        scratch.write("units/web.service", "[Service]\nExecStart=/bin/true\n");
        const Service web = only_service(scratch);
        REQUIRE(web.listeners.size() == 1);
        CHECK(web.listeners[0].endpoints[0].ports == std::vector{PortRange{3, 3}});
    }
}

TEST_CASE("units: of TimeoutSec= and the time-outs it sets, the later line wins; in TOML the special one") {
    const Scratch scratch;
    scratch.write("units/web.socket", "[Socket]\nListenStream=192.0.2.1:1\nTimeoutSec=3\n");
    scratch.write("units/web.service", "[Service]\nExecStart=/bin/true\nTimeoutStartSec=1\nTimeoutSec=2\nTimeoutStopSec=infinity\n");
    Service web = only_service(scratch);
    CHECK(web.timeout_start_sec == std::chrono::seconds(2));
    CHECK(web.timeout_stop_sec == kInfinity);

    const Scratch toml;
    toml.write("services.d/web.toml", small_service() + "timeout_start_sec = 1\ntimeout_sec = 2\n");
    web = only_service(toml);
    CHECK(web.timeout_start_sec == std::chrono::seconds(1));
    CHECK(web.timeout_stop_sec == std::chrono::seconds(2));
}

TEST_CASE("units: a masked socket leaves its service alone, a drop-in that is empty hides one of its name") {
    const Scratch scratch;
    scratch.link("high/units/web.socket", "/dev/null");
    scratch.write("low/units/web.socket", "[Socket]\nListenStream=192.0.2.1:1\n");
    scratch.write("low/units/web.service", "[Service]\nExecStart=/bin/true\n");
    scratch.write("low/units/dns.socket", "[Socket]\nListenStream=192.0.2.1:53\n");
    scratch.write("low/units/dns.service", "[Service]\nExecStart=/bin/true\n");
    scratch.write("low/units/dns.service.d/10.conf", "[Service]\nUser=low\n");
    scratch.write("high/units/dns.service.d/10.conf", "");
    SearchPath path;
    path.directories = {scratch.path("high").string(), scratch.path("low").string()};
    const Loaded loaded = load_config(path);
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    REQUIRE(loaded.config.services.size() == 1);
    CHECK(loaded.config.services[0].name == "dns");
    CHECK_FALSE(loaded.config.services[0].user);
}

TEST_CASE("units: systemd's directives that we do not have are told apart by what it would mean to ignore them") {
    using F = ForeignDirective;
    struct Case { UnitKind kind; const char* section; const char* key; const char* value; F meaning; };
    const Case cases[] = {
        {UnitKind::service, "Service", "PrivateUsers", "yes", F::protection},
        {UnitKind::service, "Service", "KeyringMode", "private", F::protection},
        {UnitKind::service, "Service", "KeyringMode", "inherit", F::harmless},
        {UnitKind::service, "Service", "MemoryAccounting", "yes", F::harmless},
        {UnitKind::service, "Service", "BusName", "org.example", F::harmless},
        {UnitKind::service, "Service", "SyslogLevelPrefix", "no", F::unsupported},
        {UnitKind::service, "Service", "SyslogLevelPrefix", "yes", F::harmless},
        {UnitKind::service, "Unit", "FailureAction", "none", F::harmless},
        {UnitKind::service, "Unit", "FailureAction", "reboot", F::unsupported},
        {UnitKind::service, "Service", "PrivateUsers", "no", F::harmless},
        {UnitKind::service, "Service", "PrivateIPC", "", F::harmless},
        {UnitKind::service, "Service", "CapabilityBoundingSet", "CAP_CHOWN", F::protection},
        {UnitKind::service, "Service", "CapabilityBoundingSet", "", F::protection}, // empties the set
        {UnitKind::service, "Service", "CapabilityBoundingSet", "~", F::harmless},  // the full set
        {UnitKind::service, "Service", "IPAddressDeny", "any", F::protection},
        {UnitKind::service, "Service", "SendSIGKILL", "no", F::unsupported},
        {UnitKind::service, "Service", "SendSIGKILL", "yes", F::harmless},
        {UnitKind::service, "Service", "KillSignal", "SIGTERM", F::harmless},
        {UnitKind::service, "Service", "KillSignal", "SIGINT", F::unsupported},
        {UnitKind::service, "Service", "ExecStartPre", "/bin/x", F::unsupported},
        {UnitKind::service, "Service", "Memory", "1", F::unknown}, // no part of a name
        {UnitKind::service, "Service", "MemoryLow", "1G", F::unsupported},
        {UnitKind::service, "Service", "ListenFIFO", "/x", F::unknown},
        {UnitKind::service, "Install", "Whatever", "x", F::harmless},
        {UnitKind::service, "Unit", "After", "x", F::unsupported},
        {UnitKind::service, "Unit", "ConditionPathExists", "/x", F::unsupported},
        {UnitKind::socket, "Socket", "FreeBind", "yes", F::harmless},
        {UnitKind::socket, "Socket", "DeferTrigger", "patient", F::unsupported},
        {UnitKind::socket, "Socket", "ExecStartPre", "/bin/x", F::unsupported},
        {UnitKind::socket, "Socket", "ListenFIFO", "", F::harmless},
        {UnitKind::socket, "Socket", "ListenSpecial", "/dev/x", F::other_socket},
        {UnitKind::socket, "Socket", "SocketProtocol", "sctp", F::other_socket},
        {UnitKind::socket, "Socket", "SELinuxContextFromNet", "yes", F::protection},
        {UnitKind::socket, "Socket", "PassFileDescriptorsToExec", "yes", F::unsupported},
        {UnitKind::socket, "Service", "ExecStart", "/x", F::unknown},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.key));
        CAPTURE(std::string(c.value));
        CHECK(foreign_directive(c.kind, c.section, c.key, c.value) == c.meaning);
    }
}
