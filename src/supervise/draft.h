#pragma once

#include "supervise/reload_plan.h"
#include "supervise/service_unit.h"
#include "supervise/world.h"

#include <map>
#include <unordered_set>

namespace swathe {

using Checked = tl::expected<void, Diagnostics>;

/// What the making of a draft must know of the world that is running, by value: the draft is made in another thread.
struct Running {
    std::shared_ptr<const World> world;
    std::map<ListenerRef, std::vector<LiveSocket>> sockets; ///< of its listeners; without their descriptors
    std::unordered_set<std::uint64_t> inodes;               ///< of all sockets of ours, the children's too
};

/// A configuration on its way to being in force: everything that can fail is tried on it, and nothing that runs is touched.
/// look(), open() and build() take the time; all may run in the worker. Before open() the loop runs the commands that are to come first;
/// after it, it gives out slots.
class Draft {
public:
    Draft(Running running, const SiteMaker& maker) : running_(std::move(running)), maker_(maker) {}

    /// Finds the network namespaces, and plans.
    [[nodiscard]] Checked look(Config next);
    [[nodiscard]] std::vector<std::uint32_t> opening() const; ///< services of ours of which open() will open a socket
    [[nodiscard]] Checked open();                             ///< opens the sockets that are missing
    /// Compiles and loads the tables, asks the machine what it has to say about all this, and adds local routes: until the
    /// switch those of both worlds exist, so that no packet is lost on either side of it.
    [[nodiscard]] Checked build();
    /// What is wrong with the addresses of this host, routes above all, for `status`.
    [[nodiscard]] const std::vector<std::string>& network_warnings() const noexcept { return network_; }
    /// Of each part, what its rules counted before the switch.
    using Hits = std::vector<std::vector<std::uint64_t>>;
    [[nodiscard]] Hits carried_hits() const;
    /// Removes the routes that are not wanted any more: the old world's if it was committed, else the new one's.
    [[nodiscard]] std::vector<Error> settle_routes(bool committed) const;

    [[nodiscard]] const Running& running() const noexcept { return running_; }
    [[nodiscard]] const std::shared_ptr<World>& world() const noexcept { return world_; }
    [[nodiscard]] const ReloadPlan& plan() const noexcept { return plan_; }
    [[nodiscard]] const Diagnostics& warnings() const noexcept { return warnings_; }
    [[nodiscard]] std::vector<Dispatcher::Prepared>& prepared() noexcept { return prepared_; } ///< index for index with world()->parts
    /// New sockets, index for index with plan().listeners. The loop fills in the slots and takes them when it commits.
    [[nodiscard]] std::vector<std::vector<LiveSocket>>& opened() noexcept { return opened_; }

private:
    [[nodiscard]] Checked find_sites();
    [[nodiscard]] Result<Part*> part_for(const std::string& netns);
    [[nodiscard]] const Config& said_of(std::size_t part) const { return views_.empty() ? world_->config : views_[part]; }

    [[nodiscard]] std::optional<Listener> without_socket(std::size_t step);
    [[nodiscard]] Status open_listener_of(std::size_t step, const Listener& listener, const HomeCheck& usable_home);
    [[nodiscard]] Status open_unix_of(std::size_t step, const Listener& listener);
    [[nodiscard]] Status try_new_options(std::size_t step) const;
    [[nodiscard]] const std::vector<LiveSocket>* kept_sockets(std::size_t step) const; ///< nullptr = none are kept

    [[nodiscard]] Checked build_part(std::size_t number);
    [[nodiscard]] tl::expected<Tables, Diagnostics> compile_tables(const Part& part, const SlotOf& slot_of) const;
    [[nodiscard]] std::map<ListenerRef, std::size_t> steps() const; ///< of the plan, by listener
    [[nodiscard]] SlotOf slots() const;
    [[nodiscard]] LimiterOf limiters() const;
    [[nodiscard]] std::vector<Home> homes_in(const Part& part) const;
    void check_kept_homes(std::size_t step);
    [[nodiscard]] bool steers_now(const Part& part, Protocol protocol, const SocketAddress& at) const;
    [[nodiscard]] const Part* old_part(const Part& part) const;
    [[nodiscard]] Checked add_routes();

    Running running_;
    const SiteMaker& maker_; // the supervisor's, who outlives its worker
    std::shared_ptr<World> world_ = std::make_shared<World>();
    std::vector<Config> views_; // of each part; empty if one has everything
    ReloadPlan plan_;
    Diagnostics warnings_;
    std::vector<std::string> network_;
    std::vector<std::vector<LiveSocket>> opened_;
    std::vector<Dispatcher::Prepared> prepared_;
    std::vector<SameRules> same_; // by part
    std::vector<bool> routes_touched_; // by part
};

} // namespace swathe
