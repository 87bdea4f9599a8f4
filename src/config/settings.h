#pragma once

#include "config/directives.h"

#include <vector>

namespace swathe {

/// One assignment that counts, with the place of its key.
struct Setting {
    const Directive* directive = nullptr; ///< never null
    SourcePos pos;
    Raw value;
    bool append = false; ///< TOML's "+key": is added to what the key has
};

/// The assignments of one table or unit, over all its files.
struct Block {
    SourcePos pos; ///< of the table's header, or of the file
    std::vector<Setting> settings;

    [[nodiscard]] const Setting* find(std::string_view name) const noexcept; ///< by Directive::name(); the last one
};

/// What a block's files were.
enum class Format : std::uint8_t { toml, unit };

/// Adds a TOML setting: takes the place of earlier ones of its directive, unless it is to be appended; tables merge key by key.
void put(Block& block, Setting setting);

/// The directive's name in `format`, for messages.
[[nodiscard]] std::string_view key_of(const Directive& directive, Format format) noexcept;

/// Calls the setters of the settings of `scope`, TOML's in the order of the directive table, a unit's in the order of
/// its lines. `unit` is whose specifiers they are. Returns false after errors.
bool apply(const Block& block, Scope scope, const Recipient& target, Format format, const UnitId& unit, Report& report);

/// Reports each directive of `scope` that must be given and is not.
void report_missing(const Block& block, Scope scope, Format format, Report& report);

} // namespace swathe
