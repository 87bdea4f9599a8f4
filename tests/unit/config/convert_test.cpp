#include "config/texts.h"
#include "config/write_toml.h"
#include "config/write_unit.h"
#include "dump.h"
#include "normalized.h"
#include "random_services.h"
#include "scratch.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include <doctest/doctest.h>

using namespace swathe;
namespace fs = std::filesystem;

namespace {

struct Written {
    Scratch files;
    std::string left_out;
};

/// All services of a configuration, written anew in one format.
void rewrite(const fs::path& from, Format format, Written& to) {
    Texts seen;
    (void)load_config(SearchPath::only(from.string()), &seen);
    Report report;
    for (const std::string& name : service_names(seen)) {
        const auto service = find_written(seen, name, report);
        REQUIRE(service.has_value());
        if (format == Format::toml)
            to.files.write("services.d/" + name + ".toml", to_toml(*service));
        else
            for (const UnitFile& unit : to_units(*service, report)) to.files.write("units/" + unit.name, text_of(unit));
    }
    to.left_out = lines_of(report.take(), from);
}

std::string effect_of(const Scratch& scratch) {
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    return dump(normalized(loaded.config));
}

std::string effect_of(const fs::path& directory) {
    return dump(normalized(load_config(SearchPath::only(directory.string())).config));
}

std::set<std::string_view> service_keys() {
    std::set<std::string_view> keys;
    for (const Directive& d : directives())
        if (!d.toml_key.empty() && d.scope != Scope::daemon && d.scope != Scope::rule) keys.insert(d.toml_key);
    return keys;
}

} // namespace

TEST_CASE("convert: units become TOML, and TOML units, that mean the same") {
    std::size_t folders = 0;
    for (const auto& folder : fs::directory_iterator(fs::path(SWATHE_TEST_DATA) / "same")) {
        CAPTURE(folder.path().filename().string());
        ++folders;
        const std::string expected = effect_of(folder.path() / "toml");
        for (const char* const from : {"toml", "unit"}) {
            CAPTURE(from);
            Written toml, units, back;
            rewrite(folder.path() / from, Format::toml, toml);
            CHECK(effect_of(toml.files) == expected);
            rewrite(folder.path() / from, Format::unit, units);
            CHECK(effect_of(units.files) == expected);
            rewrite(units.files.path(), Format::toml, back);
            CHECK(effect_of(back.files) == expected);
        }
    }
    CHECK(folders >= 8);
}

TEST_CASE("convert: whatever TOML says, units say it, too, and TOML again") {
    std::set<std::string_view> unused = service_keys(); // the test is about all keys: it goes on until each had its turn
    for (unsigned seed = 1; seed <= 40 || (!unused.empty() && seed <= 400); ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        Written toml, units, back;
        const std::string list = toml.files.path("list.txt").string();
        toml.files.write("list.txt", "198.51.100.0/24\n2001:db8:5::7\n");
        toml.files.write("services.d/z.toml", small_service("192.0.2.99"));
        std::vector<std::string> names;
        for (const char* const name : {"a", "b-1", "c@x"}) {
            const std::string text = random_service(random, name, names, list);
            toml.files.write(std::string("services.d/") + name + ".toml", text);
            for (const Directive& d : directives())
                if (("\n" + text).find("\n" + std::string(d.toml_key) + " = ") != std::string::npos)
                    unused.erase(d.toml_key);
            names.emplace_back(name);
        }
        const Loaded loaded = toml.files.load();
        REQUIRE_FALSE(has_errors(loaded.diagnostics));
        const std::string expected = dump(normalized(loaded.config));
        rewrite(toml.files.path(), Format::unit, units);
        CHECK(units.left_out == "");
        CHECK(dump(normalized(units.files.load().config)) == expected);
        rewrite(units.files.path(), Format::toml, back);
        CHECK(back.left_out == "");
        CHECK(dump(normalized(back.files.load().config)) == expected);
    }
    for (const std::string_view key : unused) {
        CAPTURE(std::string(key));
        CHECK(false);
    }
}

