#include "config/directives.h"
#include "config/limits.h"
#include "scratch.h"

#include <fstream>
#include <map>
#include <set>

#include <fmt/format.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

std::vector<std::string> manual_lines() {
    std::ifstream file(std::filesystem::path(SWATHE_TEST_DATA).parent_path() / "man" / "swathe.toml.5");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

/// The section of the manual that has a scope's keys.
const std::map<std::string, Scope> kSections{
    {".Sh SETTINGS OF THE DAEMON", Scope::daemon}, {".Ss Rules", Scope::rule},      {".Ss Top level", Scope::file},
    {".Ss Listeners", Scope::listen},              {".Ss Service", Scope::service}, {".Ss Units only", Scope::socket_unit},
};

/// The lines that an entry begins with.
std::vector<std::string> facts_of(const Directive& d) {
    std::vector<std::string> facts{fmt::format("Type: {}.", to_string(d.type)), fmt::format("Default: {}.", d.default_text.empty() ? "required" : d.default_text)};
    if (d.choices != nullptr) facts.push_back(fmt::format("Words: {}.", fmt::join(d.choices(), ", ")));
    if (!d.unit_key.empty() && d.unit_key != d.name()) facts.push_back(fmt::format("Unit files: [{}] {}=.", d.unit_section, d.unit_key));
    return facts;
}

using Key = std::pair<Scope, std::string>;

/// Each ".It Ic KEY" of a section with keys, and the lines that follow it.
std::map<Key, std::vector<std::string>> entries_of(const std::vector<std::string>& lines) {
    constexpr std::string_view kItem = ".It Ic ";
    std::map<Key, std::vector<std::string>> entries;
    const Scope* scope = nullptr;
    std::vector<std::string>* entry = nullptr;
    for (const std::string& line : lines) {
        if (line.rfind(".S", 0) == 0 && (line.rfind(".Sh ", 0) == 0 || line.rfind(".Ss ", 0) == 0)) {
            const auto section = kSections.find(line);
            scope = section == kSections.end() ? nullptr : &section->second;
        }
        if (line.rfind(kItem, 0) == 0 && scope != nullptr) entry = &entries[{*scope, line.substr(kItem.size())}];
        else if (line.rfind(".El", 0) == 0) entry = nullptr;
        else if (entry != nullptr) entry->push_back(line);
    }
    return entries;
}

} // namespace

TEST_CASE("manual: every directive has its entry with type, default and counterpart, and no other entry is there") {
    const auto entries = entries_of(manual_lines());
    std::set<Key> known;
    for (const Directive& d : directives()) {
        const Key key{d.scope, std::string(d.name())};
        CAPTURE(key.second);
        known.insert(key);
        const auto entry = entries.find(key);
        REQUIRE(entry != entries.end());
        const auto facts = facts_of(d);
        REQUIRE(entry->second.size() > facts.size()); // and something is said about it
        CHECK(std::vector(entry->second.begin(), entry->second.begin() + static_cast<std::ptrdiff_t>(facts.size())) == facts);
    }
    for (const auto& [key, lines] : entries) {
        const Key there = key; // a lambda of CAPTURE cannot take a structured binding
        CAPTURE(there.second);
        CHECK(known.count(there) == 1);
    }
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
    const auto lines = manual_lines();
    std::map<std::string, std::int64_t> found;
    auto line = std::find(lines.begin(), lines.end(), ".Sh LIMITS");
    for (; line != lines.end() && *line != ".El"; ++line) {
        const std::size_t column = line->find(" Ta ");
        if (line->rfind(".It ", 0) == 0 && column != line->npos) found.emplace(line->substr(4, column - 4), std::stoll(line->substr(column + 4)));
    }
    CHECK(found == expected);
}

TEST_CASE("manual: its examples are valid") {
    const Scratch toml;
    const Scratch units;
    std::size_t files = 0;
    std::string path;
    std::string text;
    const auto finish = [&] {
        if (!path.empty()) (path.rfind("units/", 0) == 0 ? units : toml).write(path, text), ++files;
        path.clear();
        text.clear();
    };
    constexpr std::string_view kOpening = "# /etc/swathe/";
    for (const std::string& line : manual_lines()) {
        if (line.rfind(kOpening, 0) == 0) {
            finish();
            path = line.substr(kOpening.size());
        } else if (line == ".Ed") {
            finish();
        } else {
            text += line + "\n";
        }
    }
    CHECK(files == 5);
    CHECK(lines_of(toml.load().diagnostics, toml.path()) == "");
    CHECK(lines_of(units.load().diagnostics, units.path()) == "");
    CHECK(toml.load().config.services.size() == 1);
    CHECK(toml.load().config.rules.size() == 1);
    CHECK(units.load().config.services.size() == 1);
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
