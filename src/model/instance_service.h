#pragma once

#include "model/service.h"

#include <string_view>

namespace swathe {

/// Does anything that a start of `service` reads hold a mark of model/instance_name.h?
[[nodiscard]] bool names_instance(const Service& service);

/// `service` with the name of one instance in place of all marks.
[[nodiscard]] Service with_instance(Service service, std::string_view instance);

/// Must each instance have a control group of its own? It has limits, or is delegated; else all connections of a service share one.
[[nodiscard]] bool needs_own_group(const Service& service) noexcept;

} // namespace swathe
