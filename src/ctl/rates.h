#pragma once

#include "base/clock.h"
#include "supervise/view.h"

namespace swathe::ctl {

/// What the sockets of a listener have counted together.
struct Counts {
    std::uint64_t lookups = 0, steered = 0, no_socket = 0, errors = 0;
};

/// Of one listener, between two looks.
struct ListenerRate {
    std::string service, listener, protocol;
    std::string state; ///< of the service, at the later look
    double lookups = 0, steered = 0, no_socket = 0, errors = 0; ///< per second
    Counts total;                                               ///< at the later look
};

/// Busiest first, then by name. What was not there at the earlier look, or has counted less since (the daemon was restarted),
/// began with nothing in between. Pure. `elapsed` of 0 or less gives rates of 0.
[[nodiscard]] std::vector<ListenerRate> rates_between(const StatusView& earlier, const StatusView& later, Duration elapsed);

/// A table with a line of sums at the end.
[[nodiscard]] std::string show_rates(const std::vector<ListenerRate>& rates);

/// {"time_usec":..., "interval_sec":..., "listeners":[...]} on one line.
[[nodiscard]] std::string rates_to_json(const std::vector<ListenerRate>& rates, std::int64_t realtime_usec, Duration elapsed);

/// What of `text` fits on a terminal: `rows` lines of `columns` characters.
[[nodiscard]] std::string cut_to(const std::string& text, std::size_t rows, std::size_t columns);

} // namespace swathe::ctl
