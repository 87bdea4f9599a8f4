#pragma once

#include "config/settings.h"
#include "config/unit_lexer.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// What the files of one unit say, drop-ins included.
struct UnitText {
    /// A line that is not in our table.
    struct Foreign {
        std::string section;
        std::string key;
        std::string value;
        SourcePos pos;
    };
    Block block;
    std::vector<Foreign> foreign; ///< the last one of each key
    std::map<const Directive*, std::size_t> standing; ///< how many settings of a directive `block` has
};

/// Takes the lines of one file of `unit` into `text`; files come in the order in which they are applied.
/// An empty value takes back all earlier ones of its key (of all Listen keys together, as systemd does). Reports
/// unknown sections and keys, and values with bad specifiers.
void merge_unit(UnitText& text, UnitKind kind, const UnitId& unit, const std::vector<UnitSection>& sections,
                Report& report);

/// Splits a line's value into words, each with its place, specifiers replaced. Nothing after a report.
[[nodiscard]] std::optional<Raw::List> words_in(const UnitLine& line, const UnitId& unit, Report& report);

/// Says what is to be said about systemd's directives that we do not have. Those that protect are errors, unless they are `allowed` to go
/// unheeded, or the unit says so itself (AllowUnsupported=). Returns false after errors.
bool report_foreign(const UnitText& text, UnitKind kind, const std::vector<std::string>& allowed, Report& report);

} // namespace swathe
