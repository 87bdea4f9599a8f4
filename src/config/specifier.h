#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace swathe {

/// Whose specifiers are meant.
struct UnitId {
    std::string_view name;     ///< "foo.socket", "foo@bar.service"; kInstanceMark for the instance of a connection: model/instance_name.h
    std::string_view fragment; ///< the path of its file; "" = it has none

    UnitId() = default;
    UnitId(std::string_view unit, std::string_view path = {}) : name(unit), fragment(path) {} // NOLINT: a name is an identity
    UnitId(const std::string& unit) : name(unit) {}                                           // NOLINT
    UnitId(const char* unit) : name(unit) {}                                                  // NOLINT
};

/// Says what a specifier stands for that looks at the machine: config/machine.h, or what a test puts in its place.
using MachineDoor = Result<std::string> (*)(char specifier);

/// Replaces the specifiers of systemd.unit(5), "SPECIFIERS", of systemd 262. Errors: an unknown one, one that cannot be resolved, a
/// single % at the end, more than limits::kLineBytes; for the instance of a connection, a mark that the text has by itself. The machine is
/// asked once for each specifier of a text.
[[nodiscard]] Result<std::string> expand_specifiers(std::string_view text, const UnitId& unit);
[[nodiscard]] Result<std::string> expand_specifiers(std::string_view text, const UnitId& unit, MachineDoor machine);

} // namespace swathe
