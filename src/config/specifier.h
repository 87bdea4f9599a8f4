#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace swathe {

/// Replaces the specifiers of systemd.unit(5) for the unit `unit` ("foo.socket", "foo@bar.service"): %n the unit's
/// name, %N the same without its ending, %p the part before '@', %P that part unescaped, %i the part behind it (may be
/// empty), %I unescaped, %% a per cent sign. Errors: any other specifier, a single % at the end.
[[nodiscard]] Result<std::string> expand_specifiers(std::string_view text, std::string_view unit);

} // namespace swathe
