#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace swathe {

// What goes on as long as somebody listens: decisions, and lines of output. Plain values, made by supervise/, read by control/.

/// Which decisions of the dispatchers to watch.
struct TraceQuery {
    std::string listener;      ///< "NAME" or "SERVICE/NAME"; "" = all, and what no rule or a global rule decides
    bool drops = false;        ///< only refused packets
    std::uint32_t sample = 1;  ///< one in so many, at random; 1 to kMostSparse
};
inline constexpr std::uint32_t kMostSparse = 1'000'000;

/// One decision.
struct TracedView {
    std::int64_t time_usec = 0;        ///< CLOCK_REALTIME, microseconds
    std::string netns;                 ///< "" = the daemon's own
    std::string protocol;
    std::string source, destination;   ///< "192.0.2.1:80", "[2001:db8::1]:80"
    std::string interface;             ///< of ingress; "" = it has gone
    std::string verdict;               ///< what became of the packet: "steer", "drop", "pass"
    std::string service, listener;     ///< of a rule that steers
    struct Rule {
        std::string prefix, ports;
        std::string file;
        std::uint32_t line = 0, column = 0;
    };
    std::optional<Rule> rule;          ///< nothing: no rule matched
    std::string error;                 ///< why it was not steered although its rule says so; "" = it was
};

struct TraceBatch {
    std::vector<TracedView> events; ///< nearly in order of time
    std::uint64_t lost = 0;         ///< so many more could not be told since the last batch
    std::string ended;              ///< why nothing more will come; "" = it will
};

using TraceSink = std::function<bool(const TraceBatch&)>; ///< false: not taken, and counted as lost
using TraceHandle = std::shared_ptr<const void>;          ///< the trace ends with it

/// Which lines of the services' output to tell.
struct LogQuery {
    std::vector<std::string> services; ///< empty = all
    std::uint32_t lines = UINT32_MAX;  ///< of what is kept only the last so many, of all services together
    bool follow = false;               ///< and then what comes
};

/// One line of output.
struct LogLineView {
    std::int64_t time_usec = 0; ///< CLOCK_REALTIME, microseconds
    std::string service;
    std::int64_t pid = 0;       ///< of the process that was started
    std::string stream;         ///< "stdout", "stderr", "both"
    int priority = 6;           ///< syslog(3)
    std::string text;           ///< any bytes
};

struct LogBatch {
    std::vector<LogLineView> lines; ///< in order of time
    std::uint64_t lost = 0;         ///< so many more were overwritten before they could be told
    bool complete = false;          ///< all has been told that was asked for
    std::string ended;              ///< why nothing more will come, although it is not complete; "" = it will
};

using LogFeed = std::function<bool(const LogBatch&)>; ///< false: not taken; the same lines come again
using LogHandle = std::shared_ptr<const void>;        ///< it ends with it

} // namespace swathe
