#pragma once

#include "config/written.h"

#include <string>
#include <string_view>

namespace swathe {

/// A canonical value as TOML has it, on one line: `["a", "b"]`, `"1min 30s"`. Commands are a line, or the words of one
/// or of several.
[[nodiscard]] std::string toml_value(const Directive& directive, const Raw& value);

/// A canonical value with "%i" and "%I" for the marks of model/instance_name.h, of a service with one instance per connection.
[[nodiscard]] Raw with_instance_named(const Directive& directive, Raw value);

/// `text` in quotes, with TOML's escapes. What is no UTF-8 is replaced: TOML has no way to say it.
[[nodiscard]] std::string toml_string(std::string_view text);

/// The service's file, services.d/NAME.toml.
[[nodiscard]] std::string to_toml(const WrittenService& service);

} // namespace swathe
