#pragma once

#include "model/config.h"

#include <string>
#include <vector>

namespace swathe {

/// Where configuration is looked for. First wins, per file name.
struct SearchPath {
    std::vector<std::string> directories;
    bool required = false; ///< a directory that is not there is an error
    std::vector<std::string> systemd = {}; ///< where systemd's units are, for those that ask for a swathe; may be missing

    [[nodiscard]] static SearchPath standard(); ///< /etc/swathe, /run/swathe, /usr/local/lib/swathe, /usr/lib/swathe
    /// --config DIR: replaces the search path, and DIR/systemd systemd's
    [[nodiscard]] static SearchPath only(std::string directory);
};

struct Loaded {
    Config config;           ///< complete only if !has_errors(diagnostics)
    Diagnostics diagnostics; ///< all that is wrong, at once, sorted by place
};

/// Reads swathe.toml, services.d/*.toml and units/*.socket + *.service with all their drop-ins, and systemd's socket units that have a
/// section [X-Swathe]; and checks whatever can
/// be checked without looking at the machine. Reads files, does nothing else.
[[nodiscard]] Loaded load_config(const SearchPath& path);

} // namespace swathe
