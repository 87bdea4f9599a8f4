#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace swathe {

/// May a service be called `name`? systemd's characters for unit names (systemd.unit(5)): ASCII letters, digits and
/// ":-_.\@", at most limits::kServiceNameBytes. Errors: anything else; a template ("foo@").
[[nodiscard]] Status check_service_name(std::string_view name);

/// The unit of an instance of a connection of a service, "foo@.service" with a mark (model/instance_name.h) for the instance.
[[nodiscard]] std::string connection_unit(std::string_view service);
/// The service of a unit, by the unit's name: "foo" of connection_unit("foo") as of "foo.service".
[[nodiscard]] std::string_view service_of_unit(std::string_view unit) noexcept;
/// A unit's name for people: "foo@.service" for connection_unit("foo"), any other as it is.
[[nodiscard]] std::string shown_unit(std::string_view unit);

} // namespace swathe
