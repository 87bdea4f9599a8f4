#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace swathe {

// What `swathectl status` may know. Plain values, made by supervise/, read by control/.

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
        struct Refused {                ///< of the lookups, before a socket was looked for
            std::uint64_t rate = 0, source_rate = 0, blocked = 0, closed = 0;
            std::uint64_t unasked = 0;     ///< let in, since a limit could not be asked
            std::uint64_t new_sources = 0; ///< for which a bucket was made
        };
        std::optional<Refused> refused = {}; ///< nothing: the listener has neither limits nor blocked sources
    };
    std::vector<Socket> sockets;
    std::string netns = {};             ///< network namespace; "" = the daemon's own
    std::optional<std::string> limits = {}; ///< in words how many it lets in; nothing: all
};

/// One running instance of a service.
struct InstanceView {
    std::uint32_t number = 1; ///< of its worker
    std::string phase;        ///< to_string(Phase): "start-pre", "running", "stop-sigterm", ...
    bool draining = false;    ///< another one has taken its place
    std::optional<std::int64_t> main_pid;
    std::string status_text;  ///< the last STATUS=
    std::string peer = {};    ///< whose connection it serves; "" = of a service without `accept`
};

/// What is told of flows beside what they are as connections. Since the daemon started.
struct FlowsView {
    std::uint64_t continued = 0; ///< instances that began with what another one had left unread
    std::uint64_t idle = 0;      ///< ended by flow_idle_sec
    std::uint64_t lost = 0;      ///< datagrams
};

/// Whom a service with `accept` serves, an instance each.
struct ConnectionsView {
    struct Refused {
        std::uint64_t max_connections = 0, max_connections_per_source = 0, max_load = 0, access_times = 0, condition = 0;
    };
    std::uint32_t now = 0;
    std::optional<std::uint32_t> limit; ///< max_connections
    std::uint32_t most_of_a_source = 0;
    std::uint64_t accepted = 0; ///< since the daemon started
    std::uint64_t failed = 0;   ///< of these, whose program could not be started or failed
    Refused refused;
    std::optional<FlowsView> flows = {}; ///< of one that has UDP listeners
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
    std::vector<InstanceView> instances; ///< of connections a hundred at most
    std::vector<ListenerView> listeners;
    std::vector<std::string> files;
    std::optional<ConnectionsView> connections = {}; ///< of a service with `accept`
    std::string supervisor = {}; ///< "systemd": it starts and stops the service, we only steer to it; "" = we do all
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

} // namespace swathe
