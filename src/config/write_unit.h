#pragma once

#include "config/written.h"

#include <string>
#include <vector>

namespace swathe {

/// A unit that says what a service's files say.
struct UnitFile {
    struct Line {
        const Directive* directive;
        std::string value;
        std::vector<SourcePos> places; ///< where it was written, in order, at least one; line 0 = nowhere
    };
    std::string name;        ///< "foo.socket"
    std::vector<Line> lines; ///< those of a section stand together
};

/// What a canonical value is in a unit: the values of one line or several.
[[nodiscard]] std::vector<std::string> unit_values(const Directive& directive, const Raw& value);

/// NAME.service and a .socket unit for each listener, in an order of names that keeps that of the listeners. Reports as
/// warnings, each at its place, what no unit can say; those lines are left out.
[[nodiscard]] std::vector<UnitFile> to_units(const WrittenService& service, Report& left_out);

/// In which order a unit has its sections: [Unit], its own, [X-Swathe].
[[nodiscard]] int section_rank(const Directive& directive) noexcept;

[[nodiscard]] std::string text_of(const UnitFile& unit);

} // namespace swathe
