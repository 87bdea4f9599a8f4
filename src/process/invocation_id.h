#pragma once

#include "base/error.h"

#include <string>

namespace swathe {

/// What tells one run of a service from all others: $INVOCATION_ID of systemd.exec(5). As of sd_id128_randomize(3): a UUID of version
/// 4, without dashes.
[[nodiscard]] Result<std::string> new_invocation_id();

} // namespace swathe
