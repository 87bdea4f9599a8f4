#pragma once

#include "model/config.h"

#include <string>
#include <vector>

namespace swathe {

struct Texts; // config/texts.h

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
/// section [X-Swathe]; and checks whatever can be checked without looking at the machine, but for what its specifiers ask for. Reads files,
/// does nothing else. `texts` gets what the files say, and which ones have a say in what.
[[nodiscard]] Loaded load_config(const SearchPath& path, Texts* texts = nullptr);

} // namespace swathe
