#include "dump.h"
#include "scratch.h"

#include <sys/stat.h>

#include <doctest/doctest.h>

using namespace swathe;

TEST_CASE("loader: a service of the manual is read as it is written") {
    Scratch scratch;
    scratch.write("services.d/edge.toml", R"(description = "Edge proxy"

[[listen]]
name      = "http"
protocol  = "tcp"
addresses = ["192.0.2.0/24", "2001:db8:1::/64", "198.51.100.10-198.51.100.20"]
ports     = [443, 80, "8000-8999"]
except    = ["192.0.2.7:22"]
from      = ["203.0.113.0/24"]

[[listen]]
name = "dns"
protocol = "udp"
addresses = "192.0.2.53"
ports = "all"
interface = "eth1"
when_down = "drop"

[service]
exec_start = ["/usr/sbin/edge", "--workers", "4"]
type       = "notify"
user       = "edge"
restart    = "on-failure"
restart_sec = "100ms"
umask = "0027"
limit_nofile = "1024:infinity"
environment = { B = "2", A = "1" }
)");
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    CHECK(dump(loaded.config) == R"(daemon log_level=info control_group=swathe rule_counters=false
service edge "Edge proxy"
  listener http tcp backlog=2147483647 home=- sockets=dual when_down=queue steal=false local_routes=false
    claims 192.0.2.0/24 2001:db8:1::/64 198.51.100.10-198.51.100.20 : 80,443,8000-8999
    except 192.0.2.7 : 22
    from 203.0.113.0/24
  listener dns udp backlog=2147483647 home=- sockets=dual when_down=drop steal=false local_routes=false
    claims 192.0.2.53 : all
    interface eth1
  exec_start /usr/sbin/edge expand=false
    </usr/sbin/edge>
    <--workers>
    <4>
  activation=on-demand type=notify user=edge group=- directory=- optional=false umask=0027
  limit_nofile=1024:18446744073709551615
  environment A=<1>
  environment B=<2>
  restart=on-failure sec=100ms steps=0 max=-
  start_limit=5/10s hit=pause timeout_start=1min 30s timeout_stop=1min 30s
)");
    REQUIRE(loaded.config.services.size() == 1);
    const Service& edge = loaded.config.services.front();
    CHECK(edge.files == std::vector{scratch.path("services.d/edge.toml").string()});
    CHECK(edge.listeners[0].endpoints[0].addresses[1].pos.line == 6);
    CHECK(edge.listeners[0].endpoints[0].addresses[1].pos.column == 30);
    CHECK(edge.listeners[0].pos.line == 3);
}

TEST_CASE("loader: no directory and an empty one are configurations without services") {
    Scratch scratch;
    CHECK(scratch.load().diagnostics.empty());
    SearchPath nowhere;
    nowhere.directories = {scratch.path("nowhere").string()};
    CHECK(load_config(nowhere).diagnostics.empty());
    const Loaded asked = load_config(SearchPath::only(scratch.path("nowhere").string()));
    CHECK(lines_of(asked.diagnostics, scratch.path()) == "nowhere: configuration directory: No such file or directory\n");
}

TEST_CASE("loader: the first directory with a file of that name wins, and an empty or null one hides those behind it") {
    Scratch scratch;
    for (const char* name : {"a", "b", "c"}) scratch.write(std::string("low/services.d/") + name + ".toml", small_service("192.0.2.2"));
    scratch.write("high/services.d/a.toml", small_service("192.0.2.1"));
    scratch.write("high/services.d/b.toml", "");
    scratch.link("high/services.d/c.toml", "/dev/null");
    SearchPath path;
    path.directories = {scratch.path("high").string(), scratch.path("low").string()};
    const Loaded loaded = load_config(path);
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    REQUIRE(loaded.config.services.size() == 1);
    CHECK(loaded.config.services[0].name == "a");
    CHECK(loaded.config.services[0].listeners[0].endpoints[0].addresses[0].value.to_string() == "192.0.2.1");
}

