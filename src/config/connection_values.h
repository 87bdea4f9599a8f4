#pragma once

#include "config/value_context.h"
#include "model/connection_context.h"
#include "model/listener.h"

/// Readers of what holds for each connection, and of the limits on who comes; the form is value_context.h's.
namespace swathe {

/// 1 to limits::kCount; "unlimited" and "infinity" = none. Nobody would be served with 0: systemd.socket(5), MaxConnections=.
bool read_max_connections(const Raw& raw, const ValueContext& context, std::optional<std::uint32_t>& out);
/// Likewise, but 0 = none, too: systemd.socket(5), MaxConnectionsPerSource=.
bool read_max_per_source(const Raw& raw, const ValueContext& context, std::optional<std::uint32_t>& out);
/// A choice without "queue".
bool read_over_source_limit(const Raw& raw, const ValueContext& context, OverLimit& out);
/// 1 to `Longest`.
bool read_prefix_length(const Raw& raw, const ValueContext& context, unsigned longest, std::uint8_t& out);
template <unsigned Longest> bool read_prefix_length(const Raw& raw, const ValueContext& context, std::uint8_t& out) {
    return read_prefix_length(raw, context, Longest, out);
}

bool read_load(const Raw& raw, const ValueContext& context, std::optional<double>& out); ///< 0.01 to limits::kLoad
/// "08:00-18:00", or several of these.
bool read_day_times(const Raw& raw, const ValueContext& context, std::vector<DayTimes>& out);
/// In unit files words as in a command line, put together with spaces: white space at the ends and line feeds want quotes and escapes.
bool read_banner(const Raw& raw, const ValueContext& context, std::string& out);
bool read_log_fields(const Raw& raw, const ValueContext& context, ConnectionLog& out); ///< words of log_fields(); an empty list = none

/// "100/s", "10/min", "5/2h"; "unlimited" and "infinity" = none. Leaves the burst alone.
bool read_rate(const Raw& raw, const ValueContext& context, ConnectionRate& out);
bool read_rate_burst(const Raw& raw, const ValueContext& context, std::uint32_t& out); ///< 1 to limits::kRate

[[nodiscard]] std::vector<std::string_view> over_source_limits();
[[nodiscard]] std::vector<std::string_view> log_fields();

} // namespace swathe
