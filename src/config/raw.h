#pragma once

#include "base/source_pos.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace swathe {

struct RawEntry;

/// A value as it was written, before anyone asks what it should be. Both formats become this: a unit file's values are
/// strings, or lists of words where the directive takes several on a line.
struct Raw {
    struct Other {
        const char* name;
    }; ///< what no directive takes: a date, a time
    using List = std::vector<Raw>;
    using Table = std::vector<RawEntry>; ///< in the order of the keys' bytes

    std::variant<std::string, std::int64_t, double, bool, List, Table, Other> value;
    SourcePos pos;

    template <class T> [[nodiscard]] const T* get() const noexcept { return std::get_if<T>(&value); }
    [[nodiscard]] const char* kind() const; ///< "a string", "an integer", ...
};

struct RawEntry {
    std::string key;
    SourcePos pos; ///< of the key
    Raw value;
};

} // namespace swathe