TEST_CASE("convert: ranges and files of addresses of [X-Swathe] mean the same in TOML") {
    Written units, toml;
    units.files.write("units/office", "198.51.100.0/24\n");
    units.files.write("units/web.socket", fmt::format("[Socket]\nListenStream=192.0.2.1:80\n[X-Swathe]\nListen=80\nAddressesFile={}\n",
                                                      units.files.path("units/office").string()));
    units.files.write("units/web.service", "[Service]\nExecStart=/bin/web\n");
    rewrite(units.files.path(), Format::toml, toml);
    CHECK(toml.left_out == "");
    CHECK(effect_of(toml.files) == effect_of(units.files));
}

TEST_CASE("convert: values that are written otherwise in TOML mean the same there") {
    const Scratch from;
    from.write("units/web.socket", "[Socket]\nListenStream=192.0.2.1:80\nBacklog=0x80\nTriggerLimitBurst=010\nIPTOS=010\nBindToDevice=*\n");
    from.write("units/web.service",
               "[Unit]\nStartLimitIntervalSec=infinity\n[Service]\nExecStart=/bin/web 50%\nDelegate=\nLimitCPU=1.5\nLimitNOFILE=010:0x10\n"
               "LimitNICE=010\nLimitCORE=1M 5K\nNice=-010\nKillSignal=010\nTasksMax=0x10\nCPUAffinity=0x0-03 010\nIOSchedulingClass=1\n"
               "SuccessExitStatus=010 TERM\nSystemCallErrorNumber=0x1\n");
    const Loaded loaded = from.load();
    CHECK(lines_of(loaded.diagnostics, from.path()) ==
          "units/web.service:5:10: warning: Delegate: all controllers that there are are delegated, not only those of the list\n");
    const Service& service = loaded.config.services.front();
    CHECK(service.listeners.front().backlog == 128);
    CHECK(service.listeners.front().bind_to_device.empty());
    CHECK(service.limits.at(RLIMIT_CPU)->rlim_cur == 2);
    CHECK(service.limits.at(RLIMIT_NOFILE)->rlim_max == 16);
    CHECK(service.nice == -8);
    CHECK(service.kill_signal == 8);
    CHECK(service.io_scheduling_class == IoClass::realtime);
    CHECK(service.delegate);
    Written toml, back;
    rewrite(from.path(), Format::toml, toml);
    CHECK(effect_of(toml.files) == dump(normalized(loaded.config)));
    std::ifstream file(toml.files.path("services.d/web.toml"));
    const std::string text(std::istreambuf_iterator<char>(file), {});
    for (const std::string_view line : {"kill_signal = 8\n", "limit_nofile = \"8:16\"\n", "limit_nice = 8\n", "tasks_max = 16\n",
                                        "cpu_affinity = [\"0-3 8\"]\n", "success_exit_status = [8, \"TERM\"]\n",
                                        "system_call_error_number = 1\n"}) { // as people, and the schema, write them
        CAPTURE(std::string(line));
        CAPTURE(text);
        CHECK(text.find(line) != std::string::npos);
    }
    rewrite(toml.files.path(), Format::unit, back);
    CHECK(effect_of(back.files) == dump(normalized(loaded.config)));
}

