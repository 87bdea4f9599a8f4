#pragma once

#include "supervise/live_socket.h"
#include "supervise/socket_commands.h"

#include <functional>
#include <string>
#include <vector>

namespace swathe {

/// The sockets of services that have left the configuration, or leave it with the daemon, and have commands to be run around the close.
/// In systemd's order (a socket unit stops after the service that it starts): the processes of the service end, then socket_stop_pre, the
/// close, socket_stop_post. Each is told in the log if it fails, and keeps nothing.
class ClosingSockets {
public:
    using HasProcesses = std::function<bool(const std::string& service)>;

    /// `release` is called with each listener just before its sockets close. `commands` outlives this.
    ClosingSockets(SocketCommands& commands, std::function<void(const LiveListener&)> release)
        : commands_(commands), release_(std::move(release)) {}
    ClosingSockets(const ClosingSockets&) = delete;
    ClosingSockets& operator=(const ClosingSockets&) = delete;

    struct Leaving {
        std::shared_ptr<const Service> service;
        std::shared_ptr<ServiceLog> log;
        std::vector<LiveListener> listeners; ///< none: they could not be opened
        bool pre_has_run = false;            ///< socket_stop_pre has been run, or runs
    };
    void add(Leaving leaving); ///< start commands of it that run are called off
    /// Goes on with all whose time has come. To be called when processes or commands have ended.
    void go_on(const HasProcesses& has_processes);

    [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
    [[nodiscard]] bool has(const std::string& service) const noexcept;
    template <class Visit> void each_socket(Visit visit) const {
        for (const auto& one : all_)
            for (const LiveListener& listener : one->listeners)
                for (const LiveSocket& socket : listener.sockets) visit(socket);
    }

private:
    struct One : Leaving {
        bool begun = false;
    };
    void begin(const std::shared_ptr<One>& one);
    void close(const std::shared_ptr<One>& one);

    SocketCommands& commands_;
    std::function<void(const LiveListener&)> release_;
    std::vector<std::shared_ptr<One>> all_;
};

} // namespace swathe
