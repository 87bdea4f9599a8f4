#pragma once

#include "process/fd_store.h"
#include "supervise/arming.h"
#include "supervise/idle.h"
#include "supervise/lifecycle.h"
#include "supervise/unit_host.h"

#include <deque>

namespace swathe {

class Connections;
class Flows;

/// How often a unit mends listeners that are shut down while it watches them: whoever still holds them must not keep the loop busy.
inline constexpr std::uint32_t kMostRevivals = 5;
inline constexpr Duration kRevivalWindow = std::chrono::seconds(10);

/// One service as it runs: its workers, and the sockets that they share. Does what their lifecycles say, and tells them what happened.
class ServiceUnit final : private InstanceHost {
public:
    using Done = std::function<void(Status)>;

    /// Has no listeners yet: replace() gives them. `host` and `loop` outlive the unit.
    [[nodiscard]] static Result<std::unique_ptr<ServiceUnit>> create(Loop& loop, UnitHost& host, std::string notify_path,
                                                                      std::shared_ptr<const Service> service);
    ServiceUnit(const ServiceUnit&) = delete;
    ServiceUnit& operator=(const ServiceUnit&) = delete;
    ~ServiceUnit() override;

    void begin(); ///< eager: starts; on-demand: watches
    void start(Done done);   ///< done when all workers run
    void call();             ///< starts for the sake of another service: its start limit holds
    void stop(Done done);    ///< done when no process is left
    void let_go(Done done);  ///< the same for the sake of another service: traffic starts it again
    /// One worker after the other where there are several. With `overlap` each ends only when its successor is up; if that does not come up,
    /// the old one stays, and so do those whose turn has not come.
    void restart(bool overlap, Done done);
    /// New connections wait in the backlog until resume(), or for `longest`: nothing is started for them, and the processes of an instance
    /// that runs stand still, with what they have.
    void pause(Duration longest);
    void resume();
    void reload_service(Done done); ///< its own reload: exec_reload, or reload_signal

    /// The service and its sockets, index for index; at first and after a reload. A running child keeps what it inherited.
    void replace(std::shared_ptr<const Service> service, std::vector<LiveListener> listeners, bool with_new_sockets);
    /// The listeners, given up by a unit that is about to be removed or changed. They are no longer watched.
    [[nodiscard]] std::vector<LiveListener> take_listeners();
    /// The same, for a unit that will only be stopped: it no longer refers to the configuration it came from.
    [[nodiscard]] std::vector<LiveListener> leave_configuration();

    /// Members for workers to come: nothing is sent to them until their worker runs, or nobody does. `next`: the listener as it will be.
    [[nodiscard]] Status grow_groups(std::size_t listener, const Listener& next, std::size_t members);
    void trim_groups(); ///< closes the members of workers that are no more

    /// From a process of ours that may speak (NotifyAccess=). False: it is none.
    bool notified(const NotifySocket::Sender& sender, const Notification& message, std::vector<UniqueFd>& fds);

    /// A worker for those who look: its instance, or its draining ones.
    struct Worker {
        std::uint32_t number = 1;
        Lifecycle life;
        std::unique_ptr<Instance> instance, successor;
        std::unique_ptr<FdStore> store;
        std::optional<TimerSource> timer;
    };

    [[nodiscard]] const Service& service() const noexcept override { return *service_; }
    [[nodiscard]] const std::vector<std::unique_ptr<Worker>>& workers() const noexcept { return workers_; }
    [[nodiscard]] const std::vector<std::unique_ptr<Instance>>& draining() const noexcept { return draining_; }
    [[nodiscard]] const Connections* connections() const noexcept { return connections_.get(); } ///< nullptr: no `accept`, nor had it
    [[nodiscard]] const Flows* flows() const noexcept { return flows_.get(); }                   ///< the same, of UDP
    [[nodiscard]] std::uint64_t tag() const noexcept { return tag_; } ///< of the connections of its listeners
    [[nodiscard]] const std::vector<LiveListener>& listeners() const noexcept { return listeners_; }
    [[nodiscard]] State state() const noexcept; ///< running if any worker is, else the first one's
    [[nodiscard]] bool is_starting() const noexcept; ///< or waits for those that come before it
    [[nodiscard]] const Lifecycle& lifecycle() const noexcept { return workers_.front()->life; }
    [[nodiscard]] pid_t main_pid() const noexcept; ///< of the first worker; 0 = none
    [[nodiscard]] bool owns(pid_t pid) const noexcept; ///< is it a process that is waited for?
    [[nodiscard]] const std::string& status_text() const noexcept;
    /// In words why the last start or run failed; "" = it did not.
    [[nodiscard]] std::string why_it_failed() const { return lifecycle().result == ServiceResult::success ? std::string() : last_failure_; }
    [[nodiscard]] std::uint32_t starts() const noexcept { return starts_; }
    [[nodiscard]] std::uint32_t restarts() const noexcept { return restarts_; }
    [[nodiscard]] std::int64_t since_usec() const noexcept { return since_usec_; } ///< CLOCK_REALTIME of the last state change
    [[nodiscard]] bool is_held() const noexcept { return arming_.held(now()); } ///< pause() is in force
    /// Sockets were opened that the running child did not inherit: who comes there waits for its next start.
    [[nodiscard]] bool lacks_sockets() const noexcept;
    [[nodiscard]] std::string hint_of_restart() const; ///< what to do about it
    [[nodiscard]] bool has_instance() const noexcept; ///< one has not ended
    [[nodiscard]] bool will_restart() const noexcept; ///< without being asked
    /// Inodes of the sockets that its instances were given; of some they may be the last holders.
    [[nodiscard]] std::vector<std::uint64_t> inherited() const;
    /// A command that is run around its sockets keeps it from serving: they were opened just now, or are being closed.
    enum class Around : std::uint8_t { nothing, start, stop };
    [[nodiscard]] Around around() const noexcept { return around_; }
    [[nodiscard]] bool is_closed() const noexcept { return closed_; } ///< its listeners are
    [[nodiscard]] const std::shared_ptr<const Service>& shared_service() const noexcept { return service_; }
    [[nodiscard]] const std::shared_ptr<ServiceLog>& own_log() const noexcept { return log_; }
    /// The service is down, and the slots of the listeners that do not want to queue are empty.
    [[nodiscard]] bool slots_empty() const noexcept { return slots_empty_; }

private:
    ServiceUnit(Loop& loop, UnitHost& host, std::string notify_path, std::shared_ptr<const Service> service);

