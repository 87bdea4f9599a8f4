#pragma once

#include "config/settings.h"
#include "config/toml_config.h"

#include <optional>
#include <string_view>

namespace swathe {

/// Turns settings into the model, and checks what one service or rule can be checked for alone. Each returns nothing
/// after errors, which are in `report`.

[[nodiscard]] std::optional<Service> build_service(const TomlService& text, std::string_view name, Report& report);
[[nodiscard]] std::optional<GlobalRule> build_rule(const TomlDaemon::Rule& text, Report& report);

/// What a socket of one instance per connection is called in LISTEN_FDNAMES where nothing else is said: sd_listen_fds(3).
inline constexpr std::string_view kConnectionName = "connection";
/// Gives a listener whose connections have an instance each systemd's other defaults for them, before its keys are read.
void expect_connections(Listener& listener) noexcept;

/// Checks of a listener as a whole, for both formats; `block` has the places.
bool check_sources(const Guard& guard, const Block& block, Format format, Report& report); ///< from_file must not be empty
bool check_home(const Listener& listener, const Block& block, Format format, Report& report);

} // namespace swathe
