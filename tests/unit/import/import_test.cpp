#include "../config/scratch.h"
#include "config/files.h"
#include "config/write_toml.h"
#include "import/inetd.h"
#include "import/tubular.h"
#include "import/xinetd.h"

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include <doctest/doctest.h>

using namespace swathe;
namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// services(5), as far as the samples need it.
std::optional<std::uint16_t> port_of(const std::string& service, std::string_view protocol) {
    static const std::map<std::string, std::uint16_t> kPorts{
        {"amanda", 10080}, {"chargen", 19},  {"dict", 2628},        {"discard", 9}, {"echo", 7},       {"finger", 79}, {"ftp", 21},
        {"ident", 113},    {"login", 513},   {"kerberos-adm", 749}, {"nntp", 119},  {"ntalk", 518},    {"pop3", 110},  {"poppassd", 106},
        {"printer", 515},  {"remctl", 4373}, {"saft", 487},         {"shell", 514}, {"skkserv", 1178}, {"talk", 517},  {"telnet", 23},
        {"tfido", 60177},  {"tftp", 69},     {"time", 37},          {"xtel", 1313}, {"rmtcfg", 1236}};
    if (service == "tftp" && protocol == "tcp") return std::nullopt;
    const auto found = kPorts.find(service);
    return found == kPorts.end() ? std::nullopt : std::optional(found->second);
}

std::vector<XinetdText> xinetd_files(const fs::path& folder, Report& report) {
    std::vector<XinetdText> files{parse_xinetd(text_of(folder / "input"), SourceFile((folder / "input").string()), report)};
    for (const XinetdText::Include& include : files.front().includes)
        for (const DirectoryEntry& entry : entries_in((folder / include.path).string(), report))
            if (entry.name.find('.') == entry.name.npos)
                files.push_back(parse_xinetd(text_of(folder / include.path / entry.name),
                                             SourceFile((folder / include.path / entry.name).string()), report));
    return files;
}

std::vector<WrittenService> imported(const fs::path& folder, Report& report) {
    const std::string name = folder.filename().string();
    const SourceFile file((folder / "input").string());
    if (name.starts_with("inetd")) return import_inetd(text_of(folder / "input"), file, port_of, report);
    if (name.starts_with("xinetd")) return import_xinetd(xinetd_files(folder, report), port_of, report);
    return import_tubular(text_of(folder / "input"), file, report);
}

std::string told(std::string_view text, bool xinetd) {
    Report report;
    const SourceFile file("input");
    if (xinetd)
        (void)parse_xinetd(text, file, report);
    else
        (void)import_tubular(text, file, report);
    return lines_of(report.take(), fs::path("/"));
}

} // namespace

// SWATHE_UPDATE_GOLDEN=1 in the environment writes the files anew instead: read the difference before you commit it.
TEST_CASE("import: each sample becomes exactly these files, which load, and these lines say what was left out") {
    const bool update = std::getenv("SWATHE_UPDATE_GOLDEN") != nullptr;
    std::size_t samples = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(SWATHE_TEST_DATA) / "import")) {
        const fs::path& folder = entry.path();
        CAPTURE(folder.filename().string());
        ++samples;
        Report report;
        const Scratch made;
        std::string files;
        for (const WrittenService& service : imported(folder, report)) {
            const std::string text = to_toml(service);
            made.write("services.d/" + service.name + ".toml", text);
            files += fmt::format("\n# {}.toml\n{}", service.name, text);
        }
        const std::string result = lines_of(report.take(), folder) + files;
        if (update) std::ofstream(folder / "expected", std::ios::binary) << result;
        CHECK(result == text_of(folder / "expected"));
        CHECK(lines_of(made.load().diagnostics, made.path()) == "");
        CHECK_FALSE(made.load().config.services.empty());
    }
    CHECK(samples == 6);
}

TEST_CASE("import: what is no configuration of xinetd is told with its line") {
    CHECK(told("service ftp\nwait = no\n", true) == "input:2: expected \"{\"\n");
    CHECK(told("service ftp\n{\n\twait no\n}\n}\n", true) ==
          "input:3: expected ATTRIBUTE = VALUE...\ninput:5: expected a service, defaults, include or includedir\n");
    CHECK(told("service ftp\n{\n\twait = no\n", true) == "input:1: the section is not closed\n");
    CHECK(told("defaults ftp\n", true) == "input:1: expected a service, defaults, include or includedir\n");
}

TEST_CASE("import: what is no binding of tubular is an error") {
    CHECK(told("{ \"bindings\": 7 }", false) == "input: expected JSON with a list \"bindings\"\n");
    CHECK(told("{ \"bindings\": [", false) == "input: expected JSON with a list \"bindings\"\n");
    CHECK(told("{ \"bindings\": [7, {\"label\": \"\", \"prefix\": \"::/0\"}, {\"label\": \"a\", \"prefix\": \"1.2.3.4/33\"}] }", false) ==
          "input: binding 1: expected a label and a prefix\ninput: binding 2: expected a label and a prefix\n"
          "input: binding 3: expected a label and a prefix\n");
    CHECK(told("tubectl bind foo sctp ::1 80\ntubectl bind foo tcp ::1\ntubectl bind foo tcp ::1 65536\n"
               "tubectl bind foo tcp ::1 80/tcp\n", false) ==
          "input:1: \"sctp\" is no protocol\ninput:2: expected tubectl bind LABEL PROTOCOL PREFIX PORT\n"
          "input:3: \"65536\" is no port\ninput:4: \"80/tcp\" is no port\n");
    CHECK(told("tubectl bind foo tcp ::ffff:192.0.2.128/129 80\ntubectl unbind foo\n", false) ==
          "input:1: \"::ffff:192.0.2.128/129\" is no prefix\ninput:2: expected tubectl unbind LABEL PROTOCOL PREFIX PORT\n");
}
