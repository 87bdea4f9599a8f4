#include "supervise/run_transition.h"

#include <algorithm>
#include <csignal>
#include <utility>

namespace swathe {
namespace {

/// How processes are being ended, and waited for.
enum class Killing : std::uint8_t { watchdog, stop_term, stop_kill, final_term, final_kill };

/// Nothing: in this phase they are not.
std::optional<Killing> killing_in(Phase phase) noexcept {
    switch (phase) {
    case Phase::stop_watchdog: return Killing::watchdog;
    case Phase::stop_sigterm: return Killing::stop_term;
    case Phase::stop_sigkill: return Killing::stop_kill;
    case Phase::final_sigterm: return Killing::final_term;
    case Phase::final_sigkill: return Killing::final_kill;
    case Phase::condition:
    case Phase::start_pre:
    case Phase::start:
    case Phase::start_post:
    case Phase::running:
    case Phase::exited:
    case Phase::reload:
    case Phase::reload_signal:
    case Phase::reload_notify:
    case Phase::stop:
    case Phase::stop_by_notify:
    case Phase::stop_post:
    case Phase::ended: return std::nullopt;
    }
    return std::nullopt;
}

} // namespace

void RunTransition::begin_stop() {
    if (!next_.was_up || !run_list(Phase::stop, stop_timeout())) terminate();
}

/// The command that runs is told, and waited for: two control processes at once are one too many.
void RunTransition::begin_stop_in_reload() {
    next_.stop_pending = true;
    next_.deadline = std::min(next_.deadline, later(now_, service_.timeout_stop_sec));
    end_by(SignalTarget::control, SIGTERM);
}

void RunTransition::said_stopping() {
    next_.heard = Heard::stopping;
    if (next_.phase == Phase::running || next_.phase == Phase::reload_signal || next_.phase == Phase::reload_notify)
        enter(Phase::stop_by_notify, stop_timeout());
}

void RunTransition::terminate() {
    enter(Phase::stop_sigterm, stop_timeout());
    waits_for(false) ? signal_all(false) : kill_or_leave(Phase::stop_sigkill);
}

void RunTransition::watchdog_fired() {
    note(ServiceResult::watchdog);
    abort();
}

void RunTransition::abort() {
    enter(Phase::stop_watchdog, service_.timeout_abort_sec.value_or(service_.timeout_stop_sec));
    waits_for(false) ? signal_all(false) : kill_or_leave(Phase::stop_sigkill);
}

void RunTransition::give_up(TimeoutFailure mode) {
    switch (mode) {
    case TimeoutFailure::terminate: return terminate();
    case TimeoutFailure::abort: return abort();
    case TimeoutFailure::kill: return kill_or_leave(Phase::stop_sigkill);
    }
}

void RunTransition::kill_or_leave(Phase killing) {
    const bool at_last = killing == Phase::final_sigkill;
    if (waits_for(true) && service_.send_sigkill) {
        enter(killing, service_.timeout_stop_sec);
        return signal_all(true);
    }
    if (next_.starting) { // its answer is owed
        enter(at_last ? Phase::final_sigterm : Phase::stop_sigterm, service_.timeout_stop_sec);
        return signal_all(false);
    }
    at_last ? end() : begin_stop_post();
}

void RunTransition::begin_stop_post() {
    if (!run_list(Phase::stop_post, service_.timeout_stop_sec)) begin_final();
}

void RunTransition::begin_final() {
    enter(Phase::final_sigterm, service_.timeout_stop_sec);
    waits_for(false) ? signal_all(false) : kill_or_leave(Phase::final_sigkill);
}

void RunTransition::end() {
    enter(Phase::ended, kInfinity);
    next_.main = next_.control = next_.others = false;
}

void RunTransition::proceed_if_gone() {
    const auto killing = killing_in(next_.phase);
    if (!killing) return;
    switch (*killing) {
    case Killing::watchdog:
    case Killing::stop_term: return waits_for(false) ? void() : kill_or_leave(Phase::stop_sigkill);
    case Killing::stop_kill: return waits_for(true) ? void() : begin_stop_post();
    case Killing::final_term: return waits_for(false) ? void() : kill_or_leave(Phase::final_sigkill);
    case Killing::final_kill: return waits_for(true) ? void() : end();
    }
}

void RunTransition::reload_took_too_long() {
    if (next_.starting) return wait_longer(service_.timeout_stop_sec); // its answer is owed, and then there is somebody to kill
    send(SignalTarget::control, SIGKILL);
    next_.control = false;
    next_.stop_pending ? begin_stop() : end_reload(false);
}

/// What took too long, phase by phase.
void RunTransition::deadline_passed() {
    wait_longer(kInfinity);
    switch (next_.phase) {
    case Phase::condition:
    case Phase::start_pre:
    case Phase::start:
    case Phase::start_post:
        note(ServiceResult::timeout);
        return give_up(service_.timeout_start_failure_mode);
    case Phase::reload: return reload_took_too_long();
    case Phase::reload_signal:
    case Phase::reload_notify: return end_reload(false);
    case Phase::stop:
    case Phase::stop_by_notify:
        note(ServiceResult::timeout);
        return give_up(service_.timeout_stop_failure_mode);
    case Phase::stop_sigterm:
        note(ServiceResult::timeout);
        if (service_.timeout_stop_failure_mode == TimeoutFailure::abort) return abort();
        return kill_or_leave(Phase::stop_sigkill);
    case Phase::stop_watchdog:
        note(ServiceResult::timeout);
        return kill_or_leave(Phase::stop_sigkill);
    case Phase::stop_sigkill: return next_.starting ? wait_longer(service_.timeout_stop_sec) : begin_stop_post();
    case Phase::stop_post:
        note(ServiceResult::timeout);
        return service_.timeout_stop_failure_mode == TimeoutFailure::kill ? kill_or_leave(Phase::final_sigkill) : begin_final();
    case Phase::final_sigterm:
        note(ServiceResult::timeout);
        return kill_or_leave(Phase::final_sigkill);
    case Phase::final_sigkill: return next_.starting ? wait_longer(service_.timeout_stop_sec) : end();
    case Phase::running:
    case Phase::exited:
    case Phase::ended: return; // no deadline is ever set in these
    }
}

// --- processes and signals

bool RunTransition::waits_for_main() const noexcept {
    return next_.phase == Phase::start && service_.type == ServiceType::forking && !next_.control && !next_.starting && !next_.main;
}

bool RunTransition::waits_for(bool at_last) const noexcept {
    const bool known = next_.main || next_.control;
    if (next_.starting) return true;
    switch (service_.kill_mode) {
    case KillMode::control_group: return known || next_.others;
    case KillMode::mixed: return known || (at_last && next_.others);
    case KillMode::process: return known;
    case KillMode::none: return false;
    }
    return false;
}

void RunTransition::signal_all(bool at_last) {
    switch (service_.kill_mode) {
    case KillMode::control_group: return signal(SignalTarget::all);
    case KillMode::mixed: return signal(at_last ? SignalTarget::all : SignalTarget::main_and_control);
    case KillMode::process: return signal(SignalTarget::main_and_control);
    case KillMode::none: return;
    }
}

/// It came when the others had been signalled already.
void RunTransition::signal_newcomer(SignalTarget target) {
    if (next_.phase == Phase::reload && next_.stop_pending) return end_by(target, SIGTERM);
    if (service_.kill_mode == KillMode::none) return proceed_if_gone();
    signal(target);
}

void RunTransition::signal(SignalTarget target) {
    const auto killing = killing_in(next_.phase);
    if (!killing) return;
    switch (*killing) {
    case Killing::watchdog: return end_by(target, service_.watchdog_signal);
    case Killing::stop_term:
    case Killing::final_term: {
        const bool for_restart = *killing == Killing::stop_term && next_.for_restart && service_.restart_kill_signal != 0;
        end_by(target, for_restart ? service_.restart_kill_signal : service_.kill_signal);
        if (service_.send_sighup) send(target, SIGHUP);
        return;
    }
    case Killing::stop_kill:
    case Killing::final_kill: return end_by(target, service_.final_kill_signal);
    }
}

void RunTransition::end_by(SignalTarget target, int number) {
    send(target, number);
    if (number != SIGKILL) send(target, SIGCONT);
}

void RunTransition::send(SignalTarget target, int number) {
    const bool main = next_.main && target != SignalTarget::control;
    const bool control = next_.control && target != SignalTarget::main;
    if (main || control || (target == SignalTarget::all && next_.others)) orders_.emplace_back(SendSignal{target, number});
}

} // namespace swathe
