#pragma once

#include "base/rate_limit.h"
#include "model/service.h"
#include "process/exit.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace swathe {

/// systemd's Result= property, as far as the lifecycle can produce it.
enum class ServiceResult : std::uint8_t { success, resources, protocol, timeout, exit_code, signal, core_dump, start_limit_hit };
[[nodiscard]] const char* to_string(ServiceResult result) noexcept; ///< "exit-code", ...

enum class State : std::uint8_t {
    idle,     ///< no child; traffic starts one
    starting, ///< a child runs but is not ready (type = notify)
    running,
    stopping, ///< TERM sent
    killing,  ///< KILL sent
    backoff,  ///< no child; one will be started when the timer fires
    paused,   ///< no child, start limit hit; traffic waits in the backlog until the timer fires
    failed,   ///< no child, listeners closed (start_limit_hit = fail); only a start by hand leads out
    stopped,  ///< no child, stopped by hand; listeners not watched until started by hand. The backlog holds who comes.
};
[[nodiscard]] const char* to_string(State state) noexcept;

// What happens to a service.
struct Traffic {};                       ///< a listener is readable
struct StartAsked {};                    ///< by hand, or eager at load
struct StopAsked {};                     ///< by hand, by SIGTERM to the daemon, or removed from the configuration
struct RestartAsked {};
struct Spawned { int pid = 0; };         ///< the answer to SpawnChild
struct SpawnFailed {                     ///< the other answer to SpawnChild
    std::string why;
    int exit_status = 0;                 ///< SpawnStep's number, as if the child had exited with it; 0 = there was never a child
};
struct OpenFailed { std::string why; };  ///< OpenListeners could not be done; the answer to the SpawnChild behind it, which is not tried
struct Ready {};                         ///< READY=1
struct Exited { Exit exit; };
struct TimerFired {};
using Event = std::variant<Traffic, StartAsked, StopAsked, RestartAsked, Spawned, SpawnFailed, OpenFailed, Ready, Exited, TimerFired>;

// What is to be done about it, in this order. SpawnChild is always the last, so that its answer may be given at once.
struct ArmListeners {};     ///< watch for traffic
struct DisarmListeners {};
struct CloseListeners {};
struct OpenListeners {};    ///< they were closed by CloseListeners
struct SpawnChild {};
struct SignalChild { int signal = 0; };
struct SetTimer { Monotonic at; }; ///< replaces the one that is set; there is at most one
struct ClearTimer {};
using Action = std::variant<ArmListeners, DisarmListeners, CloseListeners, OpenListeners, SpawnChild, SignalChild, SetTimer, ClearTimer>;

/// What of a service the lifecycle depends on.
struct LifecyclePolicy {
    ServiceType type = ServiceType::simple;
    RestartPolicy restart = RestartPolicy::no;
    Duration restart_sec{};
    std::uint32_t restart_steps = 0;
    std::optional<Duration> restart_max_delay_sec;
    LimitAction start_limit_hit = LimitAction::pause;
    Duration timeout_start = kInfinity;
    Duration timeout_stop = kInfinity;
};
[[nodiscard]] LifecyclePolicy policy_of(const Service& service);

/// The whole of what is remembered between events. A value: copy it, compare it, put it away.
struct Lifecycle {
    State state = State::idle;
    ServiceResult result = ServiceResult::success; ///< of the last run; the first failure of a run stays
    std::optional<Exit> last_exit;
    RateLimit start_limit;         ///< counts every start: by traffic, by hand and automatic
    std::uint32_t restarts = 0;    ///< automatic restarts since the last start by hand or traffic; what the back-off counts
    bool spawning = false;         ///< SpawnChild was asked for, its answer has not come; only in starting and stopping
    bool stop_asked = false;       ///< the stop under way was asked for, so Restart= has no say
    bool start_after_stop = false; ///< a restart is under way
    std::optional<Monotonic> timer; ///< the one timer, if it is set
    friend bool operator==(const Lifecycle&, const Lifecycle&) noexcept = default;

    [[nodiscard]] bool has_child() const noexcept; ///< one was spawned and has not exited
};

struct Step {
    Lifecycle next;
    std::vector<Action> actions;
};

/// A service as it is loaded: idle, listeners open and to be armed. An eager one is given StartAsked next.
[[nodiscard]] Step begin(const Service& service);

/// The transition function: pure and total. Events that mean nothing in a state change nothing.
/// * A start that the limit refuses pauses the service until the window has passed, or fails it (LimitAction). StartAsked in `paused`
///   or `failed` overrules the limit and opens a new window: it is systemctl's reset-failed and start in one.
/// * A start that fails is a failed run: Restart= decides. A clean exit before READY=1 is the result `protocol`.
/// * TERM is followed by CONT, since a stopped process would not see it. `killing` has no timer: nothing comes after KILL.
[[nodiscard]] Step step(const LifecyclePolicy& policy, const Lifecycle& now_state, const Event& event, Monotonic now);

/// Delay before automatic restart number `n` (from 1): r = sec * (max/sec)^((n-1)/steps), at most max; systemd.service(5) RestartSteps=.
[[nodiscard]] Duration restart_delay(const LifecyclePolicy& policy, std::uint32_t n);

/// COMPAT 2.9: clean are status 0 and death by HUP, INT, TERM or PIPE.
[[nodiscard]] ServiceResult result_of(const Exit& exit) noexcept;

/// COMPAT 2.9: does Restart= ask for another run? `watchdog` and OOM causes come with a later version.
[[nodiscard]] bool wants_restart(RestartPolicy policy, ServiceResult result) noexcept;

} // namespace swathe
