#pragma once

#include "base/rate_limit.h"
#include "model/service.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace swathe {

/// How a child ended, or failed to begin.
struct Exit {
    enum class Kind : std::uint8_t { code, signal, core };
    Kind kind = Kind::code;
    int value = 0; ///< exit status or signal number
    friend bool operator==(const Exit&, const Exit&) noexcept = default;
};

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
struct SpawnFailed { std::string why; }; ///< the other answer to SpawnChild
struct Ready {};                         ///< READY=1
struct Exited { Exit exit; };
struct TimerFired {};
using Event = std::variant<Traffic, StartAsked, StopAsked, RestartAsked, Spawned, SpawnFailed, Ready, Exited, TimerFired>;

// What is to be done about it, in this order.
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
    ServiceResult result = ServiceResult::success; ///< of the last run
    std::optional<Exit> last_exit;
    RateLimit start_limit;
    std::uint32_t restarts = 0;   ///< automatic restarts since the last start by hand or traffic; what the back-off counts
    bool start_after_stop = false; ///< a restart is under way
    // more, as the transitions need it
};

struct Step {
    Lifecycle next;
    std::vector<Action> actions;
};

/// The transition function: pure and total. Events that mean nothing in a state change nothing.
[[nodiscard]] Step step(const LifecyclePolicy& policy, const Lifecycle& now_state, const Event& event, Monotonic now);

/// Delay before automatic restart number `n` (from 1): r = sec * (max/sec)^((n-1)/steps), systemd.service(5) RestartSteps=.
[[nodiscard]] Duration restart_delay(const LifecyclePolicy& policy, std::uint32_t n);

/// COMPAT 2.9: does Restart= ask for another run? `watchdog` and OOM causes come with a later version.
[[nodiscard]] bool wants_restart(RestartPolicy policy, ServiceResult result, const std::optional<Exit>& exit);

} // namespace swathe
