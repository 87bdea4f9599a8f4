#pragma once

#include "model/config.h"

namespace swathe {

/// The configuration without what two ways to write the same make different: endpoints of one listener with the same ports are one, with
/// each address once, and a command that names no variable has nothing to expand.
[[nodiscard]] Config normalized(Config config);

} // namespace swathe
