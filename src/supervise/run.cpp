#include "supervise/run_transition.h"

#include <algorithm>
#include <utility>

namespace swathe {
namespace {

constexpr Monotonic kNever = Monotonic::max();

/// Started, ready where that is asked for, and not on its way out: when WATCHDOG=1 is due.
bool is_watched(Phase phase) noexcept { return phase == Phase::start_post || phase == Phase::running || is_reloading(phase); }

bool awaits_ready(const Service& service) noexcept {
    return service.type == ServiceType::notify || service.type == ServiceType::notify_reload;
}

} // namespace

void RunTransition::on(const Begin&) {
    if (next_.phase != Phase::ended) return;
    next_ = Run{};
    next_.timer = before_.timer;
    next_.watchdog = service_.watchdog_sec;
    if (!run_list(Phase::condition, service_.timeout_start())) begin_start_pre();
}

void RunTransition::on(const ProcessStarted&) {
    if (!std::exchange(next_.starting, false)) return;
    const bool is_main = std::exchange(next_.starting_main, false);
    (is_main ? next_.main : next_.control) = true;
    next_.others = true;
    signal_newcomer(is_main ? SignalTarget::main : SignalTarget::control);
    if (!is_main || next_.phase != Phase::start) return;
    const bool at_once = service_.type == ServiceType::simple || service_.type == ServiceType::exec;
    if (at_once || (awaits_ready(service_) && next_.heard == Heard::ready)) begin_start_post(); // READY=1 may overtake the answer
}

void RunTransition::on(const ProcessFailed& failed) {
    if (!std::exchange(next_.starting, false)) return;
    const bool is_main = std::exchange(next_.starting_main, false);
    const Exit exit{Exit::Kind::code, failed.exit_status};
    const bool may_fail = is_main ? main_may_fail() : command_may_fail();
    if (failed.exit_status == 0 && !may_fail) return after_command(ServiceResult::resources);
    is_main ? main_ended(exit, false) : control_ended(exit);
}

void RunTransition::on(const MainExited& exited) {
    if (std::exchange(next_.main, false)) main_ended(exited.exit, exited.oom);
}

void RunTransition::on(const ControlExited& exited) {
    if (std::exchange(next_.control, false)) control_ended(exited.exit);
}

void RunTransition::on(const MainFound&) {
    if (next_.phase == Phase::condition || next_.phase == Phase::start_pre || next_.phase == Phase::ended) return;
    if (next_.starting_main) return; // a better one is about to be there
    const bool awaited = waits_for_main();
    next_.main = next_.others = true;
    if (awaited) return begin_start_post();
    if (service_.kill_mode != KillMode::control_group) signal_newcomer(SignalTarget::main); // else it was signalled with all others
}

void RunTransition::on(const MainMissing&) {
    if (waits_for_main() && !service_.pid_file) begin_start_post(); // it counts as running while any process of it is there
}

void RunTransition::on(const GroupEmptied&) {
    next_.others = false;
    if (waits_for_main()) return fail_start(ServiceResult::protocol);
    if (next_.main || next_.control || next_.starting) return; // its end is still to be told
    if (next_.phase == Phase::running) return come_up();
    if (next_.phase == Phase::reload_signal || next_.phase == Phase::reload_notify) return end_reload(false);
    if (next_.phase == Phase::stop_by_notify) return terminate();
    proceed_if_gone();
}

void RunTransition::on(const StopRun& asked) {
    if (next_.phase == Phase::ended) return;
    next_.for_restart = asked.restart;
    const bool only_announced = next_.phase == Phase::stop_by_notify;
    if (!next_.is_ending() || only_announced) {
        next_.patience = asked.patience;
        if (next_.is_starting() || only_announced) return terminate();
        return next_.phase == Phase::reload ? begin_stop_in_reload() : begin_stop();
    }
    if (asked.patience || !std::exchange(next_.patience, std::nullopt)) return;
    if (next_.phase == Phase::stop || next_.phase == Phase::stop_sigterm)
        next_.deadline = std::min(next_.deadline, later(now_, service_.timeout_stop_sec));
}

void RunTransition::on(const ReloadRun&) {
    next_.reload_pending = true;
    const bool has_means = service_.type == ServiceType::notify_reload || !service_.exec_reload.empty();
    if (is_reloading(next_.phase) || (has_means && next_.is_starting())) { // its files may have been read: one more answers all who asked
        next_.reload_again = true;
        return;
    }
    if (next_.phase != Phase::running && next_.phase != Phase::exited) return;
    const bool by_signal = next_.phase == Phase::running && next_.main && service_.type == ServiceType::notify_reload;
    if (by_signal) send(SignalTarget::main, service_.reload_signal);
    next_.reload_sent = now_;
    if (!by_signal && service_.exec_reload.empty()) return;
    if (next_.heard == Heard::ready) next_.heard = Heard::nothing;
    if (!run_list(Phase::reload, service_.timeout_start())) enter(Phase::reload_signal, service_.timeout_start());
}

void RunTransition::on(const RunTimer&) {
    if (!next_.timer) return;
    next_.timer.reset();
    timer_fired_ = true;
    if (now_ >= next_.deadline) return deadline_passed();
    if (is_watched(next_.phase) && now_ >= next_.watchdog_due) return watchdog_fired();
    if (next_.phase != Phase::running || now_ < next_.runtime_end) return;
    note(ServiceResult::timeout);
    begin_stop();
}

void RunTransition::on(const Said& said) {
    if (next_.phase == Phase::ended) return;
    if (said.extend) extend(*said.extend);
    if (said.watchdog) next_.watchdog = *said.watchdog;
    if (said.watchdog || said.watchdog_ping) next_.watchdog_due = later(now_, next_.watchdog);
    const bool may_trigger = is_watched(next_.phase) || next_.phase == Phase::start || next_.phase == Phase::stop_by_notify;
    if (said.watchdog_trigger && may_trigger) return watchdog_fired();
    if (said.stopping) return said_stopping();
    const bool reloading = said.reloading && believes_reloading(said);
    if (said.ready) return said_ready(reloading);
    if (reloading) said_reloading();
}

/// A reload by signal is answered by a message that is younger than the signal.
bool RunTransition::believes_reloading(const Said& said) const noexcept {
    const bool asked = next_.phase == Phase::reload_signal || (next_.phase == Phase::reload && service_.type == ServiceType::notify_reload);
    return !asked || (said.reloading_at && *said.reloading_at >= next_.reload_sent);
}

void RunTransition::said_ready(bool with_reloading) {
    if (next_.heard != Heard::stopping) next_.heard = Heard::ready;
    if (next_.phase == Phase::start && next_.main && awaits_ready(service_)) return begin_start_post();
    if (next_.phase == Phase::reload_notify || (next_.phase == Phase::reload_signal && with_reloading)) end_reload(true);
}

void RunTransition::said_reloading() {
    if (next_.heard != Heard::stopping) next_.heard = Heard::reloading;
    if (next_.phase == Phase::running || next_.phase == Phase::reload_signal) enter(Phase::reload_notify, service_.timeout_start());
}

RunStep RunTransition::finish() && {
    const Monotonic due = due_next();
    next_.timer = due == kNever ? std::nullopt : std::optional(due);
    const bool reload_waits = is_reloading(next_.phase) || (next_.reload_again && next_.is_starting());
    const bool reload_lost = next_.reload_pending && !reload_waits;
    if (reload_lost) next_.reload_pending = next_.reload_again = false;
    RunStep step{next_, {}};
    const std::optional<Monotonic> running_timer = timer_fired_ ? std::nullopt : before_.timer;
    if (next_.timer && next_.timer != running_timer) step.actions.emplace_back(SetRunTimer{due});
    if (!next_.timer && running_timer) step.actions.emplace_back(ClearRunTimer{});
    if (reload_lost) step.actions.emplace_back(ReloadEnded{false});
    step.actions.insert(step.actions.end(), orders_.begin(), orders_.end());
    return step;
}

// --- commands and time

bool RunTransition::run_list(Phase phase, Duration limit) {
    if (commands_of(service_, *list_of(phase)).empty()) return false;
    enter(phase, limit);
    start_process();
    return true;
}

bool RunTransition::run_next() {
    const CommandKind kind = *list_of(next_.phase);
    const std::uint32_t index = next_.command + 1;
    if (index >= commands_of(service_, kind).size()) return false;
    if (kind == CommandKind::start && service_.type != ServiceType::oneshot) return false;
    const bool stops = kind == CommandKind::stop || kind == CommandKind::stop_post;
    enter(next_.phase, kind == CommandKind::stop ? stop_timeout() : stops ? service_.timeout_stop_sec : service_.timeout_start());
    next_.command = index;
    start_process();
    return true;
}

void RunTransition::start_process() {
    const CommandKind kind = *list_of(next_.phase);
    next_.starting = true;
    next_.starting_main = kind == CommandKind::start && service_.type != ServiceType::forking;
    if (!next_.starting_main) next_.control = false; // one that was given up
    orders_.emplace_back(StartProcess{kind, next_.command, next_.starting_main});
}

void RunTransition::enter(Phase phase, Duration limit) {
    next_.phase = phase;
    next_.command = 0;
    next_.stop_pending = false;
    wait_longer(limit);
}

void RunTransition::wait_longer(Duration limit) { next_.deadline = later(now_, limit); }

/// EXTEND_TIMEOUT_USEC=: it never shortens what there is, and does not bring back what has passed.
void RunTransition::extend(Duration by) {
    const Monotonic until = later(now_, by);
    if (next_.deadline != kNever) next_.deadline = std::max(next_.deadline, until);
    if (next_.phase == Phase::running && next_.runtime_end != kNever) next_.runtime_end = std::max(next_.runtime_end, until);
}

Monotonic RunTransition::due_next() const noexcept {
    if (next_.phase == Phase::ended) return kNever;
    Monotonic due = next_.deadline;
    if (is_watched(next_.phase)) due = std::min(due, next_.watchdog_due);
    if (next_.phase == Phase::running) due = std::min(due, next_.runtime_end);
    return due;
}

void RunTransition::note(ServiceResult result) {
    if (next_.result == ServiceResult::success) next_.result = result;
}

RunStep step(const Service& service, const Run& before, const RunEvent& event, Monotonic now) {
    RunTransition transition(service, before, now);
    std::visit([&](const auto& what) { transition.on(what); }, event);
    return std::move(transition).finish();
}

bool Run::is_starting() const noexcept {
    return phase == Phase::condition || phase == Phase::start_pre || phase == Phase::start || phase == Phase::start_post;
}

bool Run::is_up() const noexcept { return (phase == Phase::running || phase == Phase::exited || is_reloading(phase)) && !stop_pending; }

bool Run::is_ending() const noexcept { return !is_starting() && !is_up(); }

bool is_reloading(Phase phase) noexcept { return phase == Phase::reload || phase == Phase::reload_signal || phase == Phase::reload_notify; }

} // namespace swathe
