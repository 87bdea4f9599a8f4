#include "support.h"

#include <array>
#include <cstdlib>
#include <random>

using namespace swathe;
using namespace swathe::test;

namespace {

enum class Watch { armed, disarmed, closed };

Watch expected_watch(State state) {
    return state == State::idle ? Watch::armed : state == State::failed ? Watch::closed : Watch::disarmed;
}

bool may_have_timer(const Lifecycle& l) {
    if (l.spawning) return false;
    return l.state == State::starting || l.state == State::stopping || l.state == State::backoff || l.state == State::paused;
}

/// What holds in every state that can be reached.
bool well_formed(const Lifecycle& l) {
    if (l.spawning && l.state != State::starting && l.state != State::stopping) return false;
    if (l.timer && !may_have_timer(l)) return false;
    if (l.start_after_stop && !l.stop_asked) return false;
    return !l.stop_asked || l.state == State::stopping || l.state == State::killing;
}

/// The world as the actions make it, and what must be true of them.
struct World {
    Watch watch = Watch::disarmed;
    std::optional<Monotonic> timer;
    bool child = false;
    bool spawn_asked = false;

    void act(const ArmListeners&) {
        REQUIRE(watch == Watch::disarmed);
        watch = Watch::armed;
    }
    void act(const DisarmListeners&) {
        REQUIRE(watch == Watch::armed);
        watch = Watch::disarmed;
    }
    void act(const CloseListeners&) {
        REQUIRE(watch == Watch::disarmed);
        watch = Watch::closed;
    }
    void act(const OpenListeners&) {
        REQUIRE(watch == Watch::closed);
        watch = Watch::disarmed;
    }
    void act(const SpawnChild&) {
        REQUIRE_FALSE(child); // never two
        REQUIRE_FALSE(spawn_asked);
        REQUIRE(watch == Watch::disarmed); // the child has the sockets to itself
        spawn_asked = true;
    }
    void act(const SignalChild&) { REQUIRE(child); }
    void act(const SetTimer& set) { timer = set.at; }
    void act(const ClearTimer&) {
        REQUIRE(timer);
        timer.reset();
    }

    /// What the event itself means for the world.
    void before(const Event& event) {
        if (std::holds_alternative<TimerFired>(event)) timer.reset();
        if (std::holds_alternative<Exited>(event)) child = false;
        if (std::holds_alternative<Spawned>(event)) child = std::exchange(spawn_asked, false) || child;
        if (std::holds_alternative<SpawnFailed>(event) || std::holds_alternative<OpenFailed>(event)) spawn_asked = false;
    }
    void carry_out(const std::vector<Action>& actions) {
        for (std::size_t i = 0; i < actions.size(); ++i) {
            if (std::holds_alternative<SpawnChild>(actions[i])) REQUIRE(i + 1 == actions.size()); // its answer may come at once
            std::visit([&](const auto& action) { act(action); }, actions[i]);
        }
    }
    void check_agrees(const Lifecycle& l) const {
        REQUIRE(watch == expected_watch(l.state));
        REQUIRE(timer == l.timer);
        REQUIRE(child == l.has_child());
        REQUIRE(spawn_asked == l.spawning);
        REQUIRE(well_formed(l));
    }
};

World world_of(const Lifecycle& l) { return {expected_watch(l.state), l.timer, l.has_child(), l.spawning}; }

const std::vector<Event>& all_events() {
    static const std::vector<Event> events{Traffic{},        StartAsked{},
                                           StopAsked{},      RestartAsked{},
                                           Spawned{7},       SpawnFailed{"clone", 0},
                                           OpenFailed{"in use"}, Ready{},
                                           Exited{code(0)},  TimerFired{},
                                           Exited{code(1)},  Exited{killed(SIGTERM)},
                                           Exited{killed(SIGSEGV)}, Exited{{Exit::Kind::core, SIGSEGV}},
                                           SpawnFailed{"exec", 203}};
    return events;
}

constexpr std::array kStates{State::idle,    State::starting, State::running, State::stopping, State::killing,
                             State::backoff, State::paused,   State::failed,  State::stopped};
constexpr std::array kBools{false, true};

std::vector<LifecyclePolicy> all_policies() {
    std::vector<LifecyclePolicy> policies;
    for (const ServiceType type : {ServiceType::simple, ServiceType::exec, ServiceType::notify})
        for (const RestartPolicy restart : {RestartPolicy::no, RestartPolicy::always, RestartPolicy::on_success, RestartPolicy::on_failure,
                                            RestartPolicy::on_abnormal, RestartPolicy::on_abort, RestartPolicy::on_watchdog})
            for (const LimitAction action : {LimitAction::pause, LimitAction::fail})
                for (const bool endless : kBools) {
                    LifecyclePolicy p = finite_policy();
                    p.type = type;
                    p.restart = restart;
                    p.start_limit_hit = action;
                    if (endless) p.timeout_start = p.timeout_stop = p.restart_sec = kInfinity;
                    policies.push_back(p);
                }
    return policies;
}

/// Every combination of what a lifecycle remembers, as far as it can be reached.
std::vector<Lifecycle> all_lifecycles() {
    RateLimit exhausted(10s, 1);
    (void)exhausted.allow(kStart);
    std::vector<Lifecycle> all;
    for (const State state : kStates)
        for (const bool spawning : kBools)
            for (const bool stop_asked : kBools)
                for (const bool start_after_stop : kBools)
                    for (const bool timer : kBools)
                        for (const bool over_limit : kBools)
                            for (const ServiceResult result : {ServiceResult::success, ServiceResult::timeout}) {
                                Lifecycle l;
                                l.state = state;
                                l.result = result;
                                l.spawning = spawning;
                                l.stop_asked = stop_asked;
                                l.start_after_stop = start_after_stop;
                                if (timer) l.timer = kStart + 2s;
                                if (over_limit) l.start_limit = exhausted;
                                l.restarts = over_limit ? UINT32_MAX : 0;
                                if (well_formed(l)) all.push_back(l);
                            }
    return all;
}

} // namespace

