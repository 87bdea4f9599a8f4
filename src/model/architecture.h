#pragma once

#include <string>
#include <string_view>

namespace swathe {

/// systemd's word for an architecture of uname(2): "x86-64" for "x86_64"; what is unknown stays as it is.
[[nodiscard]] std::string architecture_name(std::string_view machine);

} // namespace swathe
