#pragma once

#include "base/error.h"
#include "config/report.h"
#include "config/settings.h"
#include "config/socket_unit.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// Which of `count` Listen lines "#2" means, from 0. Errors: none of them.
[[nodiscard]] Result<std::size_t> line_number(std::string_view word, std::size_t count);

/// What is said of a line that is named so and has nothing to steer to.
[[nodiscard]] std::string not_steerable(std::string_view word);

/// Gives the Listen= ranges of [X-Swathe] to the Listen lines that they are for; one for a protocol that has no line becomes a line of its
/// own. Reports ranges of which it is not clear whose they are; returns false then.
bool widen_lines(SocketUnit& socket, Report& report);

/// A bare port, or [::]: nothing else gives an endpoint of one line two families.
[[nodiscard]] bool is_everywhere(const Endpoint& endpoint) noexcept;

/// Adds the addresses of the files that AddressesFile= of `block` names to each endpoint. A bare port and [::] are the port without
/// addresses of its own then: with them the file would be for nothing. Returns false after an error.
bool add_addresses(std::vector<Endpoint>& endpoints, const AddressList& more, const Block& block, Report& report);

} // namespace swathe
