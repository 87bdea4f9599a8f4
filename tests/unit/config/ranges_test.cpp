#include "scratch.h"

#include <fmt/format.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

/// "tcp 443, 192.0.2.0/24:443 | udp ..." for a unit with these Listen lines and these of [X-Swathe]; or the diagnostics.
std::string listeners_of(std::string_view lines, std::string_view ours) {
    const Scratch scratch;
    scratch.write("units/web.socket", fmt::format("[Socket]\n{}\n", lines));
    scratch.write("units/web.socket.d/range.conf", fmt::format("[X-Swathe]\n{}\n", ours));
    scratch.write("units/web.service", "[Service]\nExecStart=/bin/true\n");
    const Loaded loaded = scratch.load();
    if (has_errors(loaded.diagnostics)) return lines_of(loaded.diagnostics, scratch.path());
    std::string out;
    for (const Listener& listener : loaded.config.services.at(0).listeners) {
        out += out.empty() ? "" : "| ";
        out += listener.protocol == Protocol::tcp ? "tcp " : "udp ";
        for (const Endpoint& endpoint : listener.endpoints)
            for (const auto& address : endpoint.addresses)
                out += fmt::format("{}:{} ", address.value.to_string(), to_string(endpoint.ports));
    }
    return out;
}

} // namespace

TEST_CASE("ranges: Listen= of [X-Swathe] widens a listener that systemd knows, too") {
    struct Case { const char* lines; const char* ours; const char* listeners; };
    const Case cases[] = {
        {"ListenStream=192.0.2.1:80", "Listen=192.0.2.0/28:80-89", "tcp 192.0.2.1:80 192.0.2.0/28:80-89 "},
        {"ListenStream=192.0.2.1:80", "Listen=tcp 192.0.2.0/28:*", "tcp 192.0.2.1:80 192.0.2.0/28:all "},
        {"ListenStream=192.0.2.1:80", "Listen=#1 [2001:db8::/64]:80 192.0.2.8:81", "tcp 192.0.2.1:80 2001:db8::/64:80 192.0.2.8:81 "},
        {"ListenStream=192.0.2.1:80", "Listen=192.0.2.2:80\nListen=192.0.2.3:80", "tcp 192.0.2.1:80 192.0.2.2:80 192.0.2.3:80 "},
        {"ListenStream=192.0.2.1:80", "Listen=192.0.2.2:80\nListen=\nListen=192.0.2.3:80", "tcp 192.0.2.1:80 192.0.2.3:80 "},
        {"ListenStream=192.0.2.1:80\nListenDatagram=192.0.2.1:80", "Listen=udp 192.0.2.2:80",
         "tcp 192.0.2.1:80 | udp 192.0.2.1:80 192.0.2.2:80 "},
        {"ListenStream=192.0.2.1:80\nListenStream=192.0.2.1:81", "Listen=#2 192.0.2.2:81",
         "tcp 192.0.2.1:80 | tcp 192.0.2.1:81 192.0.2.2:81 "},
        {"ListenStream=192.0.2.1:80", "Listen=udp 192.0.2.2:80", "tcp 192.0.2.1:80 | udp 192.0.2.2:80 "},
        {"Backlog=5", "Listen=tcp 192.0.2.2:80", "tcp 192.0.2.2:80 "},
        {"Backlog=5", "Listen=tcp 192.0.2.2:80\nListen=192.0.2.3:80", "tcp 192.0.2.2:80 192.0.2.3:80 "},
        {"ListenStream=192.0.2.1:80\nListenStream=\nListenStream=192.0.2.9:80", "Listen=192.0.2.2:80", "tcp 192.0.2.9:80 192.0.2.2:80 "},
        {"ListenStream=192.0.2.1:80", "Listen=80", "tcp 192.0.2.1:80 0.0.0.0/0:80 ::/0:80 "},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.lines));
        CAPTURE(std::string(c.ours));
        CHECK(listeners_of(c.lines, c.ours) == c.listeners);
    }
}

