#pragma once

#include "base/rate_limit.h"
#include "process/plan_cache.h"
#include "supervise/gates.h"
#include "supervise/group_end.h"
#include "supervise/session.h"
#include "supervise/unit_host.h"

#include <array>
#include <unordered_map>

namespace swathe {

/// The connections that a service with `accept` serves, an instance each: who comes in, and all that these instances share.
class Connections {
public:
    struct Counts {
        std::uint64_t accepted = 0; ///< and served, since the daemon started; the next one has this number
        std::uint64_t failed = 0;   ///< of these, whose instance could not be started or failed
        std::array<std::uint64_t, kTurnedAwayReasons> refused{};
    };

    /// `changed`: one has ended, or the last who was left of some. `host` and `loop` outlive this.
    [[nodiscard]] static Result<std::unique_ptr<Connections>> create(Loop& loop, UnitHost& host, std::string notify_path,
                                                                      std::shared_ptr<ServiceLog> log, std::function<void()> changed);
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;
    ~Connections();

    /// Has the packet path keep out whom a limit that drops would refuse. Before use().
    void keep_gates(Gates::Kernel kernel) { gates_.emplace(std::move(kernel)); }

    /// At first and after a reload: for those who come from now on. The others keep what they were started with.
    void use(const Service& service);

    /// Serves who is connected by `fd`, or refuses to: then it is closed. `listener` is where it came from.
    void serve(UniqueFd fd, ConnectionEnds ends, const Listener& listener, SocketKeeper* keeper = nullptr);
    [[nodiscard]] bool admits(const ConnectionEnds& ends); ///< would it be served? If not it is refused
    /// Who else comes is to wait in the backlog: max_connections_hit = queue.
    [[nodiscard]] bool is_shut() const noexcept { return door_.is_shut(*service_); }

    void stop(bool for_restart); ///< all; `changed` is called for each
    void hold(bool still);       ///< their processes stand still

    [[nodiscard]] bool empty() const noexcept { return living_.empty() && !group_end_; } ///< nor is anybody left who is to end
    [[nodiscard]] const std::vector<std::unique_ptr<Session>>& living() const noexcept { return living_; }
    [[nodiscard]] const Door& door() const noexcept { return door_; }
    [[nodiscard]] const Counts& counts() const noexcept { return counts_; }
    [[nodiscard]] bool has_group() const noexcept { return group_ != nullptr; } ///< number 0 of the service's control groups
    [[nodiscard]] bool owns(pid_t pid) const noexcept { return processes_.contains(pid); } ///< is it a process that is waited for?
    [[nodiscard]] Instance* speaker(const NotifySocket::Sender& sender) const; ///< nullptr = nobody that is believed

    // For a Session.
    [[nodiscard]] const std::string& notify_path() const noexcept { return notify_path_; }
    [[nodiscard]] UnitHost& host() noexcept { return host_; }
    [[nodiscard]] ServiceLog& output() noexcept { return *log_; }
    [[nodiscard]] tl::expected<SpawnPlan, SpawnError> plan(const std::shared_ptr<const Service>& service, const Command& command,
                                                           std::string_view key, const RunFacts& facts);
    [[nodiscard]] std::shared_ptr<InstanceGroup> group_for(const Service& service);
    /// nullptr: it is to have its own.
    [[nodiscard]] Result<std::shared_ptr<const OutputEnds>> output_for(const std::shared_ptr<const Service>& service,
                                                                       const Command& command, std::optional<uid_t> owner);
    void watches(pid_t pid, Session& connection) { processes_[pid] = &connection; }
    void watches_no_more(pid_t pid) { processes_.erase(pid); }
    void ended(Session& connection);
    void complain(LogLevel level, const std::string& text); ///< so much in so long: whoever connects can make us say it

private:
    Connections(Loop& loop, UnitHost& host, std::string notify_path, std::shared_ptr<ServiceLog> log, std::function<void()> changed);

    [[nodiscard]] std::shared_ptr<const Service> service_for(const ConnectionEnds& ends) const;
    [[nodiscard]] DoorFacts facts();
    [[nodiscard]] double load();
    void refuse(TurnedAway why, const ConnectionEnds& ends);
    void enter(const SourceKey& source);
    void leave(const SourceKey& source);
    void greet(int fd, const Service& service);
    void tell_of_start(const Session& connection);
    void tell_of_end(const Session& connection);
    void forget_directories(const Session& connection);
    void end_group();
    void group_ended();
    void say(LogLevel level, const std::string& text) const;

    Loop& loop_;
    UnitHost& host_;
    std::string notify_path_;
    std::shared_ptr<ServiceLog> log_;
    std::function<void()> changed_;
    std::shared_ptr<const Service> service_; ///< without its listeners: who lives on must not hold an old configuration
    bool differs_ = false; ///< from instance to instance: the service names it
    bool stopping_ = false, for_restart_ = false;
    Door door_;
    std::optional<Gates> gates_;
    Counts counts_;
    PlanCache plans_;
    double load_ = 0;
    Monotonic load_until_{};
    std::shared_ptr<InstanceGroup> group_;
    std::unique_ptr<GroupEnd> group_end_; ///< while it stops
    std::shared_ptr<const OutputEnds> output_; ///< of the first command of exec_start
    std::optional<uid_t> output_owner_;
    RateLimit complaints_{std::chrono::seconds(10), 5};
    std::uint64_t unsaid_ = 0;
    std::unordered_map<pid_t, Session*> processes_;
    std::vector<std::unique_ptr<Session>> living_, ended_;
    std::optional<TimerSource> sweep_; ///< deletes those that have ended, outside their own call stacks, if nobody comes before
    bool sweeping_ = false;            ///< it is set
};

} // namespace swathe
