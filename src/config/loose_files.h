#pragma once

#include "config/texts.h"

#include <string>
#include <vector>

namespace swathe {

/// Reads unit files and TOML files that are given one by one, wherever they are, and puts them together by their names
/// as load_config() does; no search path, no templates, no links. With `drop_ins` those in FILE.d are folded in, sorted
/// by name. Reports what cannot be read, and names that are none. `daemon` and `sources` stay
/// empty.
[[nodiscard]] Texts read_loose_files(const std::vector<std::string>& paths, bool drop_ins, Report& report);

} // namespace swathe
