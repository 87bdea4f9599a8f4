#pragma once

#include "base/clock.h"
#include "model/placed.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace swathe {

/// What becomes of who comes beyond a limit.
enum class OverLimit : std::uint8_t {
    refuse, ///< accepted and closed at once, as systemd does
    queue,  ///< waits in the backlog until there is room
    drop,   ///< refused by the kernel before there is a connection
};

/// What the variables that tell a process of its connection are called.
enum class EnvironmentStyle : std::uint8_t {
    systemd, ///< REMOTE_ADDR, REMOTE_PORT, LOCAL_ADDR, LOCAL_PORT
    ucspi,   ///< PROTO, TCPREMOTEIP, TCPREMOTEPORT, TCPLOCALIP, TCPLOCALPORT, TCPCONNNUM; and the others
};

/// What a line of the log says of a connection, bit by bit. xinetd.conf(5), log_on_success.
struct ConnectionLog {
    bool host = false;     ///< address and port of the other side
    bool pid = false;
    bool duration = false; ///< at the end
    bool bytes = false;    ///< at the end: TCP's own counts, as far as the socket still knows them
    bool exit = false;     ///< at the end: how the process ended
    [[nodiscard]] bool any() const noexcept { return host || pid || duration || bytes || exit; }
    friend bool operator==(const ConnectionLog&, const ConnectionLog&) noexcept = default;
};

/// A part of each day in local time, in minutes since midnight; `last` belongs to it. first > last goes over midnight.
struct DayTimes {
    std::uint16_t first = 0, last = 24 * 60 - 1;
    friend bool operator==(const DayTimes&, const DayTimes&) noexcept = default;
};

/// One instance for each connection (TCP, UNIX) or flow (UDP), and how many. systemd.socket(5), Accept=; inetd.conf(5), nowait.
struct ConnectionContext {
    bool accept = false;

    std::optional<std::uint32_t> max_connections = 64;       ///< that live at once; nothing = no limit
    OverLimit max_connections_hit = OverLimit::refuse;
    std::optional<std::uint32_t> max_connections_per_source; ///< of one prefix at once; nothing = no limit
    OverLimit max_connections_per_source_hit = OverLimit::refuse; ///< never queue: who waits would keep all others waiting
    std::uint8_t source_prefix_ipv4 = 32; ///< length of the prefixes that are one source, 1 to 32
    std::uint8_t source_prefix_ipv6 = 64; ///< 1 to 128; unit files: 128, as systemd has it
    std::optional<double> max_load;       ///< load average of one minute beyond which nobody is served
    std::vector<DayTimes> access_times;   ///< when there is service; empty = always
    Duration flow_idle_sec = std::chrono::seconds(60); ///< a UDP flow without datagrams ends after so long; kInfinity = never

    EnvironmentStyle environment_style = EnvironmentStyle::systemd;
    std::string banner;                             ///< sent to who is served, before the process starts
    std::optional<Placed<std::string>> banner_file; ///< absolute; the same, read at each connection
    ConnectionLog log_on_success, log_on_failure;
    bool log_addresses = true; ///< addresses of the other side may be logged
};

} // namespace swathe