    enum class Awaited { running, gone };
    struct Waiter {
        Awaited what;
        Done done;
    };
    /// A restart of one worker after the other.
    struct Roll {
        std::size_t worker = 0;
        bool overlap = false;
        const Instance* old = nullptr; ///< only compared
        bool begun = false;
        Done done;
    };
    /// Of one socket.
    struct Place {
        std::size_t listener = 0, socket = 0, member = 0;
        friend bool operator==(const Place&, const Place&) noexcept = default;
    };
    struct Posted {
        Worker* worker;
        Event event;
    };

    // service_workers.cpp: lifecycles
    void post(Worker& worker, Event event);
    void post_to_all(const Event& event);
    void begin_start(const Event& event);
    void await_needed(std::string_view in_vain, std::function<void(bool ready)> then);
    void drain_events();
    void take(Worker& worker, const Event& event);
    [[nodiscard]] bool perform(Worker& worker, const Action& action);
    [[nodiscard]] bool start_instance(Worker& worker, bool as_successor);
    [[nodiscard]] std::string behind_skip(const std::string& text) const;
    [[nodiscard]] bool may_start(Worker& worker, bool as_successor);
    void succeed(Worker& worker);
    void worker_changed(Worker& worker);
    void note_time();
    void settle();
    void forget_workers();
    void forget_directories();
    [[nodiscard]] std::uint32_t free_group() const;
    void tell_others();
    void answer_waiters();
    void roll_on();
    void finish_roll(Status outcome);
    void resize_workers();
    void dismiss_workers();
    [[nodiscard]] Status make_workers();
    [[nodiscard]] Worker* worker_of(const Instance& instance) const noexcept;
    [[nodiscard]] Instance* speaker(const NotifySocket::Sender& sender) const noexcept;
    template <class Visit> void each_instance(Visit visit) const {
        for (const auto& worker : workers_) {
            if (worker->instance) visit(*worker->instance);
            if (worker->successor) visit(*worker->successor);
        }
        for (const auto& instance : draining_) visit(*instance);
    }

    const std::string& notify_path() const noexcept override { return notify_path_; }
    const CgroupTree& cgroups() const noexcept override { return host_.cgroups(); }
    ServiceLog& output() noexcept override { return *log_; }
    void remove_later(std::shared_ptr<PrivateTmp> used) override { host_.remove_later(std::move(used)); }
    std::vector<PassedFd> descriptors(const Instance& instance) override;
    void store(const Instance& instance, std::vector<UniqueFd> fds, const Notification& message) override;
    void forget_restarts(const Instance& instance) override;
    bool is_waited_for(pid_t pid) const override { return host_.is_waited_for(pid); }
    void drain_notifications() override { host_.drain_notifications(); }
    void changed(Instance& instance) override;
    void say(const Instance& instance, LogLevel level, const std::string& text) const override;

    // service_sockets.cpp: listeners
    void watch_as_needed();
    void watch_allowed();
    [[nodiscard]] bool is_wanted(const Place& place) const noexcept;
    [[nodiscard]] std::vector<Place> places() const;
    [[nodiscard]] const BoundSocket& at(const Place& place) const noexcept;
    void watch(const Place& place);
    void disarm() { sources_.clear(); }
    void arming_changed();
    void carry_arming_over(const Service& before);
    void hold_instances(bool still);
    void woken(Place place, std::uint32_t revents);

