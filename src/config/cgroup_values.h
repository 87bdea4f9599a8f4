#pragma once

#include "config/value_context.h"
#include "model/cgroup_context.h"

#include <optional>
#include <string_view>

/// Values of systemd.resource-control(5).
namespace swathe {

using PlacedAmount = std::optional<Placed<CgroupAmount>>;
using PlacedNumber = std::optional<Placed<std::uint32_t>>;

/// Bytes as parse_size() has them, "N%", "infinity"; not 0.
bool read_memory(const Raw& raw, const ValueContext& context, PlacedAmount& out);
bool read_swap(const Raw& raw, const ValueContext& context, PlacedAmount& out);   ///< likewise; or 0
bool read_tasks(const Raw& raw, const ValueContext& context, PlacedAmount& out);  ///< a number, "N%", "infinity"; not 0
bool read_weight(const Raw& raw, const ValueContext& context, PlacedNumber& out); ///< 1 to 10000
bool read_cpu_quota(const Raw& raw, const ValueContext& context, PlacedNumber& out); ///< "N%", to limits::kCpuQuotaPercent; not 0
/// A boolean; in unit files a list of controllers is "yes", with a warning.
bool read_delegate(const Raw& raw, const ValueContext& context, bool& out);

/// "12%", "12.5%" or "12.25%" in hundredths of a percent. Nothing: not of this form, or more than 2^32 - 1.
[[nodiscard]] std::optional<std::uint32_t> parse_percentage(std::string_view text);

} // namespace swathe