TEST_CASE("ranges: what AddressesFile= and BindIPv6Only= make of a Listen line holds for its ranges, too") {
    const Scratch scratch;
    scratch.write("units/office", "198.51.100.0/24\n");
    scratch.write("units/web.socket",
                  "[Socket]\nListenStream=192.0.2.1:80\n[X-Swathe]\nListen=8080\nListen=192.0.2.2:81\nAddressesFile=office\n");
    scratch.write("units/web.service", "[Service]\nExecStart=/bin/true\n");
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    std::string claims;
    for (const Endpoint& endpoint : loaded.config.services.at(0).listeners.at(0).endpoints)
        for (const auto& address : endpoint.addresses)
            claims += fmt::format("{}:{} ", address.value.to_string(), to_string(endpoint.ports));
    CHECK(claims == "192.0.2.1:80 198.51.100.0/24:80 198.51.100.0/24:8080 192.0.2.2:81 198.51.100.0/24:81 ");
    CHECK(listeners_of("ListenStream=[::]:80\nBindIPv6Only=ipv6-only", "Listen=8080") == "tcp ::/0:80 ::/0:8080 ");
}

TEST_CASE("ranges: whose a range is must be clear") {
    struct Case { const char* lines; const char* ours; const char* reason; };
    const Case cases[] = {
        {"ListenStream=1.2.3.4:80\nListenDatagram=1.2.3.4:80", "Listen=192.0.2.2:80",
         "2:8: Listen: the unit has several listeners; write \"tcp\", \"udp\" or the number of one in front, such as \"#1\""},
        {"ListenStream=1.2.3.4:80\nListenStream=1.2.3.4:81", "Listen=tcp 192.0.2.2:80",
         "the unit has several listeners; write the number of one in front, such as \"#1\""},
        {"Backlog=5", "Listen=192.0.2.2:80", "the unit has no other listener; write \"tcp\" or \"udp\" in front"},
        {"ListenStream=1.2.3.4:80", "Listen=#2 192.0.2.2:80", "there is no listener \"#2\"; the unit has 1 of them"},
        {"ListenStream=1.2.3.4:80", "Listen=#0 192.0.2.2:80", "there is no listener \"#0\""},
        {"ListenStream=1.2.3.4:80", "Listen=#x 192.0.2.2:80", "there is no listener \"#x\""},
        {"ListenStream=1.2.3.4:80", "Listen=tcp", "Listen: no endpoint"},
        {"ListenStream=1.2.3.4:80", "Listen=tcp 192.0.2.0/24", "Listen: "},
        {"ListenStream=1.2.3.4:80", "Listen=/run/x", "Listen: "},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.lines));
        CAPTURE(std::string(c.ours));
        const std::string said = listeners_of(c.lines, c.ours);
        CAPTURE(said);
        CHECK(said.find("units/web.socket.d/range.conf:2:") == 0);
        CHECK(said.find(c.reason) != std::string::npos);
    }
}

TEST_CASE("strict: warnings about units become errors, and no others") {
    const Scratch scratch;
    scratch.write("units/web.socket", "[Socket]\nListenStream=192.0.2.1:80\nkeyless\nUnheard=1\n");
    scratch.write("units/web.service", "[Service]\nExecStart=/bin/true\nTTYColumns=80\n[Odd]\n");
    scratch.write("services.d/gone.toml.d/1.toml", "\n");
    const std::string loose = lines_of(scratch.load().diagnostics, scratch.path());
    CHECK_FALSE(has_errors(scratch.load().diagnostics));
    scratch.write("swathe.toml", "strict = true\n");
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) ==
          "services.d/gone.toml.d/1.toml: warning: a drop-in, but there is no \"gone.toml\"\n"
          "units/web.service:3:1: TTYColumns: swathe does not implement this directive of systemd's; it is ignored (strict)\n"
          "units/web.service:4:1: unknown section \"Odd\"; it is ignored (strict)\n"
          "units/web.socket:3:1: no \"=\" in \"keyless\"; the line is ignored (strict)\n"
          "units/web.socket:4:1: \"Unheard\": unknown key in [Socket]; it is ignored (strict)\n");
    CHECK(std::count(loose.begin(), loose.end(), '\n') == 5);
}

