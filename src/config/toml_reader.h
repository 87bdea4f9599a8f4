#pragma once

#include "base/error.h"
#include "config/raw.h"

#include <string_view>

namespace swathe {

/// Reads a TOML 1.0 document. The positions of the values name `file`; columns count bytes.
/// Errors: the first thing that is no TOML, or a key of more than limits::kKeyParts parts. Throws nothing.
[[nodiscard]] Result<Raw::Table> read_toml(std::string_view text, SourceFile file);

} // namespace swathe