    // service_commands.cpp: commands around the listeners
    [[nodiscard]] bool must_open() const noexcept;
    void hold_start(const Event& event);
    void open_with_commands();
    void close_with_commands();
    void cannot_open(const Error& error);
    void begin_failed(const Error& error);
    void go_on();
    void run_commands(SocketStage stage, std::function<void(const Status&)> done);

    // service_accept.cpp: an instance for each connection
    [[nodiscard]] Status make_connections();
    void accept_changed(const Service& before);
    struct AcceptTurn {
        Monotonic end{}; ///< then others have theirs
        int taken = 0;
    };
    void accept_from(const Place& place);
    [[nodiscard]] bool may_accept(const Place& place, AcceptTurn& turn); ///< asked before each, which it counts
    [[nodiscard]] bool accept_one(const Place& place);
    void cannot_accept(const Place& place, int error);
    [[nodiscard]] bool awaits_needed_first(const Place& place);
    void call_off_start();
    void stop_connections(Worker& worker, bool for_restart);
    void connection_ended();
    [[nodiscard]] bool is_listening(const Worker& worker) const noexcept; ///< and so as good as running

    // service_flows.cpp: an instance for each flow
    [[nodiscard]] Status make_flows();
    void serve_flows(const Place& place, AcceptTurn& turn);
    void serve_waiting_flows();
    void forget_entrances();

    // service_group.cpp: sockets of the workers' own
    [[nodiscard]] bool has_groups() const noexcept;
    [[nodiscard]] std::vector<std::size_t> serving(const LiveSocket& socket) const;
    void spread_traffic(bool anew);
    void spread(const LiveSocket& socket) const;
    [[nodiscard]] bool is_used(std::size_t member) const;

    // service_idle.cpp: when nobody uses the service any more
    void follow_idleness();
    void look_for_use();
    void use_found(bool connections, std::uint64_t asked_in);
    void act_on(IdleNext next);
    [[nodiscard]] IdleSigns signs_of_use() const;
    void tag_listeners();
    void revive_listeners();
    void revive_socket(const Place& place);
    void replace_socket(std::size_t listener, const std::string& why);
    void flush_listeners() const;
    void close_listeners();
    [[nodiscard]] Status open_listeners(); ///< all, or none
    [[nodiscard]] Status open_listener(std::size_t number);
    void keep_slots();
    void fill_slots();

    void say(LogLevel level, const std::string& text) const;

    Loop& loop_;
    UnitHost& host_;
    std::string notify_path_;
    std::shared_ptr<const Service> service_;
    std::vector<LiveListener> listeners_;
    std::vector<std::unique_ptr<Worker>> workers_; ///< never empty; those beyond service_->workers are on their way out
    std::vector<std::unique_ptr<Instance>> draining_;
    std::deque<Posted> events_;
    bool draining_events_ = false;
    std::shared_ptr<ServiceLog> log_;
    Arming arming_;
    std::optional<TimerSource> arming_timer_;
    bool watches_all_ = false;    ///< traffic of any listener starts the service
    std::vector<const Instance*> serving_; ///< for whom spread_traffic() was done; only compared
    std::optional<TimerSource> dismissal_; ///< of workers that are too many
    bool standing_still_ = false; ///< hold_instances() was told so
    const std::uint64_t tag_;     ///< of the connections of its listeners
    Idle idle_;
    std::optional<TimerSource> idle_timer_;
    bool watches_use_ = false;    ///< idle_ is about the run that is under way
    std::uint64_t idle_run_ = 0;  ///< counts these
    bool directories_used_ = false;
    bool gone_untold_ = false, rest_untold_ = false; ///< what is to be told when it comes true: see UnitHost
    bool awaits_needed_ = false; ///< a start waits for other services
    bool start_called_off_ = false; ///< and is not to follow
    bool closed_ = false;      ///< the listeners are
    Around around_ = Around::start;    ///< until begin()
    std::optional<Event> held_start_;  ///< asked for meanwhile
    bool slots_empty_ = false; ///< of the listeners that say when_down = drop or pass
    std::uint64_t socket_set_ = 0; ///< counts the sets of sockets that instances may have inherited
    std::unique_ptr<Connections> connections_;
    DeferSource flows_again_;       ///< datagrams wait that were read already
    std::unique_ptr<Flows> flows_;  ///< of connections_
    bool was_shut_ = false;     ///< connections_ let nobody in at the last look
    bool needed_ready_ = false; ///< those that it is to follow run: the connection that waits for them may be accepted
    Duration needed_pause_{};   ///< before they are asked again
    std::vector<Waiter> waiters_;
    std::optional<Roll> roll_;
    std::string last_failure_; ///< why the last start or run failed, for who asked
    std::string skipped_for_;  ///< the condition that was not met at the last start; "" = all were
    std::uint32_t starts_ = 0;
    std::uint32_t restarts_ = 0;
    std::int64_t since_usec_ = 0;
    RateLimit revivals_{kRevivalWindow, kMostRevivals};

    struct Watched {
        Place place;
        IoSource source;
    };
    std::vector<Watched> sources_; ///< one per socket while armed; declared last: destroyed before the sockets
};

} // namespace swathe
