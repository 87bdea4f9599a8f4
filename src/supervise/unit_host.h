#pragma once

#include "model/socket_stage.h"
#include "process/cgroup_tree.h"
#include "process/private_tmp.h"
#include "supervise/instance.h"
#include "supervise/live_socket.h"
#include "supervise/service_log.h"

#include <functional>

namespace swathe {

class ServiceUnit;

/// What a unit needs of its surroundings, so that it knows nothing else of them.
class UnitHost {
public:
    virtual ~UnitHost() = default;
    [[nodiscard]] virtual Status fill_slot(const LiveSocket& socket) = 0;
    virtual void empty_slot(const LiveSocket& socket) = 0;
    [[nodiscard]] virtual bool is_waited_for(pid_t pid) const = 0; ///< by any unit
    virtual void drain_notifications() = 0; ///< hands on every datagram that has come before now
    [[nodiscard]] virtual std::shared_ptr<ServiceLog> open_log(const std::string& service) = 0;
    /// Opens the sockets of a listener anew, at the same homes, with so many in a group.
    [[nodiscard]] virtual Result<std::vector<Group>> reopen(const Listener& listener, const LiveListener& closed, std::size_t members) = 0;
    [[nodiscard]] virtual Result<int> migration() = 0; ///< the program of dispatch/migration.h; borrowed
    /// Starts what the service requires and wants, and ends what is in conflict with it. `ready` comes, now or later, when those that it is to
    /// follow run and those others are gone, or with the reason why one that it requires does not run.
    virtual void start_needed(const ServiceUnit& unit, std::function<void(Status)> ready) = 0;
    /// Does the service name others, or do others name it? If not, it has to ask and to tell nobody.
    [[nodiscard]] virtual bool is_linked(const ServiceUnit& unit) const = 0;
    virtual void has_gone(const ServiceUnit& unit) = 0; ///< its last instance has ended
    virtual void has_come_to_rest(const ServiceUnit& unit, bool well) = 0; ///< and none follows; or it could not be started
    [[nodiscard]] virtual const CgroupTree& cgroups() const noexcept = 0;
    virtual void remove_later(std::shared_ptr<PrivateTmp> used) = 0;
    [[nodiscard]] virtual std::uint64_t packets(const LiveSocket& socket) const = 0; ///< that were meant for it, so far
    /// Connections that the socket takes from now on can be asked for by `tag`.
    [[nodiscard]] virtual Status tag(const LiveSocket& socket, std::uint64_t tag) = 0;
    /// Is there a connection with this tag in one of the namespaces? `answer` comes later; yes, if it cannot be found out.
    virtual void ask_connections(std::uint64_t tag, std::vector<std::shared_ptr<Site>> sites, std::function<void(bool)> answer) = 0;
    /// Runs the commands of a stage of the unit's service. `done` comes at once if there are none, later else; never, if the unit has
    /// left the configuration by then: its sockets are not its affair any more.
    virtual void run_socket_commands(const ServiceUnit& unit, SocketStage stage, std::function<void(const Status&)> done) = 0;
    /// Destroys an instance that has ended, later, outside of its own call stack.
    virtual void bury(std::unique_ptr<Instance> ended) = 0;
    virtual void emptied() = 0; ///< a unit has lost its last instance
};

} // namespace swathe
