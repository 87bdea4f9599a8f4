#pragma once

#include "base/error.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace swathe {

/// What `swathectl` may know. Plain values, made by supervise/, read by control/.

struct ListenerView {
    std::string name;
    std::string protocol;               ///< "tcp", "udp"
    std::vector<std::string> addresses; ///< as the administrator grouped them: "192.0.2.0/24", ...
    std::string ports;                  ///< "80,443,8000-8999"
    struct Socket {
        std::string home;               ///< "192.0.2.1:80"; "" while the listener is closed
        std::uint32_t slot = 0;
        std::uint64_t lookups = 0, steered = 0, no_socket = 0, assign_errors = 0;
        int last_errno = 0;
        std::uint32_t queued = 0;       ///< connections or bytes that wait in the kernel now
        std::string unusable;           ///< why the kernel does not steer to it although it is there; "" = it does
    };
    std::vector<Socket> sockets;
    std::string netns = {};             ///< network namespace; "" = the daemon's own
};

/// One running instance of a service.
struct InstanceView {
    std::uint32_t number = 1; ///< of its worker
    std::string phase;        ///< to_string(Phase): "start-pre", "running", "stop-sigterm", ...
    bool draining = false;    ///< another one has taken its place
    std::optional<std::int64_t> main_pid;
    std::string status_text;  ///< the last STATUS=
};

struct ServiceView {
    std::string name;
    std::string description;
    std::string state;       ///< to_string(State)
    std::string result;      ///< to_string(ServiceResult) of the last run
    std::string failure;     ///< in words why the last start or run failed; "" = it did not
    std::string activation;  ///< "on-demand", "eager"
    std::string type;
    std::optional<std::int64_t> main_pid;
    std::string status_text; ///< the last STATUS=
    std::uint32_t starts = 0;   ///< children started since the daemon started
    std::uint32_t restarts = 0; ///< of these, automatic restarts
    std::int64_t state_since_usec = 0; ///< CLOCK_REALTIME, microseconds
    bool paused_by_hand = false;
    std::vector<InstanceView> instances;
    std::vector<ListenerView> listeners;
    std::vector<std::string> files;
    std::string supervisor = {}; ///< "systemd": it starts and stops the service, we only steer to it; "" = we do all
};

struct RuleView {
    std::string protocol, prefix, ports, from, interface; ///< from, interface: "" = any
    std::string verdict;               ///< "steer", "drop", "pass"
    std::string service, listener;     ///< for steer
    std::string file;
    std::uint32_t line = 0, column = 0;
    std::string netns = {};            ///< network namespace; "" = the daemon's own
    std::optional<std::uint64_t> hits = {}; ///< packets that the rule decided, on all its ports; nothing: not counted
};

/// Which rules, and in which order. By default all, as the dispatcher prefers them, one for each range of ports. Whoever asks for hits
/// gets a rule once, with all its ports, and only if rules are counted.
struct RuleQuery {
    bool by_hits = false;    ///< the most hit first
    bool never_hit = false;  ///< only those that decided no packet since they are there
    std::uint32_t limit = 0; ///< at most so many; 0 = all, as far as they can be listed
};

struct ProgramView {
    std::uint32_t id = 0;
    std::string name;
    bool ours = false;
    std::string netns = {}; ///< "" = the daemon's own
};

struct DaemonView {
    std::string version;
    std::int64_t pid = 0;
    std::string netns;                ///< "" = the daemon's own
    std::uint64_t generation = 0;
    std::uint64_t rules = 0;
    std::uint64_t traces = 0;          ///< that run now
    std::vector<ProgramView> programs; ///< in run order, namespace by namespace
    std::vector<std::string> warnings; ///< prefixes not routed local, with the command that mends it, and the like
};

struct StatusView {
    DaemonView daemon;
    std::vector<ServiceView> services;
};

/// One question of `explain`, as text from a client: unchecked.
struct ExplainQuery {
    std::string protocol, address, port, from, interface; ///< from: "ADDR" or "ADDR:PORT"; "" = none
    bool kernel = false; ///< ask the program instead of the tables
    bool live = false;   ///< ask the whole kernel, and the other two for comparison
    std::string netns = {}; ///< as the configuration names it; "" = the daemon's own
};

/// A socket that is none of our listeners.
struct ForeignSocketView {
    std::optional<std::string> process; ///< nothing: not found
    std::optional<std::int64_t> pid;
    std::string address;                ///< what it is bound to: "0.0.0.0:80"
};

/// One answer (DESIGN 7).
struct ExplainView {
    std::string verdict, service, listener;
    std::optional<RuleView> rule;   ///< nothing: no rule matched
    std::vector<RuleView> others;   ///< matched and lost, in order
    std::string source;             ///< "tables", "kernel", "live"
    std::optional<ForeignSocketView> socket; ///< live: who gets it, where that is none of our listeners
    std::string disagreement;       ///< live: where tables, program and kernel differ, and who is responsible; "" = they agree
};

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
