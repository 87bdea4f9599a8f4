#include "config/limits.h"
#include "config/validate.h"
#include "scratch.h"

#include <fmt/format.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

/// The diagnostics of a service with these files, as lines.
std::string problems(const Scratch& scratch) { return lines_of(scratch.load().diagnostics, scratch.path()); }

/// Writes a valid service whose [service] table has `line`, too, and returns its diagnostics.
std::string with_service_line(std::string_view line) {
    const Scratch scratch;
    scratch.write("services.d/a.toml", small_service() + std::string(line) + "\n");
    return problems(scratch);
}

std::string with_listen_line(std::string_view line) {
    const Scratch scratch;
    scratch.write(
        "services.d/a.toml",
        fmt::format("[[listen]]\n{}\nprotocol = \"tcp\"\naddresses = \"192.0.2.1\"\nports = 80\n[service]\nexec_start = \"/bin/true\"\n",
                    line));
    return problems(scratch);
}

std::string list_of(std::size_t count, std::string_view item) {
    std::string text = "[";
    for (std::size_t i = 0; i < count; ++i) text += fmt::format("\"{}\",", item);
    return text + "]";
}

std::string table_of(std::size_t variables) {
    std::string text = "environment = {";
    for (std::size_t i = 0; i < variables; ++i) text += fmt::format("{} V{} = \"\"", i == 0 ? "" : ",", i);
    return text + " }";
}

} // namespace

TEST_CASE("limits: a file of 16 MiB is read, one byte more is refused") {
    const Scratch scratch;
    std::string text = small_service() + "#";
    text.resize(limits::kFileBytes, 'x');
    scratch.write("services.d/a.toml", text);
    CHECK(problems(scratch) == "");
    scratch.write("services.d/a.toml", text + "x");
    CHECK(problems(scratch) == "services.d/a.toml: larger than 16777216 bytes\n");
}

TEST_CASE("limits: a key of 16 parts is read, one of 17 is refused, however it is written; a megabyte of them, too") {
    const std::string sixteen = "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a";
    const auto refused_as_deep = [](const std::string& text) {
        const Scratch scratch;
        scratch.write("services.d/a.toml", text);
        return problems(scratch).find("a key of more than 16 parts") != std::string::npos;
    };
    CHECK_FALSE(refused_as_deep(sixteen + " = 1"));
    CHECK(refused_as_deep(sixteen + ".a = 1"));
    CHECK(refused_as_deep("[" + sixteen + ".a]"));
    CHECK(refused_as_deep("x = { " + sixteen + " . \"a\" = 1 }"));
    CHECK(refused_as_deep("x = \"\"\"\n\"\"\"\ny = '''\\'''\n" + sixteen + ".'a.b' = 1"));
    CHECK_FALSE(refused_as_deep("x = \"" + sixteen + ".a\" # " + sixteen + ".a"));
    CHECK_FALSE(refused_as_deep("x = '''\n" + sixteen + ".a'''\ny = \"\\\"" + sixteen + ".a\"\n"));
    std::string megabyte = "a";
    while (megabyte.size() < (1U << 20)) megabyte += ".a";
    CHECK(refused_as_deep(megabyte + " = 1"));
}

TEST_CASE("limits: nested values are refused before the stack ends") {
    const Scratch scratch;
    scratch.write("services.d/a.toml", "x = " + std::string(1U << 20, '['));
    CHECK(problems(scratch).find("nested value depth") != std::string::npos);
}

