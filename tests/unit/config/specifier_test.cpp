#include "config/specifier.h"

#include "config/limits.h"
#include "config/machine.h"
#include "scratch.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

/// A machine on which every specifier stands for itself.
Result<std::string> echo(char specifier) { return std::string("<") + specifier + ">"; }
Result<std::string> nothing(char) { return failure("nobody knows"); }

} // namespace

TEST_CASE("specifiers: the parts of a unit's name") {
    struct Case { const char* unit; const char* text; const char* expanded; };
    const Case cases[] = {
        {"foo.socket", "%n", "foo.socket"}, {"foo.socket", "%N", "foo"}, {"foo.socket", "%p", "foo"}, {"foo.socket", "%P", "foo"},
        {"foo.socket", "%i", ""}, {"foo.socket", "%I", ""}, {"foo.socket", "%j", "foo"}, {"foo.socket", "%J", "foo"},
        {"foo.socket", "%f", "/foo"},
        {"a-b@c.service", "%n", "a-b@c.service"}, {"a-b@c.service", "%N", "a-b@c"}, {"a-b@c.service", "%p", "a-b"},
        {"a-b@c.service", "%P", "a/b"},
        {"a-b@c.service", "%i", "c"}, {"a-b@c.service", "%j", "b"}, {"a-b@c.service", "%J", "b"}, {"a-b@c.service", "%f", "/c"},
        {"a@b-c.service", "%i", "b-c"}, {"a@b-c.service", "%I", "b/c"}, {"a@b-c.service", "%f", "/b/c"}, {"a@-.service", "%f", "/"},
        {"a@-.service", "%I", "/"},
        {"a@c\\x2dd.service", "%i", "c\\x2dd"}, {"a@c\\x2dd.service", "%I", "c-d"}, {"a@\\x20.service", "%I", " "},
        {"a@c\\x2.service", "%I", "c\\x2"},
        {"a@\\x00.service", "%I", "\\x00"}, {"a@\\xZZ.service", "%I", "\\xZZ"}, {"a-\\x41-b.service", "%J", "b"},
        {"a-b\\x2dc.service", "%J", "b-c"},
        {"a-b\\x2dc.service", "%j", "b\\x2dc"}, {"a-.service", "%j", ""}, {"a.b.service", "%N", "a.b"}, {"a@b@c.service", "%i", "b@c"},
        {"a@b@c.service", "%p", "a"},
        {"foo-bar@7-99-10.0.0.1:80-10.0.0.2:555.service", "%p|%i|%j", "foo-bar|7-99-10.0.0.1:80-10.0.0.2:555|bar"},
        {"foo-bar@7-99-10.0.0.1:80-10.0.0.2:555.service", "%I", "7/99/10.0.0.1:80/10.0.0.2:555"},
        {"x.service", "plain", "plain"}, {"x.service", "", ""}, {"x.service", "%%", "%"}, {"x.service", "100%%", "100%"},
        {"x.service", "50%", "50%"}, {"x.service", "%", "%"}, {"x.service", "%%%", "%%"},
        {"x.service", "%%n", "%n"}, {"x.service", "%%%n", "%x.service"},
        {"x.service", "a%nb%Nc", "ax.servicebxc"}, {"x@y.service", "%d", "/run/credentials/x@y.service"},
        {"exec-specifier.service", "%N %P %J %f", "exec-specifier exec/specifier specifier /exec/specifier"},
        {"exec-specifier@foo-bar.service", "%p %P %i %I %j %f", "exec-specifier exec/specifier foo-bar foo/bar specifier /foo/bar"},
        {"x.service", "%t", "/run"}, {"x.service", "%S", "/var/lib"}, {"x.service", "%C", "/var/cache"}, {"x.service", "%L", "/var/log"},
        {"x.service", "%E", "/etc"}, {"x.service", "%D", "/usr/share"},
        {"x.service", "%H%l%m%b%v%q%a%A%B%M%o%w%W", "<H><l><m><b><v><q><a><A><B><M><o><w><W>"},
        {"x.service", "%u%U%g%G%h%s%T%V", "<u><U><g><G><h><s><T><V>"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.unit));
        CAPTURE(std::string(c.text));
        CHECK(expand_specifiers(c.text, c.unit, &echo) == std::string(c.expanded));
    }
}

TEST_CASE("specifiers: where the unit's file is") {
    CHECK(expand_specifiers("%y", UnitId("a.service", "/etc/swathe/units/a.service")) == std::string("/etc/swathe/units/a.service"));
    CHECK(expand_specifiers("%Y", UnitId("a.service", "/etc/swathe/units/a.service")) == std::string("/etc/swathe/units"));
    CHECK_FALSE(expand_specifiers("%y", "a.service"));
}

TEST_CASE("specifiers: an unknown one and one that stands for nothing are errors") {
    for (const char* text :
         {"%z", "%c", "%r", "%R", "%x", "%1", "% ", "%\n", "%-", "%O", "%Q", "%X", "%Z", "%K", "%e", "%k"}) {
        CAPTURE(std::string(text));
        CHECK_FALSE(expand_specifiers(text, "x.service", &echo));
    }
    CHECK(expand_specifiers("%H", "x.service", &nothing).error().to_string() == "%H: nobody knows");
    CHECK(expand_specifiers("%c", "x.service").error().to_string() == "\"%c\" is no specifier; a per cent sign is written %%");
}

