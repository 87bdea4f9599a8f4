#pragma once

#include "base/error.h"
#include "ctl/unit_sources.h"

#include <string>
#include <string_view>

namespace swathe::ctl {

/// A file of the configuration that is being edited: what it will be called, what the editor shows, and what of that is
/// kept.

/// Which file `edit` makes.
struct EditTarget {
    const SourceList* list = nullptr;
    std::string below; ///< "services.d/web.toml.d/override.toml": below the first directory of the search path
    std::string path;  ///< with that
    bool full = false; ///< the file itself
};

/// The file that `name` and the options mean: a drop-in of the TOML file or of the .service unit, if no unit is named.
/// Errors: the name of the drop-in is none; it has nothing to be added to.
[[nodiscard]] Result<EditTarget> edit_target(const Seen& seen, const SearchPath& path, std::string_view name,
                                             std::string drop_in, bool full);

/// What is opened: `text`, and for a drop-in below it the other files of its unit as comments.
[[nodiscard]] std::string draft_of(const EditTarget& target, const std::string& text);

/// What is kept of it, with a line feed at its end; "" = nothing but white space.
[[nodiscard]] std::string kept_of(std::string_view draft);

} // namespace swathe::ctl
