#pragma once

#include "supervise/run.h"

namespace swathe {

/// The list that a phase works through; nothing for phases that wait.
[[nodiscard]] std::optional<CommandKind> list_of(Phase phase) noexcept;
[[nodiscard]] bool is_reloading(Phase phase) noexcept;

/// One call of step(): what becomes of the instance, and which orders that takes. For the files of run.h alone:
/// run.cpp has what happens, run_up.cpp the way up and reloads, run_down.cpp the way down.
class RunTransition {
public:
    RunTransition(const Service& service, const Run& before, Monotonic now)
        : service_(service), before_(before), next_(before), now_(now) {}

    void on(const Begin&);
    void on(const ProcessStarted&);
    void on(const ProcessFailed& failed);
    void on(const MainExited& exited);
    void on(const ControlExited& exited);
    void on(const MainFound&);
    void on(const MainMissing&);
    void on(const GroupEmptied&);
    void on(const StopRun& asked);
    void on(const ReloadRun&);
    void on(const RunTimer&);
    void on(const Said& said);
    [[nodiscard]] RunStep finish() &&; ///< the timer by what is due next, then the orders

private:
    // --- on the way up
    void begin_start_pre();
    void begin_start();
    void begin_start_post();
    void come_up(); ///< everything that a start has to do is done, or a reload is over
    void come_to_rest(Phase phase); ///< running or exited, unless a reload is owed
    void fail_start(ServiceResult result);
    void main_ended(const Exit& exit, bool oom);
    void control_ended(const Exit& exit);
    void after_command(ServiceResult result); ///< a command of the phase's list has ended
    void parent_ended();                      ///< well, of a forking service
    void end_reload(bool well);
    void said_ready(bool with_reloading);
    void said_reloading();

    // --- on the way down
    void begin_stop();
    void begin_stop_in_reload();
    void said_stopping();
    void terminate();
    void watchdog_fired();
    void abort();
    void give_up(TimeoutFailure mode);
    void kill_or_leave(Phase killing); ///< those who are still there; `killing`: stop_sigkill or final_sigkill
    void begin_stop_post();
    void begin_final();
    void end();
    void proceed_if_gone();
    void reload_took_too_long();
    void deadline_passed();

    // --- processes and signals
    [[nodiscard]] bool waits_for_main() const noexcept; ///< the main process of a forking service is not known yet
    [[nodiscard]] bool main_may_fail() const noexcept;  ///< "-" in front of its command
    [[nodiscard]] bool command_may_fail() const noexcept;
    [[nodiscard]] ServiceResult command_result(const Exit& exit) const noexcept;
    [[nodiscard]] bool waits_for(bool at_last) const noexcept; ///< is anyone there, or about to be, whom the signals of a stop reach?
    void signal_all(bool at_last);
    void signal(SignalTarget target); ///< as the phase does it
    void signal_newcomer(SignalTarget target);
    void end_by(SignalTarget target, int number);
    void send(SignalTarget target, int number); ///< if there is anyone

    // --- commands and time
    bool run_list(Phase phase, Duration limit); ///< false: the list of the phase is empty, and nothing was done
    bool run_next();                            ///< the next command of the list, with the phase's time anew; false: there is none
    void start_process();
    void enter(Phase phase, Duration limit);
    void wait_longer(Duration limit);
    [[nodiscard]] Duration stop_timeout() const noexcept { return next_.patience.value_or(service_.timeout_stop_sec); }
    [[nodiscard]] bool believes_reloading(const Said& said) const noexcept;
    void extend(Duration by);
    [[nodiscard]] Monotonic due_next() const noexcept;
    void note(ServiceResult result); ///< the first failure stays

    const Service& service_;
    const Run& before_;
    Run next_;
    Monotonic now_;
    std::vector<RunAction> orders_;
    bool timer_fired_ = false;
};

} // namespace swathe