TEST_CASE("loader: drop-ins are merged in the order of their names, first directory first, key by key") {
    Scratch scratch;
    scratch.write("low/services.d/a.toml", small_service() + "environment = { A = \"1\", B = \"1\" }\nuser = \"low\"\n");
    scratch.write("low/services.d/a.toml.d/20-x.toml", "[service]\numask = \"0077\"\nenvironment = { B = \"2\" }\n");
    scratch.write("low/services.d/a.toml.d/10-y.toml", "[service]\numask = \"0011\"\nuser = \"hidden\"\n");
    scratch.write("high/services.d/a.toml.d/10-y.toml", "[service]\numask = \"0000\"\ngroup = \"g\"\n");
    scratch.write("high/services.d/a.toml.d/ignored.conf", "rubbish");
    scratch.write("high/services.d/a.toml.d/30-l.toml",
                  "[[listen]]\nports = [81, 80]\n[[listen]]\nname = \"a\"\nbacklog = 5\n[[listen]]\nname = \"new\"\nprotocol = "
                  "\"udp\"\naddresses = \"192.0.2.9\"\nports = 53\n");
    SearchPath path;
    path.directories = {scratch.path("high").string(), scratch.path("low").string()};
    const Loaded loaded = load_config(path);
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    REQUIRE(loaded.config.services.size() == 1);
    const Service& a = loaded.config.services[0];
    CHECK(a.umask == 0077);
    CHECK(a.user->value == "low");
    CHECK(a.group->value == "g");
    CHECK(a.environment == std::vector<std::pair<std::string, std::string>>{{"A", "1"}, {"B", "2"}});
    REQUIRE(a.listeners.size() == 2);
    CHECK(a.listeners[0].name == "a");
    CHECK(a.listeners[0].backlog == 5);
    CHECK(to_string(a.listeners[0].endpoints[0].ports) == "80,81");
    CHECK(a.listeners[1].name == "new");
    CHECK(a.files.size() == 4);
}

TEST_CASE("loader: what is no regular file is refused by its name, and never waited for") {
    Scratch scratch;
    scratch.write("services.d/good.toml", small_service());
    REQUIRE(::mkfifo(scratch.path("services.d/fifo.toml").c_str(), 0600) == 0);
    std::filesystem::create_directory(scratch.path("services.d/folder.toml"));
    scratch.link("services.d/gone.toml", "nowhere");
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "services.d/fifo.toml: not a regular file\n"
                                                          "services.d/folder.toml: not a regular file\n"
                                                          "services.d/gone.toml: cannot be opened: No such file or directory\n");
    CHECK(loaded.config.services.size() == 1);
}

TEST_CASE("loader: settings of the daemon may stand in drop-ins alone, and an empty main file changes nothing about them") {
    const Scratch scratch;
    scratch.write("swathe.toml.d/20-level.toml", "log_level = \"debug\"\nrule_counters = true\n");
    scratch.write("swathe.toml.d/10-rule.toml", "log_level = \"error\"\n[[drop]]\naddresses = \"192.0.2.1\"\n[[pass]]\nprotocol = "
                                                "\"udp\"\naddresses = \"192.0.2.2\"\nports = 53\n");
    for (const char* main : {"no file", ""}) {
        if (*main == '\0') scratch.write("swathe.toml", main);
        const Loaded loaded = scratch.load();
        CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
        CHECK(dump(loaded.config) == "daemon log_level=debug control_group=swathe rule_counters=true\n"
                                     "drop tcp udp\n    claims 192.0.2.1 : all\n"
                                     "pass udp\n    claims 192.0.2.2 : 53\n");
    }
}

TEST_CASE("loader: what a syntax error repeats of the file is shown without control characters, those of Unicode included") {
    struct Case {
        const char* text;
        const char* shown;
    };
    const Case cases[] = {
        {"\xc2\x9b", "saw '\\xc2\\x9b'"}, // CSI: a terminal would obey
        {"\xc3\xa9", "saw '\xc3\xa9'"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.shown);
        Scratch scratch;
        scratch.write("services.d/a.toml", c.text);
        const std::string said = lines_of(scratch.load().diagnostics, scratch.path());
        CAPTURE(said);
        CHECK(said.find(c.shown) != std::string::npos);
    }
}
