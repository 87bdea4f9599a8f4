#pragma once

#include "config/value_context.h"
#include "model/service.h"

#include <optional>
#include <string_view>

namespace swathe {

/// Readers of how processes are ended and of how they end; the form is value_context.h's.

/// The number of a signal: its name with or without "SIG", "RTMIN+N", "RTMAX-N", or a number that a signal has. Nothing otherwise.
[[nodiscard]] std::optional<int> signal_of(std::string_view text) noexcept;

bool read_signal(const Raw& raw, const ValueContext& context, int& out);

/// One, or a list of them: exit statuses from 0 to 255, their names as in systemd.exec(5), "Process Exit Codes", and signals by name.
bool read_exit_statuses(const Raw& raw, const ValueContext& context, ExitStatusSet& out);

} // namespace swathe
