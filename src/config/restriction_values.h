#pragma once

#include "config/value_context.h"
#include "model/exec_context.h"

namespace swathe {

/// Readers of kinds of things that a service may make; the form is value_context.h's. "~" in front of a line: all but its words. The first
/// line decides whether what is in no line is allowed. Words as in sandbox_values.h.

/// Names of address families, "AF_INET"; "none" alone: no family at all.
bool read_address_families(const Raw& raw, const ValueContext& context, std::optional<AddressFamilies>& out);

/// Names of namespaces(7) in lower case: "net"; or a boolean, true: none is allowed.
bool read_namespaces(const Raw& raw, const ValueContext& context, std::optional<std::uint32_t>& out);

} // namespace swathe
