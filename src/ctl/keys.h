#pragma once

#include "config/directives.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe::ctl {

/// What `swathectl keys` says about directives.

/// The directives that are called `key` in either format; with "" all of them. TOML's keys count as they are written,
/// systemd's in any case.
[[nodiscard]] std::vector<const Directive*> directives_called(std::string_view key);

/// The key that `key` was most likely meant to be; "" = none is near.
[[nodiscard]] std::string nearest_key(std::string_view key);

[[nodiscard]] std::string keys_table(const std::vector<const Directive*>& all);   ///< a line each
[[nodiscard]] std::string keys_in_full(const std::vector<const Directive*>& all); ///< all that is known of them
[[nodiscard]] std::string keys_json(const std::vector<const Directive*>& all);

} // namespace swathe::ctl