TEST_CASE("convert: what the other format cannot say is told line by line") {
    const Scratch from;
    from.write("units/web.socket",
               "[Socket]\nListenStream=192.0.2.1:80 192.0.2.2:81\nListenStream=192.0.2.3:82\nPassFileDescriptorsToExec=yes\n");
    from.write(
        "units/web.service",
        "[Unit]\nAfter=nobody.service\nDocumentation=man:web(8)\n[Service]\nExecStart=/bin/web\nWatchdogSec=5\n");
    Written toml;
    rewrite(from.path(), Format::toml, toml);
    CHECK(toml.left_out ==
          "units/web.service:2:7: warning: After: there is no service \"nobody\" here\n"
          "units/web.service:3:1: warning: Documentation: has no counterpart in TOML: [Unit] Documentation=man:web(8)\n"
          "units/web.socket:2:1: warning: FileDescriptorName: in TOML each listener of a service has a name of its "
          "own; this one is \"web.socket-2\" there\n"
          "units/web.socket:2:1: warning: ListenStream: endpoints with different ports are one socket here, and in "
          "TOML one each\n"
          "units/web.socket:3:1: warning: FileDescriptorName: in TOML each listener of a service has a name of its "
          "own; this one is \"web.socket-3\" there\n"
          "units/web.socket:4:1: warning: PassFileDescriptorsToExec: has no counterpart in TOML: [Socket] PassFileDescriptorsToExec=yes\n");
    CHECK(toml.files.load().config.services.front().listeners.size() == 3);

    const Scratch other;
    other.write("services.d/web.toml", "description = \" two \"\n" + small_service());
    Written units;
    rewrite(other.path(), Format::unit, units);
    CHECK(units.left_out ==
          "services.d/web.toml:1:1: warning: description: no line of a unit file can have this value\n");
}

TEST_CASE("convert: listeners keep their order, by name where that is the order of the names, else by number") {
    const auto sockets_of = [](const char* first, const char* second) {
        const Scratch from;
        const std::string listen =
            "[[listen]]\nprotocol = \"tcp\"\naddresses = \"192.0.2.1\"\nports = {}\nname = \"{}\"\n";
        from.write("services.d/web.toml", fmt::format(fmt::runtime(listen), 80, first) +
                                              fmt::format(fmt::runtime(listen), 81, second) +
                                              "[service]\nexec_start = \"/bin/true\"\n");
        Texts seen;
        (void)load_config(SearchPath::only(from.path().string()), &seen);
        Report report;
        std::vector<std::string> names;
        for (const UnitFile& unit : to_units(*find_written(seen, "web", report), report)) names.push_back(unit.name);
        return names;
    };
    CHECK(sockets_of("http", "https") ==
          std::vector<std::string>{"web-http.socket", "web-https.socket", "web.service"});
    CHECK(sockets_of("z", "a") == std::vector<std::string>{"web-1.socket", "web-2.socket", "web.service"});
    CHECK(sockets_of("a", "b/c") == std::vector<std::string>{"web-1.socket", "web-2.socket", "web.service"});
}

namespace {

/// A service of accept with a listener for each: what it says besides its port, which is 80, 81 and so on.
std::string accepting(const std::vector<std::string>& listeners) {
    std::string text;
    for (std::size_t i = 0; i < listeners.size(); ++i)
        text += fmt::format("[[listen]]\nprotocol = \"tcp\"\naddresses = \"192.0.2.0/24\"\nports = {}\n{}", 80 + i, listeners[i]);
    return text + "[service]\nexec_start = \"/bin/cat\"\naccept = true\nmax_connections = 9\n";
}

std::string effect_without_names(const Scratch& scratch) {
    Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    for (Service& service : loaded.config.services)
        for (Listener& listener : service.listeners) listener.name.clear();
    return dump(normalized(loaded.config));
}

} // namespace

