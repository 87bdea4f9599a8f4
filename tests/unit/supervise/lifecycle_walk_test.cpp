// All that can happen to a worker in every state that it can reach.
#include "support.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>

using namespace swathe;
using namespace swathe::test;

namespace {

constexpr std::array kBools{false, true};
constexpr std::array kStates{State::idle,    State::starting, State::running, State::stopping,
                             State::backoff, State::paused,   State::failed,  State::stopped};

bool has_somebody(State state) { return state == State::starting || state == State::running || state == State::stopping; }

/// What holds in every state that can be reached.
bool well_formed(const Lifecycle& l) {
    const bool stopping = l.state == State::stopping;
    if (l.timer && l.state != State::backoff && l.state != State::paused) return false;
    if (l.successor && l.state != State::running && !stopping) return false;
    if (l.instance && !has_somebody(l.state)) return false;
    if (has_somebody(l.state) && !l.instance && !(stopping && l.successor)) return false;
    if (l.stop_asked != stopping) return false;
    return !(l.start_after_stop || l.idle_after_stop) || (l.stop_asked && l.start_after_stop != l.idle_after_stop);
}

/// The world as the actions make it, and what must be true of them.
struct World {
    std::optional<Monotonic> timer;
    bool instance = false, successor = false;

    void act(const StartInstance&) {
        REQUIRE_FALSE(instance); // never two
        REQUIRE_FALSE(successor);
        instance = true;
    }
    void act(const StopInstance&) { REQUIRE(instance); }
    void act(const StartSuccessor&) {
        REQUIRE(instance);
        REQUIRE_FALSE(successor);
        successor = true;
    }
    void act(const StopSuccessor&) { REQUIRE(successor); }
    void act(const Succeed&) {
        REQUIRE(instance); // it drains elsewhere
        REQUIRE(successor);
        successor = false;
    }
    void act(const AdoptSuccessor&) {
        REQUIRE_FALSE(instance);
        REQUIRE(successor);
        instance = true;
        successor = false;
    }
    void act(const SetTimer& set) { timer = set.at; }
    void act(const ClearTimer&) {
        REQUIRE(timer);
        timer.reset();
    }