TEST_CASE("lifecycle: in every state every event leaves a state that makes sense, and asks for nothing impossible") {
    std::size_t steps = 0;
    for (const LifecyclePolicy& policy : all_policies())
        for (const Lifecycle& before : all_lifecycles())
            for (const Event& event : all_events()) {
                const bool spurious_answer = !before.spawning && (std::holds_alternative<Spawned>(event) || std::holds_alternative<SpawnFailed>(event) ||
                                                                  std::holds_alternative<OpenFailed>(event));
                const bool spurious_exit = !before.has_child() && std::holds_alternative<Exited>(event);
                const Step s = step(policy, before, event, kStart + 1s);
                ++steps;
                if (spurious_answer || spurious_exit) {
                    REQUIRE(s.next == before);
                    REQUIRE(s.actions.empty());
                    continue;
                }
                World world = world_of(before);
                world.before(event);
                world.carry_out(s.actions);
                world.check_agrees(s.next);
                if (s.next.timer && s.next.timer != before.timer) REQUIRE(*s.next.timer > kStart + 1s);
                if (s.next == before) REQUIRE(s.actions.empty());
            }
    MESSAGE("walked " << steps << " steps");
    CHECK(steps > 50'000);
}

TEST_CASE("lifecycle: the whole table of states and events") {
    // Rows: where it is. Columns: what happens. Cells: where it goes; "=" = stays, nothing is asked for. Policy: notify, restart = always.
    // "+" = the child is not there yet.
    struct Row {
        State state;
        bool spawning;
        std::array<const char*, 10> next;
    };
    // clang-format off
    const Row table[] = {
    //                            Traffic      StartAsked   StopAsked   RestartAsked Spawned     SpawnFailed OpenFailed Ready      Exited 0    TimerFired
    {State::idle,     false, {{"starting+", "starting+", "stopped",  "starting+", "=",        "=",        "=",       "=",       "=",        "="}}},
    {State::starting, true,  {{"=",         "=",         "stopping+","stopping+", "starting", "backoff",  "failed",  "=",       "=",        "="}}},
    {State::starting, false, {{"=",         "=",         "stopping", "stopping",  "=",        "=",        "=",       "running", "backoff",  "stopping"}}},
    {State::running,  false, {{"=",         "=",         "stopping", "stopping",  "=",        "=",        "=",       "=",       "backoff",  "="}}},
    {State::stopping, true,  {{"=",         "stopping+", "stopping+","stopping+", "stopping", "backoff",  "failed",  "=",       "=",        "="}}},
    {State::stopping, false, {{"=",         "stopping",  "stopping", "stopping",  "=",        "=",        "=",       "=",       "backoff",  "killing"}}},
    {State::killing,  false, {{"=",         "killing",   "killing",  "killing",   "=",        "=",        "=",       "=",       "backoff",  "="}}},
    {State::backoff,  false, {{"=",         "starting+", "stopped",  "starting+", "=",        "=",        "=",       "=",       "=",        "starting+"}}},
    {State::paused,   false, {{"=",         "starting+", "stopped",  "starting+", "=",        "=",        "=",       "=",       "=",        "idle"}}},
    {State::failed,   false, {{"=",         "starting+", "=",        "starting+", "=",        "=",        "=",       "=",       "=",        "="}}},
    {State::stopped,  false, {{"=",         "starting+", "=",        "starting+", "=",        "=",        "=",       "=",       "=",        "="}}},
    };
    // clang-format on
    LifecyclePolicy policy = finite_policy();
    policy.type = ServiceType::notify;
    policy.restart = RestartPolicy::always;
    for (const Row& row : table)
        for (std::size_t column = 0; column < row.next.size(); ++column) {
            Lifecycle before;
            before.state = row.state;
            before.spawning = row.spawning;
            if (may_have_timer(before)) before.timer = kStart;
            CAPTURE(row.state);
            CAPTURE(row.spawning);
            CAPTURE(column);
            const Step s = step(policy, before, all_events()[column], kStart);
            const std::string expected = row.next[column];
            if (expected == "=") {
                CHECK(s.next == before);
                CHECK(s.actions.empty());
            } else {
                CHECK(std::string(to_string(s.next.state)) + (s.next.spawning ? "+" : "") == expected);
            }
        }
}

namespace {

std::uint64_t seed_of_this_run() {
    if (const char* given = std::getenv("SWATHE_SEED"); given != nullptr) return std::strtoull(given, nullptr, 0); // NOLINT
    return std::random_device{}();
}

/// A service in a world that answers as the real one does, with all its accidents, on a clock that jumps.
class Walk {
public:
    Walk(std::uint64_t seed, const LifecyclePolicy& policy) : random_(seed), policy_(policy) {
        Service service;
        service.start_limit_burst = pick(4);
        const Step first = begin(service);
        now_ = first.next;
        world_.carry_out(first.actions);
        world_.check_agrees(now_);
    }

    void go(int steps) {
        for (int i = 0; i < steps; ++i) give(next_event());
    }

    /// From wherever it is: asked to stop, and with a child that obeys nothing but KILL, it comes to rest.
    void come_to_rest() {
        give(StopAsked{});
        for (int i = 0; i < 8 && (world_.child || world_.spawn_asked || world_.timer); ++i) {
            if (world_.spawn_asked)
                give(Spawned{1});
            else if (world_.timer)
                fire();
            else
                give(Exited{killed(SIGKILL)});
        }
        REQUIRE_FALSE(world_.child);
        REQUIRE_FALSE(world_.timer);
        REQUIRE((now_.state == State::stopped || now_.state == State::failed));
        give(StartAsked{}); // and up again
        if (now_.state == State::paused || now_.state == State::failed) give(StartAsked{}); // the limit refused it; now it is overruled
        REQUIRE(now_.state == State::starting);
        give(Spawned{2});
        give(Ready{});
        REQUIRE(now_.state == State::running);
    }

private:
    std::uint32_t pick(std::uint32_t choices) { return std::uniform_int_distribution<std::uint32_t>(0, choices - 1)(random_); }

    Exit any_exit() {
        const std::array exits{code(0), code(1), killed(SIGTERM), killed(SIGKILL), Exit{Exit::Kind::core, SIGABRT}};
        return exits[pick(exits.size())];
    }

    /// The answer to a spawn comes first, as the real executor gives it, but for one time in eight. Otherwise anything that can happen, and now and
    /// then what cannot.
    Event next_event() {
        if (world_.spawn_asked && pick(8) != 0) {
            const std::uint32_t how = pick(8);
            if (how == 0) return OpenFailed{"in use"};
            if (how == 1) return SpawnFailed{"clone", 0};
            if (how == 2) return SpawnFailed{"exec", 203};
            return Spawned{1};
        }
        switch (pick(10)) {
        case 0: return StartAsked{};
        case 1: return StopAsked{};
        case 2: return RestartAsked{};
        case 3: return Ready{};
        case 4:
        case 5: if (world_.child) return Exited{any_exit()}; return Traffic{};
        case 6:
        case 7: if (world_.timer) return TimerFired{}; return Traffic{};
        case 8: clock_ += Duration(pick(5'000'000)); return Traffic{};
        default: return Traffic{};
        }
    }

    void fire() { give(TimerFired{}); }

    void give(const Event& event) {
        if (std::holds_alternative<TimerFired>(event) && world_.timer) clock_ = std::max(clock_, *world_.timer);
        const Step s = step(policy_, now_, event, clock_);
        world_.before(event);
        world_.carry_out(s.actions);
        now_ = s.next;
        world_.check_agrees(now_);
    }

    std::mt19937_64 random_;
    LifecyclePolicy policy_;
    Lifecycle now_;
    World world_;
    Monotonic clock_ = kStart;
};

} // namespace

TEST_CASE("lifecycle: random walks never leave the rails, and always come to rest and up again") {
    const std::uint64_t seed = seed_of_this_run();
    MESSAGE("SWATHE_SEED=" << seed);
    std::uint64_t walk = seed;
    for (const LifecyclePolicy& policy : all_policies()) {
        if (policy.timeout_stop == kInfinity) continue; // such a child may never end
        for (int i = 0; i < 5; ++i) {
            CAPTURE(walk);
            Walk w(walk++, policy);
            for (int round = 0; round < 5; ++round) {
                w.go(100);
                w.come_to_rest();
            }
        }
    }
}