TEST_CASE("limits: names") {
    const Scratch scratch;
    scratch.write("services.d/" + std::string(limits::kServiceNameBytes, 'a') + ".toml", small_service());
    CHECK(problems(scratch) == "");
    scratch.write("services.d/" + std::string(limits::kServiceNameBytes + 1, 'a') + ".toml", small_service());
    CHECK(problems(scratch).find("the service's name is longer than 247 bytes") != std::string::npos);

    CHECK(with_listen_line("name = \"" + std::string(255, 'n') + "\"") == "");
    CHECK(with_listen_line("name = \"" + std::string(256, 'n') + "\"").find("1 to 255 bytes") != std::string::npos);
    CHECK(with_listen_line("interface = \"" + std::string(15, 'n') + "\"") == "");
    CHECK(with_listen_line("netns = \"" + std::string(255, 'n') + "\"") == "");
    CHECK(with_listen_line("netns = \"" + std::string(256, 'n') + "\"").find("neither the name of a network namespace") !=
          std::string::npos);
    CHECK(with_listen_line("interface = \"" + std::string(16, 'n') + "\"").find("is no interface name") != std::string::npos);
    CHECK(with_service_line("user = \"" + std::string(31, 'n') + "\"") == "");
    CHECK(with_service_line("user = \"" + std::string(32, 'n') + "\"").find("is no user or group name") != std::string::npos);
    CHECK(with_service_line("user = 65534") == "");
    CHECK(with_service_line("user = 65535").find("is no user or group number") != std::string::npos);
    CHECK(with_service_line("user = 4294967294") == "");
    CHECK(with_service_line("user = -1").find("is no user or group") != std::string::npos);
}

TEST_CASE("limits: numbers, texts and lists of a service") {
    CHECK(with_service_line("restart_steps = 2147483647\nrestart_max_delay_sec = \"1s\"") == "");
    CHECK(with_service_line("restart_steps = 2147483648").find("from 0 to 2147483647") != std::string::npos);
    CHECK(with_listen_line("backlog = 4294967295") == "");
    CHECK(with_listen_line("backlog = 4294967296").find("from 0 to 4294967295") != std::string::npos);
    CHECK(with_service_line(table_of(limits::kEnvironment)) == "");
    CHECK(with_service_line(table_of(limits::kEnvironment + 1)).find("more than 1024 variables") != std::string::npos);
    CHECK(with_service_line("environment = { A = \"" + std::string(limits::kWordBytes - 2, 'x') + "\" }") == "");
    CHECK(
        with_service_line("environment = { A = \"" + std::string(limits::kWordBytes - 1, 'x') + "\" }").find("longer than 131071 bytes") !=
        std::string::npos);
    CHECK(with_service_line("working_directory = \"/" + std::string(limits::kPathBytes - 1, 'x') + "\"") == "");
    CHECK(with_service_line("working_directory = \"/" + std::string(limits::kPathBytes, 'x') + "\"").find("longer than 4095 bytes") !=
          std::string::npos);
    const auto described = [](std::size_t size) {
        const Scratch scratch;
        scratch.write("services.d/a.toml", "description = \"" + std::string(size, 'x') + "\"\n" + small_service());
        return problems(scratch);
    };
    CHECK(described(limits::kDescriptionBytes) == "");
    CHECK(described(limits::kDescriptionBytes + 1).find("longer than 1024 bytes") != std::string::npos);
}

TEST_CASE("limits: 1 to 256 workers") {
    CHECK(with_service_line("workers = 1") == "");
    CHECK(with_service_line("workers = 256") == "");
    CHECK(with_service_line("workers = 257") == "services.d/a.toml:7:11: workers: expected an integer from 1 to 256\n");
    CHECK(with_service_line("workers = 0") == "services.d/a.toml:7:11: workers: expected an integer from 1 to 256\n");
}

TEST_CASE("limits: 256 commands of a key, however they are written") {
    const auto listed = [](std::size_t count) {
        std::string text = "exec_stop = [";
        for (std::size_t i = 0; i < count; ++i) text += "[\"a\"],";
        return with_service_line(text + "]");
    };
    const auto in_a_line = [](std::size_t count) {
        std::string text = "exec_stop = \"";
        for (std::size_t i = 0; i < count; ++i) text += "a ; ";
        return with_service_line(text + "\"");
    };
    CHECK(listed(limits::kCommands) == "");
    CHECK(listed(limits::kCommands + 1).find("exec_stop: more than 256 commands") != std::string::npos);
    CHECK(in_a_line(limits::kCommands) == "");
    CHECK(in_a_line(limits::kCommands + 1).find("exec_stop: more than 256 commands") != std::string::npos);
}

