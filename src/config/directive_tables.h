#pragma once

#include "config/directives.h"

/// The parts of the table that directives() puts together.
namespace swathe {

[[nodiscard]] std::span<const Directive> network_directives(); ///< the daemon, global rules, listeners, socket units
[[nodiscard]] std::span<const Directive> socket_directives();  ///< options of sockets, and UNIX sockets
[[nodiscard]] std::span<const Directive> loading_directives(); ///< how files are read, and ranges in [X-Swathe]
[[nodiscard]] std::span<const Directive> service_directives(); ///< what runs, when, and how it is ended
[[nodiscard]] std::span<const Directive> connection_directives(); ///< one instance per connection, and limits on who comes
[[nodiscard]] std::span<const Directive> condition_directives(); ///< and assertions: whether it is started
[[nodiscard]] std::span<const Directive> exec_directives();    ///< in which surroundings
[[nodiscard]] std::span<const Directive> sandbox_directives(); ///< what it is kept away from
[[nodiscard]] std::span<const Directive> cgroup_directives();  ///< how much it gets

} // namespace swathe
