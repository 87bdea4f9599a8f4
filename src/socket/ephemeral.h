#pragma once

#include "model/config.h"
#include "socket/sysctl.h"

namespace swathe {

/// The pure part of find_ephemeral_overlaps(): `configured` are the addresses of the interfaces, sorted.
[[nodiscard]] Diagnostics ephemeral_overlaps(const Config& config, const std::vector<Address>& configured, const EphemeralPorts& ports);

} // namespace swathe
