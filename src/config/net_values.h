#pragma once

#include "config/items.h"
#include "config/value_context.h"
#include "model/config.h"

namespace swathe {

/// Readers of addresses, ports and what goes with them; the form is value_context.h's.
/// Where a list is expected, a single value is a list of one.

/// The one endpoint of a listener in TOML, made at `where` if there is none.
[[nodiscard]] Endpoint& only_endpoint(std::vector<Endpoint>& endpoints, const SourcePos& where);

/// An address, a prefix or a range that a listener can claim. The error's message begins with the text.
[[nodiscard]] Result<AddressRange> parse_claim(std::string_view text);

/// How many prefixes a range is cut into.
[[nodiscard]] std::size_t prefixes_in(const AddressRange& range);

/// TOML's `addresses` and `ports` fill the one endpoint that `out` has, or gets.
bool read_addresses(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out);
bool read_ports(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out);

bool read_holes(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out);       ///< EndpointUse::hole
bool read_listen_line(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out); ///< EndpointUse::listen
bool read_sources(const Raw& raw, const ValueContext& context, Guard& out);
bool read_excepted_sources(const Raw& raw, const ValueContext& context, Listener& out);
bool read_prefixes(const Raw& raw, const ValueContext& context, std::vector<Placed<Prefix>>& out);
bool read_interfaces(const Raw& raw, const ValueContext& context, Guard& out);
bool read_home(const Raw& raw, const ValueContext& context, std::optional<SocketAddress>& out);
bool read_netns(const Raw& raw, const ValueContext& context, std::string& out); ///< a name of ip-netns(8), or an absolute path
bool read_protocols(const Raw& raw, const ValueContext& context,
                    std::vector<Protocol>& out); ///< of a [[drop]] or [[pass]] rule

} // namespace swathe