TEST_CASE("specifiers: what they make of a text has an end, and one that stands there often is looked up once") {
    static int asked;
    asked = 0;
    const auto half = [](char) { return ++asked, Result<std::string>(std::string(limits::kLineBytes / 2, 'x')); };
    CHECK(expand_specifiers("%H%H", "x.service", half)->size() == limits::kLineBytes);
    CHECK(asked == 1);
    CHECK(expand_specifiers("%H%Hx", "x.service", half).error().message == "longer than 1048576 bytes with its specifiers replaced");
}

TEST_CASE("machine: it is asked anew for each of its specifiers") {
    utsname name{};
    REQUIRE(::uname(&name) == 0);
    CHECK(machine_value('H') == std::string(name.nodename));
    CHECK(machine_value('v') == std::string(name.release));
    CHECK(machine_value('l')->find('.') == std::string::npos);
    CHECK(machine_value('U') == std::to_string(::geteuid()));
    CHECK(machine_value('G') == std::to_string(::getegid()));
    CHECK(machine_value('b')->size() == 32);
    CHECK(machine_value('a') == architecture_name(name.machine));
    CHECK(machine_value('T')->front() == '/');
    CHECK_FALSE(machine_value('n'));
    if (::geteuid() == 0) {
        CHECK(machine_value('u') == std::string("root"));
        CHECK(machine_value('h') == std::string("/root"));
    }
}

TEST_CASE("machine: values of os-release(5), and systemd's names of architectures") {
    const char* text =
        "# ID=no\nID=debian\nVERSION_ID=\"12\"\n VARIANT_ID='s r'\nBUILD_ID=\nIMAGE_ID=\"a\\\"b\"\nIDX=x\nTWICE=1\nTWICE=2\nBROKEN=\"\n";
    struct Case { const char* key; const char* value; };
    const Case cases[] = {{"ID", "debian"}, {"VERSION_ID", "12"}, {"VARIANT_ID", "s r"}, {"BUILD_ID", ""}, {"IMAGE_ID", "a\"b"},
                          {"NONE", ""},     {"TWICE", "2"},       {"BROKEN", ""},        {"I", ""}};
    for (const Case& c : cases) {
        CAPTURE(std::string(c.key));
        CHECK(value_in(text, c.key) == c.value);
    }
    const Case names[] = {{"x86_64", "x86-64"}, {"aarch64", "arm64"},   {"i686", "x86"},   {"ppc64le", "ppc64-le"},
                          {"armv7l", "arm"},    {"riscv64", "riscv64"}, {"s390x", "s390x"}};
    for (const Case& c : names) CHECK(architecture_name(c.key) == c.value);
}

TEST_CASE("specifiers: units, and instances in TOML, have them replaced where they are written") {
    const Scratch scratch;
    scratch.write("units/web@.socket", "[Socket]\nListenStream=192.0.2.1:%i\n[X-Swathe]\nExcept=192.0.2.1:%i\n");
    scratch.write("units/web@.service",
                  "[Unit]\nDescription=%p on %i\n[Service]\nExecStart=/bin/%p --port %i --file %y\nUser=u%i\nEnvironment=PORT=%i\n");
    scratch.link("units/web@80.socket", "web@.socket");
    scratch.write("services.d/app@.toml",
                  "description = \"%p %i 100%%\"\n[[listen]]\nprotocol = \"tcp\"\naddresses = \"192.0.2.2\"\nports = \"%i\"\n"
                  "[service]\nexec_start = [\"/bin/app\", \"%i\"]\nexec_stop = \"/bin/stop %i\"\nenvironment = { P = \"%i\" }\n");
    scratch.link("services.d/app@81.toml", "app@.toml");
    scratch.write("services.d/plain.toml", "description = \"100%\"\n" + small_service("192.0.2.3"));
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    REQUIRE(loaded.config.services.size() == 3);
    const Service& app = loaded.config.services[0];
    CHECK(app.name == "app@81");
    CHECK(app.description == "app 81 100%");
    CHECK(to_string(app.listeners[0].endpoints[0].ports) == "81");
    CHECK(app.exec_start[0].argv == std::vector<std::string>{"/bin/app", "81"});
    CHECK(app.exec_stop[0].argv == std::vector<std::string>{"/bin/stop", "81"});
    CHECK(app.environment == std::vector<std::pair<std::string, std::string>>{{"P", "81"}});
    CHECK(loaded.config.services[1].description == "100%");
    const Service& web = loaded.config.services[2];
    CHECK(web.name == "web@80");
    CHECK(web.description == "web on 80");
    CHECK(web.user->value == "u80");
    CHECK(web.exec_start[0].argv ==
          std::vector<std::string>{"/bin/web", "--port", "80", "--file", scratch.path("units/web@.service").string()});
    CHECK(to_string(web.listeners[0].except[0].ports) == "80");
}

TEST_CASE("specifiers: what cannot be replaced is an error with its place") {
    const Scratch scratch;
    scratch.write("units/web.socket", "[Socket]\nListenStream=192.0.2.1:80\n");
    scratch.write("units/web.service", "[Service]\nExecStart=/bin/true %z\nUser=%c\n");
    CHECK(lines_of(scratch.load().diagnostics, scratch.path()) ==
          "units/web.service:2:11: ExecStart: \"%z\" is no specifier; a per cent sign is written %%\n"
          "units/web.service:3:6: User: \"%c\" is no specifier; a per cent sign is written %%\n");
}
