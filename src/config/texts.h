#pragma once

#include "config/sources.h"
#include "config/toml_config.h"
#include "config/unit_config.h"

#include <string>
#include <vector>

namespace swathe {

/// A service's TOML file and its drop-ins, as they were read.
struct TomlText {
    std::string name; ///< the service's
    TomlService text;
    std::vector<std::string> files; ///< in the order in which they are applied
};

/// What a socket unit of systemd's says to us in its sections [X-Swathe].
struct BesideText {
    SourceList sources; ///< the files with such a section, and those that one of them hides
    Block ours;
};

/// What the files of a configuration say, before anything is made of it: for those who show or convert it.
struct Texts {
    std::vector<SourceList> sources; ///< swathe.toml's first; then by service, its files in the order in which they are read
    TomlDaemon daemon;
    std::vector<TomlText> toml;
    std::vector<Unit> sockets, services; ///< both sorted by name
    std::vector<BesideText> beside;      ///< sorted by name

    /// The files of a service, in the order in which they are read: its sockets', then its own. They point into `sources`.
    [[nodiscard]] std::vector<const SourceList*> sources_of(std::string_view service) const;
};

} // namespace swathe
