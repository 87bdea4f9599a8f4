#pragma once

#include "config/settings.h"
#include "config/value_context.h"
#include "model/listener.h"

#include <string>
#include <vector>

namespace swathe {

/// Readers of addresses_file, from_file and blocked_file; the form is value_context.h's. Such a file has one address, prefix or range a
/// line; "#" begins a comment, blank lines do not count. A relative path is one from the directory of the configuration
/// file that names it. Only regular files are read, and none of more than limits::kAddressFileBytes.
/// What is wrong in the file is reported with its own place; that it cannot be opened, with the place that names it.
/// A file without addresses is warned of.

/// Appends to the addresses of the one endpoint that `out` has, or gets.
bool read_addresses_file(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out);
/// Appends to the sources; a range becomes its prefixes.
bool read_sources_file(const Raw& raw, const ValueContext& context, Guard& out);
bool read_prefixes_file(const Raw& raw, const ValueContext& context, std::vector<Placed<Prefix>>& out); ///< likewise

/// Appends the paths of the files that `block` names in these, each once.
void append_address_files(const Block& block, std::vector<std::string>& files);

} // namespace swathe
