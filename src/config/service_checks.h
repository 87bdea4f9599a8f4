#pragma once

#include "config/settings.h"

#include <vector>

namespace swathe {

/// Where a service was written: its [service] table, or its units' lines, the .service unit's last.
struct ServiceText {
    std::vector<const Block*> blocks; ///< never empty
    Format format = Format::toml;
    bool sound = true; ///< all values could be read
};

/// Checks what the keys of one service say together, by systemd's rules (systemd.service(5)) where it has the keys. What systemd overrules
/// without an error is overruled in units, too. Where not all values could be read, only looks for what is missing. Returns false after
/// errors.
bool check_service(Service& service, const ServiceText& text, Report& report);

} // namespace swathe
