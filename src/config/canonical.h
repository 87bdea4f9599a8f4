#pragma once

#include "config/settings.h"

#include <string_view>
#include <vector>

namespace swathe {

/// How the values of a type are put together, in both formats.
enum class Shape : std::uint8_t {
    scalar,    ///< one value
    words,     ///< many; a line of a unit file has several
    lines,     ///< many; a line of a unit file is one
    commands,  ///< likewise, command lines
    variables, ///< NAME=VALUE; a line of a unit file has several
};
[[nodiscard]] Shape shape_of(const Directive& directive) noexcept;

/// What a directive is set to, in one form whatever file it stood in: TOML's, and where that has several, one of them.
/// Lists, also those of one element, are lists, and each element keeps its place; a command is a list of words, or a
/// line where it has prefixes or variables; variables are "NAME=VALUE"; time spans, sizes and modes are in their
/// shortest words. `settings` are those of one directive, in order, and at least one; what their reader would refuse
/// stays as it is. `unit` is for specifiers in command lines and variables.
[[nodiscard]] Raw canonical_value(const std::vector<const Setting*>& settings, Format format, const UnitId& unit);

/// Would the directive's reader take `raw` in TOML?
[[nodiscard]] bool takes_in_toml(const Directive& directive, const Raw& raw);

/// The default as one format has it: the table says "X; Y in unit files" where the two differ.
[[nodiscard]] std::string_view default_in(const Directive& directive, Format format) noexcept;

} // namespace swathe
