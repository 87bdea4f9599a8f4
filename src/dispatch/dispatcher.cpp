#include "dispatch/bpf_link.h"
#include "dispatch/counter_map.h"
#include "dispatch/dispatcher.h"
#include "dispatch/generation.h"
#include "dispatch/grace_period.h"
#include "dispatch/rule_hits.h"
#include "dispatch/slots.h"
#include "dispatch/test_run.h"
#include "dispatch/trace_feed.h"

#include <cerrno>
#include <fcntl.h>

#include <bpf/bpf.h>
#include <filesystem>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::size_t kRestingSlots = 64;      // so many rest before a wait for the kernel is worth it
constexpr std::size_t kProgramsOfNamespace = 64; // kernel/bpf/net_namespace.c, netns_bpf_max_progs

Result<UniqueFd> own_netns(int borrowed) {
    UniqueFd fd(borrowed >= 0 ? fcntl(borrowed, F_DUPFD_CLOEXEC, 3) : open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!fd) return system_failure("open network namespace");
    return fd;
}

std::vector<bool> slots_named(const Tables& tables) {
    std::vector<bool> named(tables.slots);
    for (const dispatch_choice& choice : tables.choices)
        if (choice.kind == DISPATCH_STEER) named[choice.at] = true;
    return named;
}

const char* why_not_insertable(int error) {
    switch (error) {
    case EOPNOTSUPP: return ": neither a listening TCP nor a bound UDP socket (an MPTCP socket cannot be used either)";
    case EBUSY: return ": the socket belongs to another kernel facility (such as kernel TLS)";
    default: return "";
    }
}

std::string name_of_program(std::uint32_t id) {
    const UniqueFd fd(bpf_prog_get_fd_by_id(id));
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &size) < 0) return {};
    return info.name;
}

} // namespace

struct Dispatcher::Prepared::State {
    std::unique_ptr<Generation> program;  // null: nothing was in force
    std::optional<CounterMap> counters;   // of its own, where the ones in force have too little room
    std::shared_ptr<LimitMaps> limits;    // null: no listener has limits
    RuleHits hits;
    std::vector<bool> named;              // slots in the tables
    Tables spoken;                        // of the tables, what test_run() needs: choices and rule index
};