    void before(const Event& event) {
        if (std::holds_alternative<TimerFired>(event)) timer.reset();
        if (std::holds_alternative<Ended>(event) || std::holds_alternative<OpenFailed>(event)) instance = false;
        if (std::holds_alternative<SuccessorEnded>(event)) successor = false;
    }
    void carry_out(const std::vector<Action>& actions) {
        for (std::size_t i = 0; i < actions.size(); ++i) {
            const bool starts = std::holds_alternative<StartInstance>(actions[i]) || std::holds_alternative<StartSuccessor>(actions[i]);
            if (starts) REQUIRE(i + 1 == actions.size()); // its answer may come at once
            std::visit([&](const auto& action) { act(action); }, actions[i]);
        }
    }
    void check_agrees(const Lifecycle& l) const {
        REQUIRE(timer == l.timer);
        REQUIRE(instance == l.instance);
        REQUIRE(successor == l.successor);
        REQUIRE(well_formed(l));
    }
};

const std::vector<Event>& all_events() {
    static const std::vector<Event> events{
        Traffic{},     StartAsked{},     StopAsked{},  RestartAsked{}, RestartAsked{true}, IdleFound{}, LetGo{}, Up{},
        Ended{ServiceResult::success, code(0)},
        SuccessorUp{}, SuccessorEnded{}, TimerFired{}, OpenFailed{},
        Ended{ServiceResult::exit_code, code(1)}, Ended{ServiceResult::exec_condition, {}}, Ended{ServiceResult::assertion, {}}};
    return events;
}

/// There is nobody whom it could be about, or the real world cannot do it.
bool is_spurious(const Lifecycle& l, const Event& event) {
    if (std::holds_alternative<Ended>(event)) return !l.instance;
    if (std::holds_alternative<SuccessorUp>(event) || std::holds_alternative<SuccessorEnded>(event)) return !l.successor;
    return std::holds_alternative<TimerFired>(event) && !l.timer;
}

/// It answers StartInstance at once, when there is no successor yet.
bool is_impossible(const Lifecycle& l, const Event& event) { return std::holds_alternative<OpenFailed>(event) && l.successor; }

std::vector<Service> all_services() {
    std::vector<Service> services;
    for (const RestartPolicy restart : {RestartPolicy::no, RestartPolicy::always, RestartPolicy::on_failure})
        for (const LimitAction action : {LimitAction::pause, LimitAction::fail})
            for (const bool endless : kBools) {
                Service service = service_of(ServiceType::simple, restart);
                service.start_limit_hit = action;
                if (endless) service.restart_sec = kInfinity;
                services.push_back(service);
            }
    return services;
}

std::vector<Lifecycle> all_lifecycles() {
    RateLimit exhausted(10s, 1);
    (void)exhausted.allow(kStart);
    std::vector<Lifecycle> all;
    for (const State state : kStates)
        for (int bits = 0; bits < 128; ++bits) {
            Lifecycle l;
            l.state = state;
            l.instance = (bits & 1) != 0;
            l.successor = (bits & 2) != 0;
            l.stop_asked = (bits & 4) != 0;
            l.start_after_stop = (bits & 8) != 0;
            l.idle_after_stop = (bits & 16) != 0;
            if ((bits & 32) != 0) l.timer = kStart + 2s;
            if ((bits & 64) != 0) {
                l.start_limit = exhausted;
                l.restarts = UINT32_MAX;
            }
            if (well_formed(l)) all.push_back(l);
        }
    return all;
}

std::uint64_t seed_of_this_run() {
    if (const char* const given = std::getenv("SWATHE_SEED"); given != nullptr) return std::strtoull(given, nullptr, 0); // NOLINT
    return std::random_device{}();
}

} // namespace

