#pragma once

#include "base/rate_limit.h"
#include "supervise/result.h"

#include <optional>
#include <variant>
#include <vector>

namespace swathe {

/// What becomes of one worker of a service: instance after instance. What happens inside of an instance is run.h's affair.
enum class State : std::uint8_t {
    idle,     ///< no instance; traffic starts one
    starting, ///< an instance is there, not up yet
    running,  ///< up; a successor may be starting beside it
    stopping, ///< asked to end
    backoff,  ///< no instance; one will be started when the timer fires
    paused,   ///< no instance, start limit hit; traffic waits in the backlog until the timer fires
    failed,   ///< no instance, listeners closed (start_limit_hit = fail); only a start by hand leads out
    stopped,  ///< no instance, stopped by hand; listeners not watched until started by hand. The backlog holds who comes.
};
[[nodiscard]] const char* to_string(State state) noexcept;

// What happens to a worker. An instance is up once it is started and ready; it has ended when nothing is left of it that is waited for.
struct Traffic {};      ///< a listener is readable
struct LimitHit {};     ///< the trigger limit of a listener whose trigger_limit_hit = fail
struct StartAsked {};   ///< by hand, or eager at load
struct StopAsked {};    ///< by hand, by SIGTERM to the daemon, or removed from the configuration
struct RestartAsked { bool overlap = false; };
struct LetGo {};        ///< another service asks for its end: it is bound to one that has ended, or in conflict with one that starts
struct IdleFound {};    ///< idle_stop_sec: nobody has used it for that long
struct Up {};
struct Ended { ServiceResult result = ServiceResult::success; std::optional<Exit> exit; };
struct SuccessorUp {};
struct SuccessorEnded {};
struct OpenFailed {};   ///< closed listeners could not be opened for it: the other answer to StartInstance; at rest, a command that is to
                        ///< follow their opening has failed
struct TimerFired {};
using Event = std::variant<Traffic, LimitHit, StartAsked, StopAsked, RestartAsked, LetGo, IdleFound, Up, Ended, SuccessorUp, SuccessorEnded,
                           OpenFailed, TimerFired>;

// What is to be done about it, in this order. StartInstance and StartSuccessor are always the last, so that their answers may be given at
// once.
struct StartInstance {};
struct StopInstance { bool for_restart = false; };
struct StartSuccessor {};
struct StopSuccessor {};
struct Succeed {};         ///< the successor is up and takes over; the instance drains, and is no longer this worker's
struct AdoptSuccessor {};  ///< the instance is gone; its successor, not up yet, is the instance now
struct SetTimer { Monotonic at; }; ///< replaces the one that is set; there is at most one
struct ClearTimer {};
using Action = std::variant<StartInstance, StopInstance, StartSuccessor, StopSuccessor, Succeed, AdoptSuccessor, SetTimer, ClearTimer>;

/// The whole of what is remembered between events. A value: copy it, compare it, put it away.
struct Lifecycle {
    State state = State::idle;
    ServiceResult result = ServiceResult::success; ///< of the last run
    std::optional<Exit> last_exit;
    RateLimit start_limit;         ///< counts every start: by traffic, by hand and automatic
    std::uint32_t restarts = 0;    ///< automatic restarts since the last start by hand or traffic; what the back-off counts
    bool successor = false;        ///< one is starting, or on its way out; in running and stopping
    bool instance = false;         ///< the instance has not ended
    bool stop_asked = false;       ///< the stop under way was asked for, so Restart= has no say
    bool start_after_stop = false; ///< a restart is under way
    bool idle_after_stop = false;  ///< a stop for want of use, or for another service, is under way: traffic starts it again
    std::optional<Monotonic> timer; ///< the one timer, if it is set
    friend bool operator==(const Lifecycle&, const Lifecycle&) noexcept = default;
};

struct Step {
    Lifecycle next;
    std::vector<Action> actions;
};

/// A worker as it is loaded: idle.
[[nodiscard]] Lifecycle begin(const Service& service);

/// The transition function: pure and total. Events that mean nothing in a state change nothing.
/// * A start that the limit refuses pauses the service until the window has passed, or fails it (LimitAction). StartAsked in `paused`
///   or `failed` overrules the limit and opens a new window: it is systemctl's reset-failed and start in one.
/// * A start that fails is a failed run: Restart= decides.
/// * Of a service with `accept` nothing of this is about a connection's instance: it listens (`idle`, which is all that a start leads to, without
///   counting against the start limit), and its "instance" is all that serves connections, which StopInstance asks to end and of which Ended
///   tells that nobody is left. StartInstance opens the listeners if they are closed, and is answered by Up.
/// * An overlapping restart whose successor does not come up changes nothing; one that the start limit refuses neither.
[[nodiscard]] Step step(const Service& service, const Lifecycle& before, const Event& event, Monotonic now);

/// Delay before automatic restart number `n` (from 1): r = sec * (max/sec)^((n-1)/steps), at most max; systemd.service(5) RestartSteps=.
[[nodiscard]] Duration restart_delay(const Service& service, std::uint32_t n);

/// What the listeners of a service are in is a matter of its workers' states alone, and so cannot get out of step with them.
enum class Watching : std::uint8_t {
    armed,    ///< traffic starts who is idle
    disarmed, ///< somebody serves, or is about to, or nobody is to
    closed,   ///< no worker is ever going to serve until it is started by hand
};
[[nodiscard]] Watching watching_for(const std::vector<State>& workers) noexcept;

} // namespace swathe
