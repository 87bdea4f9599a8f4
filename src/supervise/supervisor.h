#pragma once

#include "dispatch/connection_tags.h"
#include "event/worker.h"
#include "process/orphans.h"
#include "socket/live_lookup.h"
#include "supervise/beside.h"
#include "supervise/closing_sockets.h"
#include "supervise/dependencies.h"
#include "supervise/draft.h"
#include "supervise/live.h"
#include "supervise/service_logs.h"
#include "supervise/service_unit.h"
#include "supervise/tracing.h"
#include "supervise/view.h"
#include "supervise/world.h"

#include <map>
#include <unordered_set>

namespace swathe {

/// All services of one daemon and the dispatchers that feed them.
class Supervisor final : private UnitHost {
public:
    struct Options {
        std::string notify_path; ///< $NOTIFY_SOCKET of the services
        std::string cgroup_label; ///< CgroupTree::label_of()
    };
    struct Applied {
        std::vector<std::string> lines; ///< what was done
        Diagnostics warnings;           ///< what this machine had to say about it
    };
    using Outcome = tl::expected<Applied, Diagnostics>;
    using Done = ServiceUnit::Done;

    /// `own` is the daemon's network namespace; `maker` makes the sites of all others.
    [[nodiscard]] static Result<std::unique_ptr<Supervisor>> create(Loop& loop, std::shared_ptr<Site> own, SiteMaker maker, Options options);
    ~Supervisor() override;

    /// Brings sockets, rules and services to `next`. What cannot be done is found out before the one step that switches the
    /// dispatchers; until then nothing that runs has been touched, and on an error nothing is. Blocks: for the start, outside of the loop,
    /// which turns meanwhile where commands are run before sockets are opened.
    [[nodiscard]] Outcome apply(Config next);

    /// The same beside all that runs: `read` and all that takes long happen in another thread. One at a time; `done` is called once,
    /// later. Errors also: the daemon is shutting down.
    using Read = std::function<tl::expected<Config, Diagnostics>()>;
    void reload(Read read, std::function<void(Outcome)> done);

    /// Ends what a predecessor that was killed left in namespaces that the configuration names no more. For the start.
    void remove_abandoned();

    [[nodiscard]] ServiceUnit* find(const std::string& service); ///< nullptr = no such service

    /// The units that systemd supervises, and we do not.
    [[nodiscard]] Beside& beside() noexcept { return *beside_; }

    /// Stops a service, and before it those that cannot do without it or are a part of it. `done` when no process of it is left. Requires
    /// find(service).
    void stop(const std::string& service, Done done);
    /// Restarts it, and with it those that a stop takes with it. `done` when it runs anew. Requires find(service).
    void restart(const std::string& service, bool overlap, Done done);

    /// Detaches the dispatchers and stops every service, once a reload that is under way has been called off. `done` is called when
    /// no child is left.
    void shut_down(std::function<void()> done);

    [[nodiscard]] StatusView status(const std::string& service); ///< "" = all
    /// Asks the tables, the program and the whole kernel. The kernel's own lookup runs every program of the namespace, which count it.
    [[nodiscard]] Result<LiveAnswer> ask_live(const Part& part, const Flow& flow) const;
    [[nodiscard]] const World& world() const noexcept { return *world_; }
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; } ///< counts the worlds, from 1; 0 = none yet
    [[nodiscard]] Tracing& tracing() noexcept { return *tracing_; }
    [[nodiscard]] ServiceLogs& logs() noexcept { return *logs_; }

private:
    struct NetworkLook {
        std::vector<std::string> warnings;
        std::uint64_t generation = 0; ///< of the rules that were looked at
        Monotonic good_until{};
    };
    struct Reload; // one that is under way
    Supervisor(Loop& loop, std::shared_ptr<Site> own, SiteMaker maker, Options options);
    [[nodiscard]] Status open_parts();

    Status fill_slot(const LiveSocket& socket) override;
    void empty_slot(const LiveSocket& socket) override;
    void drain_notifications() override;
    std::shared_ptr<ServiceLog> open_log(const std::string& service) override;
    Result<std::vector<Group>> reopen(const Listener& listener, const LiveListener& closed, std::size_t members) override;
    Result<int> migration() override;

    [[nodiscard]] Running running() const;
    [[nodiscard]] Status number_sockets(Draft& draft);
    void give_back(Draft& draft);
    [[nodiscard]] Status grow_groups(const Draft& draft);
    [[nodiscard]] Status switch_to(Draft& draft, std::vector<std::unique_ptr<ServiceUnit>>& added);
    [[nodiscard]] Status publish_all(Draft& draft);
    [[nodiscard]] Applied commit(Draft& draft, std::vector<std::unique_ptr<ServiceUnit>> added);
    [[nodiscard]] std::vector<std::vector<LiveListener>> hand_over(Draft& draft, std::vector<bool>& with_new);
    void begin_in_order(const std::vector<std::uint32_t>& added);
    void leave_sites(const World& before);