TEST_CASE("lifecycle: in every state every event leaves a state that makes sense, and asks for nothing impossible") {
    std::size_t steps = 0;
    for (const Service& service : all_services())
        for (const Lifecycle& before : all_lifecycles())
            for (const Event& event : all_events()) {
                if (is_impossible(before, event)) continue;
                const Step s = step(service, before, event, kStart + 1s);
                ++steps;
                if (is_spurious(before, event)) {
                    REQUIRE(s.next == before);
                    REQUIRE(s.actions.empty());
                    continue;
                }
                World world{before.timer, before.instance, before.successor};
                world.before(event);
                world.carry_out(s.actions);
                world.check_agrees(s.next);
                if (s.next.timer && s.next.timer != before.timer) REQUIRE(*s.next.timer > kStart + 1s);
                if (s.next == before) REQUIRE(s.actions.empty());
            }
    MESSAGE("walked " << steps << " steps");
    CHECK(steps > 5'000);
}

TEST_CASE("lifecycle: the whole table of states and events") {
    // Rows: where it is. Columns: what happens. Cells: where it goes; "=" = stays, nothing is asked for. restart = always.
    struct Row {
        State state;
        std::array<const char*, 12> next;
    };
    // clang-format off
    const Row table[] = {
    //                  Traffic     Start       Stop        Restart     Overlap     Idle        Let go      Up         Ended      Succ.Up/Ended Timer
    {State::idle,    {"starting", "starting", "stopped",  "starting", "starting", "=",        "=",        "=",       "=",       "=", "=", "="}},
    {State::starting,{"=",        "=",        "stopping", "stopping", "stopping", "=",        "stopping", "running", "backoff", "=", "=", "="}},
    {State::running, {"=",        "=",        "stopping", "stopping", "running",  "stopping", "stopping", "=",       "backoff", "=", "=", "="}},
    {State::stopping,{"=",        "stopping", "=",        "stopping", "stopping", "=",        "=",        "=",       "stopped", "=", "=", "="}},
    {State::backoff, {"=",        "starting", "stopped",  "starting", "starting", "=",        "idle",     "=",       "=",       "=", "=", "starting"}},
    {State::paused,  {"=",        "starting", "stopped",  "starting", "starting", "=",        "=",        "=",       "=",       "=", "=", "idle"}},
    {State::failed,  {"=",        "starting", "=",        "starting", "starting", "=",        "=",        "=",       "=",       "=", "=", "="}},
    {State::stopped, {"=",        "starting", "=",        "starting", "starting", "=",        "=",        "=",       "=",       "=", "=", "="}},
    };
    // clang-format on
    const Service service = service_of(ServiceType::simple, RestartPolicy::always);
    for (const Row& row : table)
        for (std::size_t column = 0; column < row.next.size(); ++column) {
            Lifecycle before;
            before.state = row.state;
            before.instance = has_somebody(row.state);
            before.stop_asked = row.state == State::stopping;
            if (row.state == State::backoff || row.state == State::paused) before.timer = kStart;
            CAPTURE(row.state);
            CAPTURE(column);
            const Step s = step(service, before, all_events()[column], kStart);
            const std::string expected = row.next[column];
            if (expected != "=") {
                CHECK(std::string(to_string(s.next.state)) == expected);
                CHECK_FALSE(s.next == before);
            } else {
                CHECK(s.next == before);
                CHECK(s.actions.empty());
            }
        }
}

namespace {

/// A worker in a world that answers as the real one does, with all its accidents, on a clock that jumps.
class Walk {
public:
    Walk(std::uint64_t seed, const Service& service) : random_(seed), service_(service) {
        service_.start_limit_burst = pick(4);
        now_ = begin(service_);
        world_.check_agrees(now_);
    }

    void go(int steps) {
        for (int i = 0; i < steps; ++i) {
            clock_ += Duration(pick(3'000'000));
            const Event& event = all_events()[pick(static_cast<std::uint32_t>(all_events().size()))];
            if (!is_impossible(now_, event)) give(event);
        }
    }

    /// From wherever it is: asked to stop it comes to rest, and asked to start it is up again.
    void come_to_rest() {
        give(StopAsked{});
        if (world_.instance) give(Ended{ServiceResult::timeout, killed(SIGKILL)});
        if (world_.successor) give(SuccessorEnded{});
        REQUIRE_FALSE(world_.timer);
        REQUIRE((now_.state == State::stopped || now_.state == State::failed));
        give(StartAsked{});
        if (now_.state != State::starting) give(StartAsked{}); // the limit refused it; now it is overruled
        REQUIRE(now_.state == State::starting);
        give(Up{});
        REQUIRE(now_.state == State::running);
    }

private:
    std::uint32_t pick(std::uint32_t choices) { return std::uniform_int_distribution<std::uint32_t>(0, choices - 1)(random_); }

    void give(const Event& event) {
        if (std::holds_alternative<TimerFired>(event) && world_.timer) clock_ = std::max(clock_, *world_.timer);
        const Step s = step(service_, now_, event, clock_);
        if (!is_spurious(now_, event)) world_.before(event);
        world_.carry_out(s.actions);
        now_ = s.next;
        world_.check_agrees(now_);
    }

    std::mt19937_64 random_;
    Service service_;
    Lifecycle now_;
    World world_;
    Monotonic clock_ = kStart;
};

} // namespace

TEST_CASE("lifecycle: random walks never leave the rails, and always come to rest and up again") {
    const std::uint64_t seed = seed_of_this_run();
    MESSAGE("SWATHE_SEED=" << seed);
    std::uint64_t number = seed;
    for (const Service& service : all_services())
        for (int i = 0; i < 5; ++i) {
            CAPTURE(number);
            Walk walk(number++, service);
            for (int round = 0; round < 5; ++round) {
                walk.go(100);
                walk.come_to_rest();
            }
        }
}
