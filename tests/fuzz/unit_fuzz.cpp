// Unit files: every value stands in the text where its place says, whatever was joined, and everything that is said has a place.

#include "check.h"
#include "config/limits.h"
#include "config/unit_config.h"

using namespace swathe;

namespace {

/// The text's byte at a place, or nothing if there is none.
std::optional<char> byte_at(const std::vector<std::string_view>& lines, const SourcePos& place) {
    if (place.line < 1 || place.line > lines.size()) return std::nullopt;
    const std::string_view line = lines[place.line - 1];
    if (place.column < 1 || place.column > line.size()) return std::nullopt;
    return line[place.column - 1];
}

/// A backslash at the end of a line stands for the space that joins it to the next.
void check_line(const UnitLine& line, const std::vector<std::string_view>& lines) {
    FUZZ_CHECK(!line.key.empty() && trim(line.key) == line.key && trim(line.value) == line.value, "{}={}", line.key, line.value);
    FUZZ_CHECK(byte_at(lines, line.pos) == line.key.front(), "{} at {}", line.key, line.pos.to_string());
    for (std::size_t i = 0; i < line.value.size(); ++i) {
        const auto byte = byte_at(lines, line.place(i));
        const bool joint = line.value[i] == ' ' && byte == '\\';
        FUZZ_CHECK(byte == line.value[i] || joint, "{}={}: byte {} is not at {}", line.key, line.value, i, line.place(i).to_string());
        const bool other_line = i > 0 && line.place(i).line != line.place(i - 1).line;
        FUZZ_CHECK(!other_line || line.value[i - 1] == ' ', "{}={}: no space in front of byte {}", line.key, line.value, i);
    }
}

Unit unit_of(UnitKind kind, const char* name, const std::vector<UnitSection>& sections, SourceFile file, Report& report) {
    Unit unit;
    unit.name = name;
    unit.text.block.pos = unit.pos = {file, 0, 0}; // as the loader does
    merge_unit(unit.text, kind, name, sections, report);
    return unit;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    if (text.find("File") != text.npos) return 0; // the files of this machine are no part of the input
    const SourceFile file("fuzz.unit");
    Report report;
    const std::vector<UnitSection> sections = lex_unit(text, file, report);
    const auto lines = split(text, '\n');
    for (const UnitSection& section : sections) {
        FUZZ_CHECK(byte_at(lines, section.pos) == '[', "[{}] at {}", section.name, section.pos.to_string());
        for (const UnitLine& line : section.lines) check_line(line, lines);
    }

    // one text is both units, so that the input needs no separator
    const std::vector<Unit> sockets{unit_of(UnitKind::socket, "fuzz.socket", sections, file, report)};
    const std::vector<Unit> services{unit_of(UnitKind::service, "fuzz.service", sections, file, report)};
    (void)build_unit_services(sockets, services, report);
    fuzz::check_diagnostics(report.take(), file, text);
    return 0;
}
