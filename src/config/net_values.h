#pragma once

#include "config/value_context.h"
#include "model/config.h"

namespace swathe {

/// Readers of addresses, ports and what goes with them; the form is value_context.h's.
/// Where a list is expected, a single value is a list of one.

/// TOML's `addresses` and `ports` fill the one endpoint that `out` has, or gets.
bool read_addresses(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out);
bool read_ports(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out);

bool read_holes(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out);       ///< EndpointUse::hole
bool read_listen_line(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out); ///< EndpointUse::listen
bool read_sources(const Raw& raw, const ValueContext& context, Guard& out);
bool read_interfaces(const Raw& raw, const ValueContext& context, Guard& out);
bool read_home(const Raw& raw, const ValueContext& context, std::optional<SocketAddress>& out);
bool read_protocols(const Raw& raw, const ValueContext& context,
                    std::vector<Protocol>& out); ///< of a [[drop]] or [[pass]] rule

} // namespace swathe
