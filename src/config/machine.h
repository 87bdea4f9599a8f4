#pragma once

#include "base/error.h"
#include "model/architecture.h"

#include <string>
#include <string_view>

namespace swathe {

/// What a specifier of systemd.unit(5) stands for that looks at the machine, or at who reads the configuration: %H %l %q host names, %m %b
/// machine and boot, %v %a kernel and architecture, %o %w %W %B %M %A os-release(5), %u %U %g %G %h %s the user, %T %V places for temporary
/// files. Reads it anew each time. Errors: what cannot be found out.
[[nodiscard]] Result<std::string> machine_value(char specifier);

/// The value of `key` in a file like os-release(5), without quotes; "" if it is not there. Later lines win.
[[nodiscard]] std::string value_in(std::string_view text, std::string_view key);

} // namespace swathe