Dispatcher::Prepared::Prepared(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Dispatcher::Prepared::Prepared(Prepared&&) noexcept = default;
Dispatcher::Prepared& Dispatcher::Prepared::operator=(Prepared&&) noexcept = default;
Dispatcher::Prepared::~Prepared() = default;

struct Dispatcher::State {
    State(UniqueFd netns_fd, UniqueFd sockets_fd, CounterMap counter_map, GracePeriod grace_period, std::string pin)
        : netns(std::move(netns_fd)), sockets(std::move(sockets_fd)), counters(std::move(counter_map)), grace(std::move(grace_period)),
          pin_path(std::move(pin)) {}

    [[nodiscard]] Status switch_to(int program_fd);
    [[nodiscard]] Status attach(int program_fd);
    [[nodiscard]] Status wake_slots();
    void take_along(Generation& next);
    [[nodiscard]] Status begin_trace(const TraceWish& wish);
    void end_trace();

    UniqueFd netns, sockets;
    CounterMap counters;
    std::shared_ptr<LimitMaps> limits; // null: no listener has had limits yet
    GracePeriod grace;
    std::string pin_path;
    Slots slots{kSlotCapacity};
    std::optional<BpfLink> link;
    Prepared::State current;
    std::unique_ptr<TraceFeed> feed; // while it traces
    std::uint64_t generation = 0;
};

Dispatcher::Dispatcher(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Dispatcher::Dispatcher(Dispatcher&&) noexcept = default;
Dispatcher& Dispatcher::operator=(Dispatcher&&) noexcept = default;
Dispatcher::~Dispatcher() = default;

Result<Dispatcher> Dispatcher::create(const Options& options) {
    auto netns = own_netns(options.netns_fd);
    if (!netns) return Failure(std::move(netns).error());
    UniqueFd sockets(
        bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "swathe_sockets", sizeof(std::uint32_t), sizeof(std::uint64_t), kSlotCapacity, nullptr));
    if (!sockets) return system_failure("create SOCKMAP");
    auto counters = CounterMap::create(0);
    if (!counters) return Failure(std::move(counters).error());
    auto grace = GracePeriod::create();
    if (!grace) return Failure(std::move(grace).error());
    return Dispatcher(
        std::make_unique<State>(std::move(*netns), std::move(sockets), std::move(*counters), std::move(*grace), options.pin_path));
}

Result<std::uint32_t> Dispatcher::allocate_slot() {
    if (state_->slots.resting() >= kRestingSlots)
        if (auto woken = state_->wake_slots(); !woken) return Failure(std::move(woken).error());
    auto slot = state_->slots.take();
    if (!slot && state_->slots.resting() > 0) {
        if (auto woken = state_->wake_slots(); !woken) return Failure(std::move(woken).error());
        slot = state_->slots.take();
    }
    if (!slot)
        return failure(fmt::format("all {} listener slots of the network namespace are in use (the size of the SOCKMAP); "
                                   "let one listener have more addresses and ports, or run a swathed in another namespace (--netns)",
                                   kSlotCapacity));
    state_->counters.reset(*slot);
    if (state_->limits) state_->limits->renew(*slot);
    return *slot;
}

Status Dispatcher::State::wake_slots() {
    if (auto waited = grace.wait(); !waited) return waited;
    slots.wake(current.named);
    return {};
}

void Dispatcher::release_slot(std::uint32_t slot) {
    clear_socket(slot);
    state_->slots.release(slot);
}

void Dispatcher::clear_socket(std::uint32_t slot) {
    (void)bpf_map_delete_elem(state_->sockets.get(), &slot); // EINVAL: empty already
}

Status Dispatcher::set_socket(std::uint32_t slot, int fd) {
    const std::uint64_t value = static_cast<std::uint32_t>(fd);
    if (fd < 0 || !state_->slots.taken(slot)) return failure(fmt::format("slot {}", slot), EINVAL);
    if (bpf_map_update_elem(state_->sockets.get(), &slot, &value, BPF_ANY) == 0) return {};
    const int error = errno;
    return failure(fmt::format("put socket into slot {}{}", slot, why_not_insertable(error)), error);
}

Status Dispatcher::set_gate(std::uint32_t limiter, bool closed) {
    if (!state_->limits || !state_->slots.taken(limiter))
        return failure(fmt::format("no limits for the listener in slot {}", limiter), EINVAL);
    state_->limits->set_gate(limiter, closed);
    return {};
}

Status Dispatcher::block(std::uint32_t limiter, const Prefix& source, bool on) {
    if (!state_->limits || !state_->slots.taken(limiter))
        return failure(fmt::format("no limits for the listener in slot {}", limiter), EINVAL);
    return state_->limits->block(limiter, source, on);
}

SlotCounters Dispatcher::counters(std::uint32_t slot) const { return state_->counters.read(slot); }

std::vector<std::uint64_t> Dispatcher::rule_hits() const { return state_->current.hits.read(); }

/// All generations share the same.
Result<std::shared_ptr<LimitMaps>> Dispatcher::limit_maps() const {
    if (state_->limits) return state_->limits;
    auto made = LimitMaps::create();
    if (!made) return Failure(std::move(made).error());
    return std::make_shared<LimitMaps>(std::move(*made));
}

Result<Dispatcher::Prepared> Dispatcher::prepare(const Tables& tables) const {
    if (tables.slots > kSlotCapacity) return failure(fmt::format("slot {} is beyond the SOCKMAP", tables.slots - 1));
    auto next = std::make_unique<Prepared::State>();
    if (tables.slots > state_->counters.capacity()) {
        auto made = CounterMap::create(tables.slots);
        if (!made) return Failure(std::move(made).error());
        next->counters = std::move(*made);
    }
    if (tables.counted > 0) {
        auto hits = RuleHits::create(tables.counted);
        if (!hits) return Failure(std::move(hits).error());
        next->hits = std::move(*hits);
    }
    const int counters_fd = next->counters ? next->counters->fd() : state_->counters.fd();
    if (!tables.limits.empty()) {
        auto limits = limit_maps();
        if (!limits) return Failure(std::move(limits).error());
        next->limits = std::move(*limits);
    }
    auto program = Generation::load(tables, {state_->sockets.get(), counters_fd, next->hits.fd(), next->limits.get()});
    if (!program) return Failure(std::move(program).error());
    next->program = std::make_unique<Generation>(std::move(*program));
    next->named = slots_named(tables);
    next->spoken.choices = tables.choices;
    next->spoken.rule_index = tables.rule_index;
    next->spoken.counted = tables.counted;
    return Prepared(std::move(next));
}

Status Dispatcher::publish(Prepared& next) {
    if (!next.state_->program) return failure("there is no generation to go back to");
    state_->take_along(*next.state_->program);
    if (auto switched = state_->switch_to(next.state_->program->program_fd()); !switched) return switched;

    // From here on nothing fails.
    std::swap(state_->current, *next.state_);
    if (state_->feed) state_->feed->retire(state_->generation, next.state_->spoken);
    ++state_->generation;
    if (state_->current.limits) state_->limits = state_->current.limits;
    std::optional<CounterMap>& counters = state_->current.counters;
    if (!counters) return {};
    if (state_->grace.wait()) state_->slots.wake(state_->current.named); // the old program still counts into the old map until then
    counters->continue_from(state_->counters);
    std::swap(state_->counters, *counters);
    next.state_->counters = std::move(counters); // whoever goes back counts in the map that the old program names
    counters.reset();
    return {};
}

Status Dispatcher::publish(const Tables& tables, const SameRules& same) {
    auto next = prepare(tables);
    if (!next) return Failure(std::move(next).error());
    if (auto published = publish(*next); !published) return published;
    if (!same.empty()) add_hits(carried_hits(*next, same));
    return {};
}

std::vector<std::uint64_t> Dispatcher::carried_hits(const Prepared& replaced, const SameRules& same) const {
    (void)state_->grace.wait(); // if it fails, some packets are not counted
    return replaced.state_->hits.carried(same);
}

void Dispatcher::add_hits(const std::vector<std::uint64_t>& carried) { state_->current.hits.add(carried); }

Status Dispatcher::State::switch_to(int program_fd) {
    if (!link && !pin_path.empty()) {
        auto pinned = BpfLink::open_pinned(pin_path, netns.get());
        if (!pinned) return Failure(std::move(pinned).error());
        link = std::move(*pinned);
    }
    if (link) {
        auto updated = link->update(program_fd);
        if (updated || updated.error().errno_value != ENOLINK) return updated;
        link.reset(); // someone detached it; the namespace is alive, since we hold it
        if (!pin_path.empty()) (void)unlink(pin_path.c_str());
    }
    return attach(program_fd);
}

Status Dispatcher::State::attach(int program_fd) {
    auto attached = BpfLink::attach(program_fd, netns.get());
    if (!attached) return Failure(std::move(attached).error());
    if (!pin_path.empty())
        if (auto pinned = attached->pin(pin_path); !pinned) return pinned; // and the link goes, so that all is as before
    link = std::move(*attached);
    return {};
}

/// Whoever traces goes on with the next generation. What fails there ends the trace, not the publishing.
void Dispatcher::State::take_along(Generation& next) {
    if (feed)
        (void)feed->join(next, generation + 1);
    else
        next.drop_twin(); // one that is taken back may have been traced
}

Status Dispatcher::trace(const std::optional<TraceWish>& wish) {
    if (wish) return state_->feed ? state_->feed->change(*wish, *state_->current.program) : state_->begin_trace(*wish);
    state_->end_trace();
    return {};
}

Status Dispatcher::State::begin_trace(const TraceWish& wish) {
    if (!current.program || !link) return failure("no rules are published yet");
    auto opened = TraceFeed::open(wish);
    if (!opened) return Failure(std::move(opened).error());
    if (auto joined = (*opened)->join(*current.program, generation); !joined) return joined;
    feed = std::move(*opened);
    auto switched = link->update(current.program->program_fd());
    if (!switched) end_trace();
    return switched;
}

/// Where the link cannot be updated it was detached by somebody, and no program runs.
void Dispatcher::State::end_trace() {
    if (!std::exchange(feed, nullptr)) return;
    current.program->drop_twin();
    if (link) (void)link->update(current.program->program_fd());
}

Result<TraceRead> Dispatcher::read_trace(std::size_t most) {
    if (!state_->feed) return TraceRead{};
    return state_->feed->read(most, state_->generation, state_->current.spoken);
}

std::uint64_t Dispatcher::generation() const noexcept { return state_->generation; }

Result<KernelDecision> Dispatcher::test_run(const Flow& flow) const {
    const Prepared::State& current = state_->current;
    if (!current.program) return failure("no rules are published yet");
    return current.program->ask(flow).map([&](std::uint32_t choice) { return kernel_decision(current.spoken, choice, flow); });
}

Result<std::vector<AttachedProgram>> Dispatcher::programs() const {
    std::uint32_t ids[kProgramsOfNamespace];
    std::uint32_t count = kProgramsOfNamespace, flags = 0;
    if (bpf_prog_query(state_->netns.get(), BPF_SK_LOOKUP, 0, &flags, ids, &count) < 0)
        return system_failure("list the programs of the network namespace");
    std::uint32_t own = 0;
    if (state_->link) {
        const auto info = state_->link->info();
        if (!info) return Failure(info.error());
        own = info->program_id;
    }
    std::vector<AttachedProgram> programs;
    for (std::uint32_t i = 0; i < count; ++i) programs.push_back({ids[i], name_of_program(ids[i]), own != 0 && ids[i] == own});
    return programs;
}

Status Dispatcher::detach() {
    if (!state_->link) {
        if (state_->pin_path.empty()) return {};
        auto removed = remove_pinned(state_->pin_path, state_->netns.get());
        if (!removed) return Failure(std::move(removed).error());
        return {};
    }
    if (!state_->pin_path.empty() && unlink(state_->pin_path.c_str()) < 0 && errno != ENOENT)
        return system_failure("remove pin " + state_->pin_path);
    if (auto detached = state_->link->detach(); !detached) return detached;
    state_->link.reset();
    if (!state_->pin_path.empty()) (void)rmdir(std::filesystem::path(state_->pin_path).parent_path().c_str()); // ENOTEMPTY: not ours alone
    return {};
}

Result<bool> remove_pinned(const std::string& pin_path, int netns_fd) {
    auto link = BpfLink::open_pinned(pin_path);
    if (!link) return Failure(std::move(link).error());
    if (!*link) return false;
    const auto info = (*link)->info();
    if (!info) return Failure(info.error());
    if (netns_fd < 0 && info->netns_inode != 0) return false;
    if (netns_fd >= 0)
        if (auto detached = (*link)->detach(); !detached) return Failure(std::move(detached).error());
    if (unlink(pin_path.c_str()) < 0) return system_failure("remove pin " + pin_path);
    (void)rmdir(std::filesystem::path(pin_path).parent_path().c_str()); // ENOTEMPTY: not ours alone
    return true;
}

} // namespace swathe
