#include "config/limits.h"
#include "manual.h"
#include "scratch.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include <doctest/doctest.h>

using namespace swathe;

TEST_CASE("manual: every directive has its entry with place, type, default and counterpart, and no other entry is there") {
    const auto entries = manual_entries();
    for (const Directive& d : directives()) {
        const ManualEntry& entry = entry_of(entries, d);
        CAPTURE(entry.key);
        auto expected = facts_of(d);
        expected.emplace_back(".Pp");
        const auto count = static_cast<std::ptrdiff_t>(expected.size());
        REQUIRE(entry.lines.size() > expected.size() + 1); // and something is said about it, behind which comes .Pp
        CHECK(std::vector(entry.lines.begin(), entry.lines.begin() + count) == expected);
    }
    CHECK(entries.size() == directives().size());
}

TEST_CASE("manual: every limit is given as it is") {
    const std::map<std::string, std::int64_t> expected{
        {"Bytes of a file", limits::kFileBytes},
        {"Bytes of a line of a unit, continued lines joined", limits::kLineBytes},
        {"Bytes of it, or of a text in TOML, with specifiers replaced", limits::kLineBytes},
        {"Parts of a key in TOML", limits::kKeyParts},
        {"Bytes of the name of a service", limits::kServiceNameBytes},
        {"Bytes of the name of a listener", limits::kListenerNameBytes},
        {"Listener sockets of all services", limits::kListenerSockets},
        {"Address ranges of all services and rules", limits::kAddresses},
        {"Bytes of a file of addresses", limits::kAddressFileBytes},
        {"Lines of a file of addresses", limits::kAddressFileLines},
        {"Bytes of a line of a file of addresses", limits::kAddressLineBytes},
        {"Errors of a file of addresses", limits::kAddressFileErrors},
        {"Variables in the environment of a service", limits::kEnvironment},
        {"Words of a command line", limits::kArguments},
        {"Commands of a key", limits::kCommands},
        {"Services that a key names", limits::kServiceNames},
        {"Conditions and assertions of a service", limits::kConditions},
        {"Workers of a service", limits::kWorkers},
        {"Bytes of a word or variable", limits::kWordBytes},
        {"Bytes of a path", limits::kPathBytes},
        {"Bytes of the name of a network namespace", limits::kFileNameBytes},
        {"Bytes of the path of a UNIX socket", limits::kUnixPathBytes},
        {"Symbolic links of a listener", limits::kSymlinks},
        {"Bytes of a socket's buffer", limits::kSocketBufferBytes},
        {"Bytes of the name of a congestion control algorithm", limits::kCongestionBytes},
        {"Bytes of a description", limits::kDescriptionBytes},
        {"Bytes of the name of an interface", limits::kInterfaceNameBytes},
        {"Bytes of the name of a user or group", limits::kUserNameBytes},
        {"Environment files of a service", limits::kEnvironmentFiles},
        {"Paths of a service for each kind of protection", limits::kSandboxPaths},
        {"System calls and groups of a filter", limits::kSystemCalls},
        {"Supplementary groups of a service", limits::kAccounts},
        {"Largest weight", limits::kWeight},
        {"Largest cpu_quota in percent", limits::kCpuQuotaPercent},
        {"Bytes of log_ring_bytes", limits::kLogRingBytes},
        {"Own directories of one kind of a service", limits::kOwnDirectories},
        {"Number of a processor, and one more", limits::kProcessors},
        {"Connections of a rate, and of its burst", limits::kRate},
        {"Parts of the day of access_times", limits::kDayTimes},
        {"Bytes of a banner", limits::kBannerBytes},
        {"Largest max_load", static_cast<std::int64_t>(limits::kLoad)},
        {"Largest number of things", limits::kCount},
        {"Errors shown, and warnings", limits::kDiagnostics},
    };
    const auto lines = manual_lines(kServicePage);
    std::map<std::string, std::int64_t> found;
    auto line = std::find(lines.begin(), lines.end(), ".Sh LIMITS");
    for (; line != lines.end() && *line != ".El"; ++line) {
        const std::size_t column = line->find(" Ta ");
        if (line->rfind(".It ", 0) == 0 && column != line->npos)
            found.emplace(line->substr(4, column - 4), std::stoll(line->substr(column + 4)));
    }
    CHECK(found == expected);
}

TEST_CASE("manual: its examples of whole files are valid") {
    const Scratch toml;
    const Scratch units;
    const Scratch beside;
    beside.write("systemd/web.socket", "[Socket]\nListenStream=80\n");
    std::size_t files = 0;
    std::string path;
    std::string text;
    const auto finish = [&] {
        if (path.starts_with("systemd/system/")) beside.write("systemd/" + path.substr(15), text), ++files;
        else if (path.starts_with("swathe/units/")) units.write(path.substr(7), text), ++files;
        else if (path.starts_with("swathe/")) toml.write(path.substr(7), text), ++files;
        path.clear();
        text.clear();
    };
    constexpr std::string_view kOpening = "# /etc/";
    for (const std::string_view page : {kTomlPage, kServicePage})
        for (const std::string& line : manual_lines(page)) {
            if (line.rfind(kOpening, 0) == 0) {
                finish();
                path = line.substr(kOpening.size());
            } else if (line == ".Ed") {
                finish();
            } else {
                text += line + "\n";
            }
        }
    CHECK(files == 7);
    for (const Scratch* scratch : {&toml, &units, &beside}) {
        CHECK(lines_of(scratch->load().diagnostics, scratch->path()) == "");
        CHECK(scratch->load().config.services.size() == 1);
    }
    CHECK(toml.load().config.rules.size() == 1);
}

TEST_CASE("examples: every configuration in units/examples is valid, without a warning") {
    const auto examples = std::filesystem::path(SWATHE_TEST_DATA).parent_path() / "units" / "examples";
    if (!std::filesystem::exists(examples)) return; // they come with the packaging
    std::size_t services = 0;
    for (const auto& folder : std::filesystem::directory_iterator(examples)) {
        if (!folder.is_directory()) continue;
        const Loaded loaded = load_config(SearchPath::only(folder.path().string()));
        CHECK(lines_of(loaded.diagnostics, examples) == "");
        services += loaded.config.services.size();
    }
    CHECK(services > 0);
}
