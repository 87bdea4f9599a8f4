#pragma once

#include "config/limits.h"
#include "config/report.h"
#include "model/config.h"

namespace swathe {

/// Checks of the whole configuration that need no machine: limits over all services, addresses that no packet for a
/// listener ever has. Which rules conflict with each other is classify/'s business. `max_addresses` is there for tests.
void validate(const Config& config, Report& report, std::size_t max_addresses = limits::kAddresses);

} // namespace swathe
