#pragma once

#include "config/report.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// One "Key=Value" of a unit file. `value` has its continuation lines joined by spaces, and no white space at either
/// end.
class UnitLine {
public:
    std::string key;
    std::string value;
    SourcePos pos; ///< of the key

    /// The place of `value[offset]`.
    [[nodiscard]] SourcePos place(std::size_t offset) const noexcept;

private:
    friend class UnitLexer;
    struct Piece {
        std::size_t offset; ///< in the joined line
        SourcePos pos;
    };
    std::vector<Piece> pieces_;    ///< one for each line of the file
    std::size_t value_offset_ = 0; ///< of `value` in the joined line
};

struct UnitSection {
    std::string name;
    SourcePos pos;
    std::vector<UnitLine> lines;
};

/// Cuts a unit file into sections and lines as systemd.syntax(7) says (and systemd's config_parse() does): comments at
/// the start of a line, also between continued lines; a byte order mark is skipped; lines end in LF or CRLF. A section
/// that stands there twice is returned twice. Reports warnings for lines that are ignored: no "=", nothing in front of
/// it, no section yet, no UTF-8. Reports errors for a NUL character, a broken section header (which ends the file) and a line
/// over limits::kLineBytes (likewise).
[[nodiscard]] std::vector<UnitSection> lex_unit(std::string_view text, SourceFile file, Report& report);

} // namespace swathe
