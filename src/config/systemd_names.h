#pragma once

#include "config/directives.h"

#include <string_view>
#include <vector>

namespace swathe {

/// What a directive of systemd's that is not in our table means to us.
enum class ForeignDirective : std::uint8_t {
    unknown,     ///< no directive of systemd 252 to 262 in this section
    harmless,    ///< asks for what holds anyway, or for something without meaning here
    unsupported, ///< swathe does not implement it
    protection,  ///< nor this, and to ignore it would weaken the service's protection
    other_socket, ///< asks for a socket that is neither a TCP or UDP nor a UNIX socket
};

[[nodiscard]] ForeignDirective foreign_directive(UnitKind kind, std::string_view section, std::string_view key,
                                                 std::string_view value);

/// Does it say who the processes of a unit are?
[[nodiscard]] bool is_identity(std::string_view key) noexcept;

/// Does the directive keep a service away from the rest of the system, or others away from it?
[[nodiscard]] bool is_protection(std::string_view key) noexcept;
[[nodiscard]] std::vector<std::string_view> protections(); ///< all of them, for hints

/// systemd's names for a section, for hints.
[[nodiscard]] std::vector<std::string_view> systemd_names(UnitKind kind, std::string_view section);

} // namespace swathe