TEST_CASE("limits: 1024 services that a key names, and the length of pid_file") {
    const auto named = [](std::size_t count) {
        const Scratch scratch;
        scratch.write("services.d/b.toml", small_service("192.0.2.2"));
        std::string text = small_service() + "wants = [";
        for (std::size_t i = 0; i < count; ++i) text += "\"b\",";
        scratch.write("services.d/a.toml", text + "]\n");
        return problems(scratch);
    };
    CHECK(named(limits::kServiceNames) == "");
    CHECK(named(limits::kServiceNames + 1).find("wants: more than 1024 services") != std::string::npos);
    const auto pid_file = [](std::size_t size) {
        return with_service_line("type = \"forking\"\npid_file = \"/" + std::string(size - 1, 'x') + "\"");
    };
    CHECK(pid_file(limits::kPathBytes) == "");
    CHECK(pid_file(limits::kPathBytes + 1).find("longer than 4095 bytes") != std::string::npos);
}

TEST_CASE("limits: as many listener sockets as the dispatcher has slots; split ones count twice") {
    const auto with_listeners = [](std::size_t count, std::string_view last) {
        const Scratch scratch;
        std::string text;
        for (std::size_t i = 1; i < count; ++i)
            text += fmt::format("[[listen]]\nname=\"{}\"\nprotocol=\"tcp\"\naddresses=\"192.0.2.1\"\nports={}\n", i, i % 65535 + 1);
        text += fmt::format("[[listen]]\nname=\"last\"\nprotocol=\"udp\"\naddresses=[\"192.0.2.1\",\"2001:db8::1\"]\nports=1\n{}\n[service]"
                            "\nexec_start=\"x\"\n",
                            last);
        scratch.write("services.d/a.toml", text);
        return problems(scratch);
    };
    CHECK(with_listeners(limits::kListenerSockets, "") == "");
    CHECK(with_listeners(limits::kListenerSockets, "family_sockets = \"split\"").find("more than 65536 listener sockets in all") !=
          std::string::npos);
    CHECK(with_listeners(limits::kListenerSockets + 1, "").find("more than 65536 listener sockets in all") != std::string::npos);
}

TEST_CASE("limits: address ranges are counted over all services and rules, with holes and guards") {
    const Scratch scratch;
    scratch.write("swathe.toml",
                  "[[drop]]\naddresses = [\"192.0.2.1\", \"192.0.2.2\"]\nexcept = [\"192.0.2.3\"]\nfrom = [\"203.0.113.1\"]\n");
    scratch.write("services.d/a.toml", "[[listen]]\nprotocol = \"tcp\"\naddresses = [\"192.0.2.1\"]\nexcept = [\"22\"]\nfrom = "
                                       "\"203.0.113.1\"\nports = 1\n[service]\nexec_start = \"x\"\n");
    const Config config = scratch.load().config;
    constexpr std::size_t kHere = 4 + 4; // the hole "22" is one for each family
    Report report;
    validate(config, report, kHere);
    CHECK(report.take().empty());
    validate(config, report, kHere - 1);
    CHECK(lines_of(report.take(), scratch.path()) == "services.d/a.toml:1:1: more than 7 address ranges in all\n");
    validate(config, report, 3);
    CHECK(lines_of(report.take(), scratch.path()) == "swathe.toml:1:1: more than 3 address ranges in all\n");
}

