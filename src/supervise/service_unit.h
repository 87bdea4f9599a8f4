#pragma once

#include "base/log.h"
#include "event/loop.h"
#include "process/child_watch.h"
#include "process/notify_socket.h"
#include "process/spawn.h"
#include "socket/open.h"
#include "supervise/lifecycle.h"

#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace swathe {

struct Site;

/// A bound socket and its place in the SOCKMAP. The socket is empty while the listener is closed.
struct LiveSocket {
    static constexpr std::uint32_t kNoSlot = 0xffffffff;

    BoundSocket bound;
    std::uint32_t slot = kNoSlot; ///< of the dispatcher of `site`
    std::shared_ptr<Site> site; ///< the network namespace that it is in
};

/// The sockets of one listener: one, or two with family_sockets = "split" and after a reload that added a family.
struct LiveListener {
    std::vector<LiveSocket> sockets;
};

/// The slot of the socket that takes packets of `family`, if there is one.
[[nodiscard]] std::optional<std::uint32_t> slot_for(const std::vector<LiveSocket>& sockets, Family family) noexcept;

/// How often a unit mends listeners that are shut down while it watches them: whoever still holds them must not keep the loop busy.
inline constexpr std::uint32_t kMostRevivals = 5;
inline constexpr Duration kRevivalWindow = std::chrono::seconds(10);

/// What a unit needs of its surroundings, so that it knows nothing else of them.
class UnitHost {
public:
    virtual ~UnitHost() = default;
    [[nodiscard]] virtual Status fill_slot(const LiveSocket& socket) = 0;
    virtual void empty_slot(const LiveSocket& socket) = 0;
    virtual void drain_notifications() = 0; ///< hands on every datagram that has come before now
    /// Opens the sockets of a listener anew, at the same homes.
    [[nodiscard]] virtual Result<std::vector<BoundSocket>> reopen(const Listener& listener, const LiveListener& closed) = 0;
};

/// One service as it runs: does what the lifecycle says, and tells it what happened.
class ServiceUnit {
public:
    using Done = std::function<void(Status)>;

    /// Has no listeners yet: replace() gives them. `host` and `loop` outlive the unit.
    [[nodiscard]] static Result<std::unique_ptr<ServiceUnit>> create(Loop& loop, UnitHost& host, std::string notify_path,
                                                                      std::shared_ptr<const Service> service);
    ServiceUnit(const ServiceUnit&) = delete;
    ServiceUnit& operator=(const ServiceUnit&) = delete;
    ~ServiceUnit() = default;

    void begin(); ///< eager: starts; on-demand: watches
    void start(Done done);
    void stop(Done done);
    void restart(Done done);

    /// The service and its sockets, index for index; at first and after a reload. A running child keeps what it inherited.
    void replace(std::shared_ptr<const Service> service, std::vector<LiveListener> listeners, bool with_new_sockets);
    /// The listeners, given up by a unit that is about to be removed or changed. They are no longer watched.
    [[nodiscard]] std::vector<LiveListener> take_listeners();
    /// The same, for a unit that will only be stopped: it no longer refers to the configuration it came from.
    [[nodiscard]] std::vector<LiveListener> leave_configuration();

    void notified(const Notification& message); ///< from the main process

    [[nodiscard]] const Service& service() const noexcept { return *service_; }
    [[nodiscard]] const Lifecycle& lifecycle() const noexcept { return lifecycle_; }
    [[nodiscard]] const std::vector<LiveListener>& listeners() const noexcept { return listeners_; }
    [[nodiscard]] pid_t main_pid() const noexcept { return child_ ? child_->child().pid : 0; }
    [[nodiscard]] const std::string& status_text() const noexcept { return status_text_; }
    /// In words why the last start or run failed; "" = it did not.
    [[nodiscard]] std::string why_it_failed() const { return lifecycle_.result == ServiceResult::success ? std::string() : last_failure_; }
    [[nodiscard]] std::uint32_t starts() const noexcept { return starts_; }
    [[nodiscard]] std::uint32_t restarts() const noexcept { return restarts_; }
    [[nodiscard]] std::int64_t since_usec() const noexcept { return since_usec_; } ///< CLOCK_REALTIME of the last state change
    /// Sockets were opened that the running child did not inherit: who comes there waits for its next start.
    [[nodiscard]] bool lacks_sockets() const noexcept { return child_.has_value() && lacks_sockets_; }
    [[nodiscard]] std::string hint_of_restart() const; ///< what to do about it
    [[nodiscard]] bool has_child() const noexcept { return child_.has_value(); }
    /// Inodes of the sockets that the running child was given; of some it may be the last holder.
    [[nodiscard]] const std::vector<std::uint64_t>& inherited() const noexcept { return inherited_; }
    /// The service is down, and the slots of the listeners that do not want to queue are empty.
    [[nodiscard]] bool slots_empty() const noexcept { return slots_empty_; }

private:
    ServiceUnit(Loop& loop, UnitHost& host, std::string notify_path, std::shared_ptr<const Service> service);

    enum class Awaited { running, gone };
    struct Waiter {
        Awaited what;
        Done done;
    };

    void post(Event event);
    void take(const Event& event);
    [[nodiscard]] bool perform(const Action& action);
    void settle();
    void changed();

    void arm();
    void disarm();
    void woken(std::size_t source, std::size_t listener, std::size_t socket, std::uint32_t revents);
    void revive_listeners();
    void revive_socket(std::size_t listener, std::size_t socket);
    void close_listeners();
    [[nodiscard]] Status open_listeners();
    void keep_slots();
    void fill_slots();
    void spawn_child();
    void child_exited(const Exit& exit);

    void say(LogLevel level, const std::string& text) const;

    Loop& loop_;
    UnitHost& host_;
    std::string notify_path_;
    std::shared_ptr<const Service> service_;
    LifecyclePolicy policy_;
    Lifecycle lifecycle_;
    std::vector<LiveListener> listeners_;
    std::vector<std::uint64_t> inherited_;
    std::deque<Event> events_;
    bool draining_ = false;
    bool slots_empty_ = false; ///< of the listeners that say when_down = drop or pass
    bool lacks_sockets_ = false;
    std::vector<Waiter> waiters_;
    std::string status_text_;
    std::string last_failure_; ///< why the last start or run failed, for who asked
    std::uint32_t starts_ = 0;
    std::uint32_t restarts_ = 0;
    std::int64_t since_usec_ = 0;
    RateLimit revivals_{kRevivalWindow, kMostRevivals};

    std::optional<ChildWatch> child_;
    std::optional<TimerSource> timer_;
    std::vector<IoSource> sources_; ///< one per socket while armed; declared last: destroyed before the sockets
};

} // namespace swathe
