#pragma once

#include "config/sources.h"
#include "config/toml_config.h"
#include "config/unit_config.h"
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
/// be checked without looking at the machine, but for what its specifiers ask for. Reads files, does nothing else.
[[nodiscard]] Loaded load_config(const SearchPath& path);

/// What load_config() knew on the way: for who wants to see which file says what.
struct Inspection {
    struct TomlText {
        std::string service;
        TomlService text;
    };
    Loaded loaded;
    std::vector<SourceList> sources; ///< swathe.toml's first; then by service, its files in the order in which they are read: sockets, service
    TomlDaemon daemon;
    std::vector<TomlText> tomls;          ///< sorted by service
    std::vector<Unit> sockets, services; ///< sorted by name
};

[[nodiscard]] Inspection inspect_config(const SearchPath& path);

/// The files of a service, in the order in which they are read. They point into `inspection`.
[[nodiscard]] std::vector<const SourceList*> sources_of(const Inspection& inspection, std::string_view service);

} // namespace swathe