TEST_CASE("limits: 1024 supplementary groups, and not one more") {
    const auto groups = [](std::size_t count) {
        const Scratch scratch;
        std::string text = small_service() + "supplementary_groups = [";
        for (std::size_t i = 0; i < count; ++i) text += fmt::format("{},", i);
        scratch.write("services.d/a.toml", text + "]\n");
        return scratch.load();
    };
    const Loaded most = groups(limits::kAccounts);
    CHECK(most.diagnostics.empty());
    CHECK(most.config.services.at(0).supplementary_groups.size() == limits::kAccounts);
    const Loaded more = groups(limits::kAccounts + 1);
    REQUIRE(more.diagnostics.size() == 1);
    CHECK(more.diagnostics[0].error.message.find("supplementary_groups: more than 1024 of them") != std::string::npos);
}

TEST_CASE("limits: 64 own directories of each kind, processors below 8192") {
    const auto directories = [](std::size_t count) {
        std::string line = "runtime_directory = [";
        for (std::size_t i = 0; i < count; ++i) line += fmt::format("\"d{}\",", i);
        return line + "]";
    };
    CHECK(with_service_line(directories(limits::kOwnDirectories)) == "");
    CHECK(with_service_line(directories(limits::kOwnDirectories + 1)).find("runtime_directory: more than 64 directories") !=
          std::string::npos);
    CHECK(with_service_line("cpu_affinity = \"0-8191\"") == "");
    CHECK(with_service_line("cpu_affinity = 8192").find("cpu_affinity: \"8192\": expected processors such as \"0-3,5\", below 8192") !=
          std::string::npos);
    CHECK(with_service_line("runtime_directory = \"" + std::string(255, 'a') + "\"") == "");
    CHECK(with_service_line("runtime_directory = \"" + std::string(256, 'a') + "\"").find("has a name of more than 255 bytes") !=
          std::string::npos);
}

TEST_CASE("limits: 64 environment files, and paths of 4095 bytes") {
    const auto files = [](std::size_t count, std::size_t length) {
        std::string line = "environment_file = [";
        for (std::size_t i = 0; i < count; ++i) line += '"' + std::string("-/") + std::string(length - 1, 'a') + "\",";
        return line + "]";
    };
    const auto told = [](const std::string& line) {
        const Scratch scratch;
        scratch.write("services.d/a.toml", small_service() + line + "\n");
        return lines_of(scratch.load().diagnostics, scratch.path());
    };
    CHECK(told(files(limits::kEnvironmentFiles, 5)) == "");
    CHECK(told(files(limits::kEnvironmentFiles + 1, 5)).find("environment_file: more than 64 files") != std::string::npos);
    CHECK(told(files(1, limits::kPathBytes)) == "");
    CHECK(told(files(1, limits::kPathBytes + 1)).find("environment_file: longer than 4095 bytes") != std::string::npos);
}

TEST_CASE("limits: after a thousand errors, or warnings, the rest is only counted as there") {
    const auto errors = [](std::size_t count) {
        const Scratch scratch;
        std::string text = small_service();
        for (std::size_t i = 0; i < count; ++i) text += fmt::format("x{} = 1\n", i);
        scratch.write("services.d/a.toml", text);
        return scratch.load().diagnostics;
    };
    CHECK(errors(limits::kDiagnostics).size() == limits::kDiagnostics);
    REQUIRE(errors(limits::kDiagnostics + 1).size() == limits::kDiagnostics + 1);
    CHECK(errors(limits::kDiagnostics + 1).back().to_string() == "more than 1000 errors; the rest is not shown");

    const auto warnings = [](std::size_t count) {
        const Scratch scratch;
        std::string text = "[Service]\nExecStart=/bin/true\n";
        for (std::size_t i = 0; i < count; ++i) text += fmt::format("Unknown{}=1\n", i);
        scratch.write("units/a.socket", "[Socket]\nListenStream=192.0.2.1:1\n");
        scratch.write("units/a.service", text);
        return scratch.load();
    };
    CHECK(warnings(limits::kDiagnostics).diagnostics.size() == limits::kDiagnostics);
    const Loaded many = warnings(limits::kDiagnostics + 1);
    CHECK(many.diagnostics.back().to_string() == "warning: more than 1000 warnings; the rest is not shown");
    CHECK_FALSE(has_errors(many.diagnostics)); // however many warnings, they refuse nothing
    CHECK(many.config.services.size() == 1);
}

