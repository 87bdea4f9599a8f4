#pragma once

#include "model/socket_stage.h"
#include "process/cgroup_tree.h"
#include "supervise/service_log.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace swathe {

/// Runs the commands around the sockets of services, in the loop and beside all else: systemd.socket(5), ExecStartPre= and its kin.
///
/// Why in the loop, though sockets are opened in a worker: a child's memory is ours until its exec, which one thread alone can keep in
/// order (process/spawn.cpp); children are reaped here, and their output is read here. So a reload comes back to the loop between planning
/// its sockets and opening them, and whoever wants to go on when commands have ended says so by a callback. Nothing waits.
///
/// A socket unit of systemd's has surroundings of its own: its commands are root's, and have nothing of the user, environment, limits and
/// protections of the service, and no socket. They log where the service does.
class SocketCommands {
public:
    using Done = std::function<void(const Status&)>; ///< called once

    /// `changed` is called each time that a list has ended, after its `done`. `loop` and `cgroups` outlive this.
    [[nodiscard]] static Result<std::unique_ptr<SocketCommands>> create(Loop& loop, const CgroupTree& cgroups,
                                                                        std::function<void()> changed);
    SocketCommands(const SocketCommands&) = delete;
    SocketCommands& operator=(const SocketCommands&) = delete;
    ~SocketCommands(); ///< processes that are still there go on running

    /// Runs the commands of one stage, after those of the same service that were asked for before. `done` is told now if there are none, or
    /// the first one cannot be started; else later. The error names key, place and what has gone wrong.
    void run(std::shared_ptr<const Service> service, std::shared_ptr<ServiceLog> log, SocketStage stage, Done done);
    /// Start commands of the service that run are asked to end, and those that have not begun are not run: their `done` has an error.
    /// Those of a stop go on, each within its time.
    void call_off(const std::string& service);
    void call_off_all();

    [[nodiscard]] bool owns(pid_t pid) const noexcept; ///< is it a process that is waited for?
    [[nodiscard]] bool is_busy(const std::string& service) const noexcept;
    [[nodiscard]] bool empty() const noexcept { return lists_.empty(); }

private:
    class List;
    SocketCommands(Loop& loop, const CgroupTree& cgroups, std::function<void()> changed);
    void begin_next(const std::string& service);
    void ended(List& list);

    Loop& loop_;
    const CgroupTree& cgroups_;
    std::function<void()> changed_;
    std::vector<std::unique_ptr<List>> lists_; ///< in the order in which they were asked for; of one service the first one runs
    std::vector<std::unique_ptr<List>> past_;  ///< ended; destroyed outside their own call stacks
    DeferSource sweep_;
};

/// Logs what commands whose failure keeps nothing have answered, if it was one.
void tell_failure(const Service& service, const Status& commands);

} // namespace swathe
