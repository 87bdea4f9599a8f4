#pragma once

#include "config/settings.h"
#include "config/toml_config.h"

#include <optional>

namespace swathe {

/// Turns settings into the model, and checks what one service or rule can be checked for alone. Each returns nothing
/// after errors, which are in `report`.

[[nodiscard]] std::optional<Service> build_service(const TomlService& text, std::string_view name, Report& report);
[[nodiscard]] std::optional<GlobalRule> build_rule(const TomlDaemon::Rule& text, Report& report);

/// Checks of a listener as a whole, for both formats; `block` has the places.
bool check_sources(const Guard& guard, const Block& block, Format format, Report& report); ///< from_file must not be empty
bool check_home(const Listener& listener, const Block& block, Format format, Report& report);

} // namespace swathe
