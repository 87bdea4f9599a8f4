#pragma once

#include "base/clock.h"
#include "supervise/view.h"

#include <optional>

namespace swathe::ctl {

/// What the sockets of a listener have counted together.
struct Counts {
    std::uint64_t lookups = 0, steered = 0, no_socket = 0, errors = 0;
    std::uint64_t refused = 0; ///< of the lookups, by the kernel: rates, blocked sources, numbers that drop
};

/// Of one listener, between two looks.
struct ListenerRate {
    std::string service, listener, protocol;
    std::string state; ///< of the service, at the later look
    double lookups = 0, steered = 0, no_socket = 0, errors = 0, refused = 0; ///< per second
    Counts total;                                                            ///< at the later look
};

/// What became of those who came to a service with `accept`.
struct Served {
    std::uint64_t accepted = 0; ///< an instance was started for each
    std::uint64_t failed = 0;   ///< of these
    std::uint64_t refused = 0;  ///< by the daemon, for whatever reason
};

/// Of one service with `accept`, between two looks.
struct ServiceRate {
    std::string service;
    std::uint32_t now = 0;                        ///< connections, at the later look
    std::optional<std::uint32_t> limit;           ///< of these
    double accepted = 0, failed = 0, refused = 0; ///< per second
    Served total;                                 ///< at the later look
};

struct Rates {
    std::vector<ListenerRate> listeners; ///< busiest first, then by name
    std::vector<ServiceRate> services;   ///< the same; only those with `accept`
};

/// What was not there at the earlier look, or has counted less since (the daemon was restarted), began with nothing in
/// between. Pure. `elapsed` of 0 or less gives rates of 0.
[[nodiscard]] Rates rates_between(const StatusView& earlier, const StatusView& later, Duration elapsed);

/// A table of listeners with a line of sums at the end, and one of services below it if there are any.
[[nodiscard]] std::string show_rates(const Rates& rates);

/// {"time_usec":..., "interval_sec":..., "listeners":[...], "services":[...]} on one line.
[[nodiscard]] std::string rates_to_json(const Rates& rates, std::int64_t realtime_usec, Duration elapsed);

/// What of `text` fits on a terminal: `rows` lines of `columns` characters.
[[nodiscard]] std::string cut_to(const std::string& text, std::size_t rows, std::size_t columns);

} // namespace swathe::ctl
