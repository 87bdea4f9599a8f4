#pragma once

#include "base/clock.h"
#include "supervise/result.h"

#include <string>
#include <variant>
#include <vector>

namespace swathe {

/// Where one instance of a service is between its start and its end. systemd's names for the substates of a service.
enum class Phase : std::uint8_t {
    condition,
    start_pre,
    start,          ///< the main process is about to be there, or has not said that it is ready
    start_post,
    running,
    exited,         ///< no process, and that is right: remain_after_exit
    reload,         ///< a command of exec_reload runs
    reload_signal,  ///< notify-reload: the signal was sent, RELOADING=1 is awaited
    reload_notify,  ///< RELOADING=1 came, READY=1 is awaited
    stop,           ///< a command of exec_stop runs
    stop_by_notify, ///< STOPPING=1 came
    stop_watchdog,  ///< watchdog_signal sent
    stop_sigterm,   ///< kill_signal sent
    stop_sigkill,   ///< final_kill_signal sent
    stop_post,
    final_sigterm,
    final_sigkill,
    ended,
};
[[nodiscard]] const char* to_string(Phase phase) noexcept; ///< "start-pre", ...

/// Which list of commands: commands_of() of model/service.h, in its order.
enum class CommandKind : std::uint8_t { condition, start_pre, start, start_post, reload, stop, stop_post };
[[nodiscard]] const std::vector<Command>& commands_of(const Service& service, CommandKind kind) noexcept;
[[nodiscard]] const char* key_of(CommandKind kind) noexcept; ///< "exec_start_pre", ...

// What happens to an instance. A control process is any that is not the main one: those of all lists but exec_start, and the parent
// of a forking service.
struct Begin {};
struct ProcessStarted {};                ///< the answer to StartProcess
struct ProcessFailed { int exit_status = 0; }; ///< the other one: as if it had exited with this SpawnStep; 0 = there was never a process
struct MainExited { Exit exit; bool oom = false; };
struct ControlExited { Exit exit; };
struct MainFound {};                     ///< a process that was not started as the main one is it now: pid file, MAINPID=
struct MainMissing {};                   ///< the other answer to FindMain: nobody yet, or nobody to guess
struct GroupEmptied {};                  ///< no process is left; may come before the exit of the last one
/// `patience`: of a drain, instead of timeout_stop_sec; kInfinity = as long as it takes. A later StopRun without it ends the patience.
struct StopRun { std::optional<Duration> patience{}; bool restart = false; };
struct ReloadRun {};
struct RunTimer {};
/// What a notification says, of what matters here. `reloading_at`: its MONOTONIC_USEC=.
struct Said {
    bool ready = false, stopping = false, reloading = false;
    std::optional<Monotonic> reloading_at{};
    bool watchdog_ping = false, watchdog_trigger = false;
    std::optional<Duration> watchdog{}; ///< a new interval; kInfinity = none
    std::optional<Duration> extend{};
};
using RunEvent = std::variant<Begin, ProcessStarted, ProcessFailed, MainExited, ControlExited, MainFound, MainMissing, GroupEmptied,
                              StopRun, ReloadRun, RunTimer, Said>;

enum class SignalTarget : std::uint8_t { main, control, main_and_control, all };

// What is to be done about it, in this order. StartProcess and FindMain are always the last, so that their answers may be given at once.
// A control process that is still there when the next one is started has been given up: it is no longer the control process.
struct StartProcess { CommandKind kind = CommandKind::start; std::uint32_t index = 0; bool is_main = false; };
struct FindMain {};   ///< of a forking service: read its pid file, or guess
struct SendSignal { SignalTarget target = SignalTarget::all; int number = 0; };
struct SetRunTimer { Monotonic at; }; ///< replaces the one that is set
struct ClearRunTimer {};
struct ReloadEnded { bool well = true; };
using RunAction = std::variant<StartProcess, FindMain, SendSignal, SetRunTimer, ClearRunTimer, ReloadEnded>;

/// Which of READY=1, RELOADING=1 and STOPPING=1 came last; after STOPPING=1 the others say nothing.
enum class Heard : std::uint8_t { nothing, ready, reloading, stopping };

/// The whole of what is remembered of an instance between events. A value.
struct Run {
    Phase phase = Phase::ended;
    ServiceResult result = ServiceResult::success; ///< the first failure stays
    std::optional<Exit> main_exit;
    std::uint32_t command = 0;   ///< which of the list that `phase` runs
    bool starting = false;       ///< StartProcess was asked for, its answer has not come
    bool starting_main = false;  ///< and it is the main process
    bool main = false, control = false; ///< these processes are there
    bool others = false;         ///< there may be more
    bool was_up = false;         ///< it reached `running` or `exited`: exec_stop is for those only
    bool stop_pending = false;   ///< to be stopped as soon as the command of exec_reload is gone
    bool for_restart = false;    ///< another one follows: restart_kill_signal
    bool reload_pending = false; ///< ReloadEnded is owed
    bool reload_again = false;   ///< somebody asked while one was under way, which may have read its configuration by then
    Heard heard = Heard::nothing;
    std::optional<Duration> patience; ///< of StopRun
    Duration watchdog = kInfinity; ///< interval in force
    Monotonic deadline = Monotonic::max();     ///< of the phase
    Monotonic watchdog_due = Monotonic::max();
    Monotonic runtime_end = Monotonic::max();
    Monotonic reload_sent{};
    std::optional<Monotonic> timer; ///< the one timer, if it is set
    friend bool operator==(const Run&, const Run&) noexcept = default;

    [[nodiscard]] bool is_up() const noexcept;       ///< started, and not asked to stop
    [[nodiscard]] bool is_starting() const noexcept;
    [[nodiscard]] bool is_ending() const noexcept;   ///< neither of these: on its way to `ended`, or there
};

struct RunStep {
    Run next;
    std::vector<RunAction> actions;
};

/// The transition function of one instance: pure and total. Events that mean nothing in a phase change nothing. COMPAT 2.4, 2.9, 2.10.
/// * Nobody is waited for who is not signalled, and nobody is signalled who is not there. A signal that can be caught is followed by CONT,
///   since a stopped process would not see it.
/// * A process whose start was under way when the end began is signalled as soon as it is there; its answer is always waited for.
/// * A process that outlives even `final_kill_signal` for another timeout_stop_sec (it hangs in the kernel) is left behind.
[[nodiscard]] RunStep step(const Service& service, const Run& before, const RunEvent& event, Monotonic now);

} // namespace swathe