    void open_after_commands(const std::shared_ptr<Reload>& reload);
    void build(const std::shared_ptr<Reload>& reload);
    void finish(const std::shared_ptr<Reload>& reload, Outcome outcome);
    [[nodiscard]] Outcome switch_and_commit(Draft& draft);
    [[nodiscard]] Outcome apply_in_loop(Config next);

    // socket_stages.cpp: commands around sockets
    [[nodiscard]] std::vector<std::shared_ptr<const Service>> opening(const Draft& draft);
    [[nodiscard]] std::shared_ptr<ServiceLog> log_for(const std::string& service);
    [[nodiscard]] bool is_taken_back(Reload& reload);
    void run_socket_commands(const ServiceUnit& unit, SocketStage stage, std::function<void(const Status&)> done) override;
    void let_go_of_sockets(ServiceUnit& unit);
    void close_sockets();

    [[nodiscard]] const std::vector<std::string>& network_warnings();
    void look_in_worker();
    void complain(const std::string& text);
    void begin_shut_down_if_asked();
    void retire(const std::string& name);
    void retire_who_may_go();
    void release(const LiveListener& listener);
    [[nodiscard]] const std::vector<LiveListener>& listeners_of(const Service& service) const;
    void sweep();
    [[nodiscard]] std::string why_unusable(ListenerRef ref, Family family) const;
    [[nodiscard]] std::optional<ListenerRef> owner_of(std::uint64_t cookie) const;
    [[nodiscard]] Result<Evidence> question_all(const Part& part, const Flow& flow, std::optional<LiveSocketFound>& found) const;
    void start_needed(const ServiceUnit& unit, std::function<void(Status)> ready) override;
    [[nodiscard]] bool is_linked(const ServiceUnit& unit) const override { return linked_.contains(unit.service().name); }
    void has_gone(const ServiceUnit& unit) override;
    void has_come_to_rest(const ServiceUnit& unit, bool well) override;
    [[nodiscard]] std::vector<Peer> peers() const;
    [[nodiscard]] bool acts_for(const ServiceUnit& unit) const;
    void stop_all(const std::vector<std::string>& services, const std::function<void()>& then);
    [[nodiscard]] bool is_waited_for(pid_t pid) const override;
    const CgroupTree& cgroups() const noexcept override { return *cgroups_; }
    void remove_later(std::shared_ptr<PrivateTmp> used) override;
    std::uint64_t packets(const LiveSocket& socket) const override;
    Status tag(const LiveSocket& socket, std::uint64_t tag) override;
    void ask_connections(std::uint64_t tag, std::vector<std::shared_ptr<Site>> sites, std::function<void(bool)> answer) override;
    void bury(std::unique_ptr<Instance> ended) override;
    void emptied() override;
    [[nodiscard]] std::vector<TraceSource> trace_sources();
    void notified(const NotifySocket::Sender& sender, const Notification& message, std::vector<UniqueFd> fds);

    Loop& loop_;
    const SiteMaker maker_;
    Options options_;
    std::shared_ptr<const World> world_;
    std::uint64_t generation_ = 0;
    std::unique_ptr<ServiceLogs> logs_; ///< before the units, which hold its logs
    std::optional<CgroupTree> cgroups_; ///< before the units, whose groups are in it
    std::optional<ConnectionTags> tags_; ///< made for the first service with idle_stop_sec
    UniqueFd migration_; ///< loaded for the first group that shrinks
    std::unique_ptr<SocketCommands> commands_; ///< before all that asks for them
    std::unique_ptr<ClosingSockets> closing_;
    std::function<void()> when_closed_; ///< a reload waits for sockets to be closed: those that it opens anew, or has prepared
    std::map<std::string, std::shared_ptr<ServiceLog>> early_logs_; ///< of services that a reload is to bring
    std::map<std::string, std::unique_ptr<ServiceUnit>> units_;
    std::set<std::string> linked_; ///< linked_services() of the world
    std::unique_ptr<Beside> beside_;
    std::vector<std::unique_ptr<ServiceUnit>> leaving_; ///< removed from the configuration, child not yet gone
    std::optional<NotifySocket> notify_;
    std::optional<Orphans> orphans_;
    std::vector<std::unique_ptr<Instance>> graveyard_; ///< ended
    std::optional<DeferSource> sweep_; ///< deletes units and instances that have ended, outside their own call stacks
    unsigned unsettled_ = 0; ///< reloads whose draft may still change local routes
    std::unique_ptr<Tracing> tracing_;
    std::function<void()> shut_down_done_;
    std::optional<NetworkLook> look_; ///< the last one; made when status is asked, and by a reload
    bool looking_ = false;            ///< one is being made in the worker
    RateLimit complaints_{std::chrono::seconds(10), 5};
    std::optional<Worker> worker_; ///< last: ended before all that its jobs refer to
};

} // namespace swathe
