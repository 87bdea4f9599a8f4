#pragma once

#include "config/raw.h"
#include "config/report.h"
#include "config/specifier.h"

#include <string_view>

namespace swathe {

/// What a value reader needs besides the value: what kind of file it stands in, and whom to tell what is wrong.
/// Every reader has the form `bool read_x(const Raw&, const ValueContext&, T& out)`: it appends to lists, replaces
/// anything else, reports all that is wrong and returns whether nothing was.
struct ValueContext {
    Report& report;
    std::string_view key;  ///< as the administrator wrote it
    UnitId unit;           ///< whose specifiers
    bool is_unit = false;  ///< all values are strings in a unit file

    /// For the first line of a reader's refusal: reports and returns false.
    bool refuse(const SourcePos& where, std::string_view reason) const {
        report.error(where, key, reason);
        return false;
    }
    void warn(const SourcePos& where, std::string_view reason) const { report.warning(where, key, reason); }
};

} // namespace swathe
