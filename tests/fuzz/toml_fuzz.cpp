// Services in TOML: whatever the text, no crash, and everything that is said about it has a place in it.

#include "check.h"
#include "config/build.h"
#include "config/toml_reader.h"

using namespace swathe;

namespace {

void check_places(const Raw& raw, std::size_t lines) {
    FUZZ_CHECK(raw.pos.line >= 1 && raw.pos.line <= lines, "a value at {}", raw.pos.to_string());
    if (const auto* list = raw.get<Raw::List>())
        for (const Raw& item : *list) check_places(item, lines);
    if (const auto* table = raw.get<Raw::Table>())
        for (const RawEntry& entry : *table) {
            FUZZ_CHECK(entry.pos.line <= lines, "a key at {}", entry.pos.to_string());
            check_places(entry.value, lines);
        }
}

void build(const Raw::Table& root, SourceFile file, Report& report) {
    TomlService service;
    merge_toml_service(service, "fuzz", root, file, report);
    (void)build_service(service, "fuzz", report);
    TomlDaemon daemon;
    merge_toml_daemon(daemon, root, file, report);
    for (const TomlDaemon::Rule& rule : daemon.rules) (void)build_rule(rule, report);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    if (text.find("_file") != text.npos) return 0; // the files of this machine are no part of the input
    const SourceFile file("fuzz.toml");
    const auto root = read_toml(text, file);
    if (!root) {
        fuzz::check_diagnostics({{Diagnostic::Severity::error, root.error()}}, file, text);
        return 0;
    }
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    for (const RawEntry& entry : *root) check_places(entry.value, lines);
    Report report;
    build(*root, file, report);
    fuzz::check_diagnostics(report.take(), file, text);
    return 0;
}