TEST_CASE("allow_unsupported: a protection that there is not may be done without, by the site or by the unit") {
    constexpr std::string_view kRefused =
        "units/web.service:3:1: RestrictFileSystems: swathe does not implement it, and to ignore it would weaken the service's protection; "
        "remove it, set it to nothing or \"no\" in a drop-in, or name it in AllowUnsupported=\n";
    constexpr std::string_view kAllowed =
        "units/web.service:3:1: warning: RestrictFileSystems: swathe does not implement this directive of systemd's; "
        "the service goes without its protection\n";
    struct Case { const char* site; const char* unit; std::string_view said; };
    const Case cases[] = {
        {"", "", kRefused},
        {"allow_unsupported = \"RestrictFileSystems\"\n", "", kAllowed},
        {"allow_unsupported = [\"SecureBits\", \"RestrictFileSystems\"]\n", "", kAllowed},
        {"allow_unsupported = [\"SecureBits\"]\n", "", kRefused},
        {"", "[X-Swathe]\nAllowUnsupported=SecureBits RestrictFileSystems\n", kAllowed},
        {"", "[X-Swathe]\nAllowUnsupported=SecureBits\nAllowUnsupported=RestrictFileSystems\n", kAllowed},
        {"", "[X-Swathe]\nAllowUnsupported=RestrictFileSystems\nAllowUnsupported=\n", kRefused},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.site));
        CAPTURE(std::string(c.unit));
        const Scratch scratch;
        scratch.write("units/web.socket", "[Socket]\nListenStream=192.0.2.1:80\n");
        scratch.write("units/web.service", std::string("[Service]\nExecStart=/bin/true\nRestrictFileSystems=ext4\n") + c.unit);
        scratch.write("swathe.toml", std::string("log_level = \"info\"\n") + c.site);
        CHECK(lines_of(scratch.load().diagnostics, scratch.path()) == c.said);
    }
    const Scratch scratch;
    scratch.write("swathe.toml", "allow_unsupported = [\"RestrictFileSystem\", \"Restart\"]\n");
    CHECK(lines_of(scratch.load().diagnostics, scratch.path()) ==
          "swathe.toml:1:22: allow_unsupported: \"RestrictFileSystem\" is no directive of systemd's that protects; did you mean "
          "\"RestrictFileSystems\"?\n"
          "swathe.toml:1:44: allow_unsupported: \"Restart\" is no directive of systemd's that protects\n");
}

TEST_CASE("units: an alias is the same service, whoever names it") {
    const Scratch scratch;
    scratch.write("units/web.socket", "[Socket]\nListenStream=192.0.2.1:80\nService=httpd.service\n");
    scratch.write("units/apache.service", "[Service]\nExecStart=/bin/true\n");
    scratch.link("units/httpd.service", "apache.service");
    scratch.write("units/httpd.service.d/1.conf", "[Service]\nUser=www\n");
    scratch.write("units/app.socket", "[Socket]\nListenStream=192.0.2.2:80\n");
    scratch.write("units/app.service", "[Unit]\nAfter=httpd.service\n[Service]\nExecStart=/bin/true\n");
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    REQUIRE(loaded.config.services.size() == 2);
    CHECK(loaded.config.services[0].name == "apache");
    CHECK(loaded.config.services[0].user->value == "www");
    CHECK(loaded.config.services[0].files.size() == 3);
    REQUIRE(loaded.config.services[1].after.size() == 1);
    CHECK(loaded.config.services[1].after[0].value == "apache");
}