TEST_CASE("limits: 256 conditions and assertions of a service, and the length of a path in one") {
    const auto with = [](std::size_t conditions, std::size_t assertions) {
        return with_service_line("condition_path_exists = " + list_of(conditions, "/srv") +
                                 "\nassert_path_exists = " + list_of(assertions, "!/x"));
    };
    CHECK(with(limits::kConditions - 6, 6) == "");
    CHECK(with(limits::kConditions - 6, 7).find("assert_path_exists: more than 256 conditions and assertions") != std::string::npos);
    CHECK(with_service_line("condition_path_exists = \"" + std::string(limits::kPathBytes, '/') + "\"") == "");
    CHECK(
        with_service_line("condition_path_exists = \"" + std::string(limits::kPathBytes + 1, '/') + "\"").find("longer than 4095 bytes") !=
        std::string::npos);
}

TEST_CASE("limits: paths and system calls of a sandbox") {
    for (const std::string key : {"read_only_paths = ", "read_write_paths = ", "inaccessible_paths = "}) {
        CHECK(with_service_line(key + list_of(limits::kSandboxPaths, "/srv")) == "");
        CHECK(with_service_line(key + list_of(limits::kSandboxPaths + 1, "/srv")).find("more than 256 paths") != std::string::npos);
        CHECK(with_service_line(key + "\"" + std::string(limits::kPathBytes, '/') + "\"") == "");
        CHECK(with_service_line(key + "\"" + std::string(limits::kPathBytes + 1, '/') + "\"").find("longer than 4095 bytes") !=
              std::string::npos);
    }
    CHECK(with_service_line("system_call_filter = " + list_of(limits::kSystemCalls / 2, "read @mount")) == "");
    CHECK(with_service_line("system_call_filter = " + list_of(limits::kSystemCalls / 2 + 1, "read @mount"))
              .find("more than 2048 system calls and groups") != std::string::npos);
}

TEST_CASE("limits: rates, bursts, parts of the day, banners and loads") {
    const auto accepting = [](const std::string& line) { return with_service_line("accept = true\n" + line); };
    for (const char* rate : {"1000000/s", "1/1ms", "1/1d", "1/h"}) CHECK(with_listen_line(fmt::format("source_rate = \"{}\"", rate)) == "");
    for (const char* rate : {"1000001/s", "0/s", "-1/s", "1/999us", "1/25h", "1/0", "1/infinity", "1", "/s", "1/"})
        CHECK(with_listen_line(fmt::format("connection_rate = \"{}\"", rate)).find("expected a rate such as") != std::string::npos);
    CHECK(with_listen_line("source_rate = \"1/s\"\nsource_burst = 1000000") == "");
    CHECK(with_listen_line("source_rate = \"1/s\"\nsource_burst = 1000001") != "");
    CHECK(accepting("access_times = " + list_of(limits::kDayTimes, "0:00-24:00")) == "");
    CHECK(accepting("access_times = " + list_of(limits::kDayTimes + 1, "0:00-24:00")).find("more than 64 of them") != std::string::npos);
    CHECK(accepting(fmt::format("banner = \"{}\"", std::string(limits::kBannerBytes, 'x'))) == "");
    CHECK(accepting(fmt::format("banner = \"{}\"", std::string(limits::kBannerBytes + 1, 'x'))).find("longer than 4096 bytes") !=
          std::string::npos);
    for (const char* load : {"0.01", "1000000", "1e6"}) CHECK(accepting(fmt::format("max_load = {}", load)) == "");
    for (const char* load : {"0.009", "1000000.5", "nan", "inf", "-1"})
        CHECK(accepting(fmt::format("max_load = {}", load)).find("expected a load average from 0.01 to 1000000") != std::string::npos);
}