TEST_CASE("convert: listeners of one service with accept are one .socket unit, which says the same of them") {
    const Scratch from;
    from.write("services.d/web.toml", accepting({"name = \"a\"\nbacklog = 5\n", "name = \"b\"\nbacklog = 5\n"}));
    Written units;
    rewrite(from.path(), Format::unit, units);
    CHECK(units.left_out == "services.d/web.toml:11:1: warning: name: with Accept=yes the listeners of a .socket unit have one name\n");
    CHECK(effect_without_names(units.files) == effect_without_names(from));
    Written back;
    rewrite(units.files.path(), Format::toml, back);
    CHECK(back.left_out == "units/web.socket:3:1: warning: FileDescriptorName: in TOML each listener of a service has a name of its own; "
                           "this one is \"a-2\" there\n");
    CHECK(effect_without_names(back.files) == effect_without_names(from));

    const Scratch other;
    other.write("services.d/web.toml",
                accepting({"name = \"a\"\nbacklog = 5\n", "name = \"b\"\n", "name = \"c\"\nbacklog = 6\nfrom = \"10.0.0.0/8\"\n"}) +
                    "banner = \"hello\"\n");
    Written first;
    rewrite(other.path(), Format::unit, first);
    const std::string why = "left out: with Accept=yes one .socket unit has all listeners, and says the same of them; this one differs in ";
    CHECK(first.left_out == "services.d/web.toml:7:1: warning: listen: " + why + "backlog\n" +
                                "services.d/web.toml:12:1: warning: listen: " + why + "backlog, from\n");
    CHECK(first.files.load().config.services.front().listeners.size() == 1);
}

TEST_CASE("convert: what is nothing for a socket of its kind keeps no listener with accept out of the unit") {
    const Scratch from;
    from.write("services.d/web.toml", "[[listen]]\nprotocol = \"tcp\"\naddresses = \"192.0.2.1\"\nports = 80\nname = \"a\"\n"
                                      "no_delay = true\n[[listen]]\nprotocol = \"unix-stream\"\npath = \"/run/web\"\nname = \"b\"\nsocket_mode = \"0600\"\n"
                                      "[service]\nexec_start = \"/bin/cat\"\naccept = true\n");
    Written units;
    rewrite(from.path(), Format::unit, units);
    CHECK(units.left_out == "services.d/web.toml:10:1: warning: name: with Accept=yes the listeners of a .socket unit have one name\n");
    CHECK(units.files.load().config.services.front().listeners.size() == 2);
    Written back;
    rewrite(units.files.path(), Format::toml, back);
    CHECK(effect_without_names(back.files) == effect_without_names(from));
}

TEST_CASE("convert: of many listeners with accept exactly those are left out that differ from the first") {
    const std::vector<std::string> all{"backlog = 7\n", "no_delay = true\n", "from = [\"10.0.0.0/8\", \"172.16.0.0/12\"]\n",
                                       "source_rate = \"5/s\"\n", "keep_alive = true\n", "when_down = \"pass\"\n",
                                       "trigger_limit_burst = 3\n"};
    for (unsigned seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        std::vector<std::string> listeners, staying;
        for (unsigned i = 0; i < 4; ++i) {
            std::string said;
            if (i == 0 || random() % 2 == 0) {
                for (const std::string& line : all)
                    if (random() % 3 == 0) said += line;
            } else {
                said = listeners.front();
            }
            listeners.push_back(said);
        }
        Scratch from, expected;
        std::size_t left_out = 0;
        std::vector<std::string> named;
        for (std::size_t i = 0; i < listeners.size(); ++i) named.push_back(fmt::format("name = \"l{}\"\n{}", i, listeners[i]));
        from.write("services.d/web.toml", accepting(named));
        std::string kept;
        for (std::size_t i = 0; i < listeners.size(); ++i) {
            if (listeners[i] != listeners.front()) ++left_out;
            else kept += fmt::format("[[listen]]\nprotocol = \"tcp\"\naddresses = \"192.0.2.0/24\"\nports = {}\n{}", 80 + i, named[i]);
        }
        expected.write("services.d/web.toml", kept + accepting({}));
        Written units;
        rewrite(from.path(), Format::unit, units);
        std::size_t told = 0;
        for (std::size_t at = 0; (at = units.left_out.find(": listen: left out", at)) != std::string::npos; ++at) ++told;
        CHECK(told == left_out);
        CHECK(effect_without_names(units.files) == effect_without_names(expected));
    }
}
