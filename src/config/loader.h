#pragma once

#include "model/config.h"

#include <string>
#include <vector>

namespace swathe {

/// Where configuration is looked for. First wins, per file name.
struct SearchPath {
    std::vector<std::string> directories;
    bool required = false; ///< a directory that is not there is an error

    [[nodiscard]] static SearchPath standard(); ///< /etc/swathe, /run/swathe, /usr/local/lib/swathe, /usr/lib/swathe
    [[nodiscard]] static SearchPath only(std::string directory); ///< --config DIR: replaces the search path
};

struct Loaded {
    Config config;           ///< complete only if !has_errors(diagnostics)
    Diagnostics diagnostics; ///< all that is wrong, at once, sorted by place
};

/// Reads swathe.toml, services.d/*.toml and units/*.socket + *.service with all their drop-ins, and checks whatever can
/// be checked without looking at the machine. Reads files, does nothing else.
[[nodiscard]] Loaded load_config(const SearchPath& path);

} // namespace swathe