TEST_CASE("limits: a UNIX socket's path of 107 bytes, 64 links to it; a socket's buffer below 1 GiB") {
    const auto with_path = [](std::size_t bytes, const std::string& more = "") {
        const Scratch scratch;
        scratch.write("services.d/a.toml",
                      fmt::format("[[listen]]\nprotocol = \"unix-stream\"\npath = \"/{}\"\n{}\n[service]\nexec_start = \"/bin/true\"\n",
                                  std::string(bytes - 1, 'x'), more));
        return problems(scratch);
    };
    CHECK(with_path(limits::kUnixPathBytes) == "");
    CHECK(with_path(limits::kUnixPathBytes + 1).find("path: longer than 107 bytes") != std::string::npos);
    CHECK(with_path(9, "symlinks = " + list_of(limits::kSymlinks, "/run/x")) == "");
    CHECK(with_path(9, "symlinks = " + list_of(limits::kSymlinks + 1, "/run/x")).find("symlinks: more than 64 of them") !=
          std::string::npos);
    CHECK(with_path(9, "symlinks = \"/" + std::string(limits::kPathBytes - 1, 'x') + "\"") == "");
    CHECK(with_path(9, "symlinks = \"/" + std::string(limits::kPathBytes, 'x') + "\"").find("longer than 4095 bytes") != std::string::npos);
    CHECK(with_listen_line("receive_buffer = 1073741823\nsend_buffer = 1073741823") == "");
    CHECK(with_listen_line("receive_buffer = 0\nsend_buffer = \"0\"") == "");
    CHECK(with_listen_line("receive_buffer = \"1G\"").find("receive_buffer: more than 1073741823 bytes") != std::string::npos);
    CHECK(with_listen_line("tcp_congestion = \"" + std::string(limits::kCongestionBytes, 'x') + "\"") == "");
    CHECK(with_listen_line("tcp_congestion = \"" + std::string(limits::kCongestionBytes + 1, 'x') + "\"")
              .find("is no name of a congestion") != std::string::npos);
}

TEST_CASE("limits: a unit of a hundred thousand lines is read, one of 100 MB is refused before it is read") {
    const Scratch scratch;
    std::string text = "[Service]\nExecStart=/bin/true\n";
    for (int i = 0; i < 100000; ++i) text += fmt::format("X-Line{}=value\n", i);
    scratch.write("units/a.socket", "[Socket]\nListenStream=192.0.2.1:80\n");
    scratch.write("units/a.service", text);
    CHECK(problems(scratch) == "");
    std::string unknown = "[Service]\nExecStart=/bin/true\n";
    for (int i = 0; i < 100000; ++i) unknown += "Unheard=1\n";
    scratch.write("units/a.service", unknown); // says so a thousand times, and that it said no more
    const Diagnostics said = scratch.load().diagnostics;
    CHECK(said.size() == limits::kDiagnostics + 1);
    std::string mixed = "[Service]\nExecStart=/bin/true\n"; // what is replaced, or taken back, is not looked for in all that came before
    for (int i = 0; i < 50000; ++i) mixed += "ReadOnlyPaths=/x\n";
    for (int i = 0; i < 25000; ++i) mixed += "Nice=1\nEnvironment=\n";
    scratch.write("units/a.service", mixed + "ReadOnlyPaths=\n");
    CHECK(problems(scratch) == "");
    scratch.write("units/a.service", "");
    std::filesystem::resize_file(scratch.path("units/a.service"), 100'000'000); // a hole: takes no room
    CHECK(problems(scratch) == "units/a.service: larger than 16777216 bytes\n");
}
