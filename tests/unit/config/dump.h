#pragma once

#include "model/config.h"

#include <string>

namespace swathe {

/// Everything of a configuration but the places, one fact a line: two configurations are the same if their dumps are.
[[nodiscard]] std::string dump(const Config& config);

} // namespace swathe
