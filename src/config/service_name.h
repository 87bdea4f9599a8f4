#pragma once

#include "base/error.h"

#include <string_view>

namespace swathe {

/// May a service be called `name`? systemd's characters for unit names (systemd.unit(5)): ASCII letters, digits and
/// ":-_.\@", at most limits::kServiceNameBytes. Errors: anything else; a template ("foo@").
[[nodiscard]] Status check_service_name(std::string_view name);

} // namespace swathe
