#pragma once

#include "base/log.h"
#include "event/loop.h"
#include "process/child_watch.h"
#include "process/invocation_id.h"
#include "process/members.h"
#include "process/notify_socket.h"
#include "process/plan.h"
#include "process/dynamic_user.h"
#include "process/private_tmp.h"
#include "process/spawn.h"
#include "supervise/run.h"
#include "supervise/service_log.h"

#include <functional>
#include <memory>
#include <vector>

namespace swathe {

class Instance;

/// What an instance needs of the unit that it belongs to.
class InstanceHost {
public:
    virtual ~InstanceHost() = default;
    [[nodiscard]] virtual const Service& service() const noexcept = 0;
    [[nodiscard]] virtual const std::string& notify_path() const noexcept = 0;
    [[nodiscard]] virtual const CgroupTree& cgroups() const noexcept = 0;
    [[nodiscard]] virtual ServiceLog& output() noexcept = 0;
    virtual void remove_later(std::shared_ptr<PrivateTmp> used) = 0; ///< outside of the loop: there may be much in it
    /// For the processes of exec_start: the service's sockets, then what it has stored. Borrowed.
    [[nodiscard]] virtual std::vector<PassedFd> descriptors(const Instance& instance) = 0;
    /// Descriptors that came with FDSTORE=1, or the name that came with FDSTOREREMOVE=1.
    virtual void store(const Instance& instance, std::vector<UniqueFd> fds, const Notification& message) = 0;
    virtual void forget_restarts(const Instance& instance) = 0; ///< the next pause before a restart is the shortest again
    [[nodiscard]] virtual bool is_waited_for(pid_t pid) const = 0; ///< it is the main or a control process of an instance, of any service
    virtual void drain_notifications() = 0; ///< hands on every datagram that has come before now
    virtual void changed(Instance& instance) = 0; ///< its phase is another one; must not destroy it
    virtual void say(const Instance& instance, LogLevel level, const std::string& text) const = 0;

    // What an instance of one connection has otherwise.
    [[nodiscard]] virtual tl::expected<SpawnPlan, SpawnError> plan(const Command& command, std::string_view key, const RunFacts& facts) {
        return plan_spawn(service(), command, key, facts);
    }
    /// The control group that it shares with others of the service; nullptr = it is to have its own.
    [[nodiscard]] virtual std::shared_ptr<InstanceGroup> shared_group() { return nullptr; }
    /// Where the output of a process goes: OutputEnds that it may share with others.
    [[nodiscard]] virtual Result<std::shared_ptr<const OutputEnds>> open_output(const Command& command, std::optional<uid_t> owner);
    virtual void add_variables(std::vector<std::pair<std::string, std::string>>&) const {} ///< to those that are generated
    virtual void watches(pid_t) {}         ///< its main or control process
    virtual void watches_no_more(pid_t) {} ///< it has ended, or was left behind
};

[[nodiscard]] std::string describe(const Exit& exit); ///< "exited with status 1", for the log

/// One instance of a service as it runs: does what its Run says, and tells it what happened.
class Instance {
public:
    using Reloaded = std::function<void(Status)>; ///< called once

    /// `number`: of the worker, from 1; `group`: no other instance of the service has it now. `host` and `loop` outlive the instance.
    [[nodiscard]] static Result<std::unique_ptr<Instance>> create(Loop& loop, InstanceHost& host, std::uint32_t number,
                                                                  std::uint32_t group);
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;
    ~Instance() = default; ///< processes that are still there go on running

    void start();
    void stop(bool for_restart, std::optional<Duration> patience = std::nullopt); ///< patience: see StopRun
    void reload(Reloaded done);
    void change_limits(); ///< those of its control group, after a reload
    void hold(bool still); ///< its processes stand still, and nobody expects a word of them meanwhile

    void notified(const NotifySocket::Sender& sender, const Notification& message, std::vector<UniqueFd> fds);
    [[nodiscard]] bool owns(pid_t pid) const noexcept;    ///< is it the main or the control process?
    [[nodiscard]] bool believes(const NotifySocket::Sender& sender) const; ///< NotifyAccess=

    [[nodiscard]] const Run& run() const noexcept { return run_; }
    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    [[nodiscard]] std::uint32_t group() const noexcept { return group_; }
    [[nodiscard]] pid_t main_pid() const noexcept { return main_ ? main_->child().pid : 0; } ///< 0 = there is none
    [[nodiscard]] bool has_process() const noexcept { return main_ || control_; }
    [[nodiscard]] const std::string& status_text() const noexcept { return status_text_; }
    [[nodiscard]] const std::string& last_failure() const noexcept { return last_failure_; } ///< in words; "" = nothing failed
    /// Inodes of the sockets that it was given; of some it may be the last holder.
    [[nodiscard]] const std::vector<std::uint64_t>& inherited() const noexcept { return inherited_; }
    /// Which set of sockets it was started with, as its unit counts them.
    [[nodiscard]] std::uint64_t socket_set() const noexcept { return socket_set_; }
    void set_socket_set(std::uint64_t number) noexcept { socket_set_ = number; }

private:
    Instance(Loop& loop, InstanceHost& host, std::uint32_t number, std::uint32_t group)
        : loop_(loop), host_(host), number_(number), group_(group) {}

    void post(RunEvent event);
    void set_timer();
    void take(const RunEvent& event);
    void perform(const RunAction& action);
    void phase_changed(Phase from);

    void start_process(const StartProcess& order);
    [[nodiscard]] Result<pid_t> spawn_process(const StartProcess& order, SpawnStep& failed_at);
    [[nodiscard]] Status prepare_surroundings(SpawnStep& failed_at);
    [[nodiscard]] RunFacts facts_for(CommandKind kind) const;
    [[nodiscard]] Status watch_process(bool as_main, Child child);
    void send(const SendSignal& order);
    void main_exited(const Exit& exit);
    void control_exited(const Exit& exit);
    void look_for_others();
    void forget_processes();

    void find_main();
    [[nodiscard]] Result<bool> adopt_from_pid_file();
    [[nodiscard]] Status adopt_main(pid_t pid, bool trusted);
    [[nodiscard]] bool may_be_orphan(const Child& process) const;
    void said_main_pid(const NotifySocket::Sender& sender, pid_t pid);
    void say(LogLevel level, const std::string& text) const { host_.say(*this, level, text); }

    Loop& loop_;
    InstanceHost& host_;
    const std::uint32_t number_, group_;
    Run run_;
    std::vector<RunEvent> events_;
    bool draining_ = false;
    std::string invocation_;
    std::string status_text_, last_failure_;
    std::optional<Duration> held_watchdog_; ///< while it stands still: the interval that it had
    std::optional<NotifyAccess> notify_access_; ///< NOTIFYACCESS=
    std::vector<std::uint64_t> inherited_;
    std::uint64_t socket_set_ = 0;
    std::vector<Reloaded> reloads_;

    std::shared_ptr<PrivateTmp> tmp_;
    std::shared_ptr<const DynamicUser> dynamic_user_;
    std::uint64_t oom_kills_ = 0; ///< seen
    Members members_;
    std::optional<ChildWatch> main_, control_;
    std::optional<TimerSource> timer_;   ///< made when it is first needed: most connections need none
    std::optional<Monotonic> timer_set_; ///< to what, if it is
    std::optional<TimerSource> pid_file_look_; ///< while a pid file is waited for
    std::string pid_file_trouble_;             ///< what was wrong with it at the last look
};

} // namespace swathe
