#pragma once

#include "classify/tables.h"
#include "dispatch/dispatcher.h"
#include "process/orphans.h"
#include "socket/live_lookup.h"
#include "supervise/live.h"
#include "supervise/reload_plan.h"
#include "supervise/service_unit.h"
#include "supervise/view.h"

#include <map>
#include <unordered_set>

namespace swathe {

/// What is in force: a configuration, the rules cut from it, and the tables of the running generation.
struct World {
    Config config;
    RuleSet rules;
    Tables tables;
};

/// All services of one daemon and the dispatcher that feeds them.
class Supervisor final : private UnitHost {
public:
    struct Options {
        NetNamespace ns;
        std::string pin_path;    ///< of the dispatcher's link
        std::string notify_path; ///< $NOTIFY_SOCKET of the services
    };
    struct Applied {
        std::vector<std::string> lines; ///< what was done
        Diagnostics warnings;           ///< what this machine had to say about it
    };
    using Done = ServiceUnit::Done;

    [[nodiscard]] static Result<std::unique_ptr<Supervisor>> create(Loop& loop, Options options);
    ~Supervisor() override;

    /// Brings sockets, rules and services to `next`. What cannot be done is found out before the one step that switches the
    /// dispatcher; until then nothing that runs has been touched, and on an error nothing is.
    [[nodiscard]] tl::expected<Applied, Diagnostics> apply(Config next);

    [[nodiscard]] ServiceUnit* find(const std::string& service); ///< nullptr = no such service

    /// Detaches the dispatcher and stops every service. `done` is called when no child is left.
    void shut_down(std::function<void()> done);

    [[nodiscard]] StatusView status(const std::string& service) const; ///< "" = all
    /// Asks the tables, the program and the whole kernel. The kernel's own lookup runs every program of the namespace, which count it.
    [[nodiscard]] Result<LiveAnswer> ask_live(const Flow& flow) const;
    [[nodiscard]] const World& world() const noexcept { return *world_; }
    [[nodiscard]] const Dispatcher& dispatcher() const noexcept { return dispatcher_; }
    [[nodiscard]] InterfaceIndex interface_index() const; ///< of the dispatcher's namespace, now
    [[nodiscard]] const NetNamespace& net_namespace() const noexcept { return options_.ns; }

private:
    struct Draft;
    struct NetworkLook {
        std::vector<std::string> warnings;
        std::uint64_t generation = 0; ///< of the rules that were looked at
        Monotonic good_until{};
    };
    Supervisor(Loop& loop, Options options, Dispatcher dispatcher);

    Status fill_slot(std::uint32_t slot, int fd) override;
    void empty_slot(std::uint32_t slot) override;
    void drain_notifications() override;
    Result<std::vector<BoundSocket>> reopen(const Listener& listener, const LiveListener& closed) override;

    [[nodiscard]] tl::expected<std::unique_ptr<Draft>, Diagnostics> draft(Config next);
    [[nodiscard]] tl::expected<void, Diagnostics> open_sockets(Draft& draft);
    [[nodiscard]] std::optional<Listener> without_socket(Draft& draft, std::size_t step) const;
    [[nodiscard]] Status open_listener_of(Draft& draft, std::size_t step, const Listener& listener, const HomeCheck& usable_home);
    [[nodiscard]] const LiveListener& kept_listener(const Draft& draft, std::size_t step) const;
    [[nodiscard]] std::unordered_set<std::uint64_t> our_inodes(const Draft& draft) const; ///< of all sockets, the draft's and the children's too
    void check_kept_homes(Draft& draft, std::size_t step) const;
    [[nodiscard]] bool steers_now(Protocol protocol, const SocketAddress& at) const;
    [[nodiscard]] tl::expected<Tables, Diagnostics> compile_tables(const Config& config, const RuleSet& rules, const SlotOf& slot_of) const;
    [[nodiscard]] Status switch_to(Draft& draft);
    void commit(Draft& draft);
    [[nodiscard]] const std::vector<std::string>& network_warnings() const;
    void complain(const std::string& text);
    void retire(const std::string& name);
    void sweep();
    [[nodiscard]] std::string why_unusable(ListenerRef ref, Family family) const;
    [[nodiscard]] std::optional<ListenerRef> owner_of(std::uint64_t cookie) const;
    [[nodiscard]] Result<Evidence> question_all(const Flow& flow, std::optional<LiveSocketFound>& found) const;
    [[nodiscard]] Result<std::optional<NativeSocket>> passed_over(const Flow& flow, const Evidence& evidence) const;
    [[nodiscard]] ServiceUnit* unit_of(pid_t main_pid);
    void notified(const NotifySocket::Sender& sender, const Notification& message);

    Loop& loop_;
    Options options_;
    Dispatcher dispatcher_;
    std::shared_ptr<const World> world_;
    std::map<std::string, std::unique_ptr<ServiceUnit>> units_;
    std::vector<std::unique_ptr<ServiceUnit>> leaving_; ///< removed from the configuration, child not yet gone
    std::optional<NotifySocket> notify_;
    std::optional<Orphans> orphans_;
    std::optional<DeferSource> sweep_; ///< deletes units that have left, outside their own call stacks
    std::function<void()> shut_down_done_;
    mutable std::optional<NetworkLook> look_; ///< the last one; made when status is asked
    RateLimit complaints_{std::chrono::seconds(10), 5};
    bool routes_ours_ = false; ///< local routes of ours may exist
};

} // namespace swathe
