#include "supervise/run_transition.h"

#include <utility>

namespace swathe {

std::optional<CommandKind> list_of(Phase phase) noexcept {
    switch (phase) {
    case Phase::condition: return CommandKind::condition;
    case Phase::start_pre: return CommandKind::start_pre;
    case Phase::start: return CommandKind::start;
    case Phase::start_post: return CommandKind::start_post;
    case Phase::reload: return CommandKind::reload;
    case Phase::stop: return CommandKind::stop;
    case Phase::stop_post: return CommandKind::stop_post;
    case Phase::running:
    case Phase::exited:
    case Phase::reload_signal:
    case Phase::reload_notify:
    case Phase::stop_by_notify:
    case Phase::stop_watchdog:
    case Phase::stop_sigterm:
    case Phase::stop_sigkill:
    case Phase::final_sigterm:
    case Phase::final_sigkill:
    case Phase::ended: return std::nullopt;
    }
    return std::nullopt;
}

void RunTransition::begin_start_pre() {
    if (!run_list(Phase::start_pre, service_.timeout_start())) begin_start();
}

void RunTransition::begin_start() {
    if (!run_list(Phase::start, service_.timeout_start())) begin_start_post(); // a oneshot may have nothing to run
}

void RunTransition::begin_start_post() {
    next_.watchdog_due = later(now_, next_.watchdog);
    if (!run_list(Phase::start_post, service_.timeout_start())) come_up();
}

void RunTransition::come_up() {
    if (!std::exchange(next_.was_up, true)) next_.runtime_end = later(now_, service_.runtime_max_sec);
    if (next_.result != ServiceResult::success) return terminate();
    const bool unknown_main = service_.type == ServiceType::forking && !next_.main_exit && next_.others;
    if (!next_.main && !unknown_main) return service_.remain_after_exit ? come_to_rest(Phase::exited) : begin_stop();
    switch (next_.heard) { // while it could not be acted upon
    case Heard::stopping: return enter(Phase::stop_by_notify, stop_timeout());
    case Heard::reloading: return enter(Phase::reload_notify, service_.timeout_start());
    case Heard::nothing:
    case Heard::ready: return come_to_rest(Phase::running);
    }
}

void RunTransition::come_to_rest(Phase phase) {
    enter(phase, kInfinity);
    if (std::exchange(next_.reload_again, false)) on(ReloadRun{}); // asked for while there was no time for it
}

void RunTransition::fail_start(ServiceResult result) {
    note(result);
    terminate();
}

// --- what has ended

void RunTransition::main_ended(const Exit& exit, bool oom) {
    next_.main_exit = exit;
    ServiceResult result = result_of(service_, exit);
    if (oom && result != ServiceResult::success) result = ServiceResult::oom_kill;
    if (main_may_fail()) result = ServiceResult::success;
    if (next_.phase == Phase::start && service_.type == ServiceType::oneshot) return after_command(result);
    note(result);
    switch (next_.phase) {
    case Phase::start: {
        const bool at_once = service_.type == ServiceType::simple || service_.type == ServiceType::exec;
        return at_once && next_.result == ServiceResult::success ? come_up() : fail_start(ServiceResult::protocol); // never ready
    }
    case Phase::running: return come_up();
    case Phase::reload_signal:
    case Phase::reload_notify: return end_reload(false);
    case Phase::stop_by_notify: return terminate();
    case Phase::condition:
    case Phase::start_pre:
    case Phase::start_post: // what its control process says is waited for
    case Phase::exited:
    case Phase::reload:
    case Phase::stop:
    case Phase::stop_watchdog:
    case Phase::stop_sigterm:
    case Phase::stop_sigkill:
    case Phase::stop_post:
    case Phase::final_sigterm:
    case Phase::final_sigkill:
    case Phase::ended: return proceed_if_gone();
    }
}

void RunTransition::control_ended(const Exit& exit) {
    const bool clean = exit.kind == Exit::Kind::code && exit.value == 0;
    const bool listed = next_.phase == Phase::condition && contains(service_.success_exit_status, exit);
    after_command(clean || listed || command_may_fail() ? ServiceResult::success : command_result(exit));
}

/// COMPAT 2.9: 1 to 254 of a condition are an answer and no failure.
ServiceResult RunTransition::command_result(const Exit& exit) const noexcept {
    if (next_.phase == Phase::condition && exit.kind == Exit::Kind::code && exit.value < 255) return ServiceResult::exec_condition;
    switch (exit.kind) {
    case Exit::Kind::code: return ServiceResult::exit_code;
    case Exit::Kind::signal: return ServiceResult::signal;
    case Exit::Kind::core: return ServiceResult::core_dump;
    }
    return ServiceResult::exit_code;
}

void RunTransition::after_command(ServiceResult result) {
    const bool failed = result != ServiceResult::success;
    switch (next_.phase) {
    case Phase::condition:
        if (failed) return fail_start(result);
        return run_next() ? void() : begin_start_pre();
    case Phase::start_pre:
        if (failed) return fail_start(result);
        return run_next() ? void() : begin_start();
    case Phase::start:
        if (failed) return fail_start(result);
        if (service_.type == ServiceType::forking) return parent_ended();
        return run_next() ? void() : begin_start_post();
    case Phase::start_post:
        if (failed) return fail_start(result);
        return run_next() ? void() : come_up();
    case Phase::reload:
        if (next_.stop_pending) return begin_stop();
        if (!failed && run_next()) return;
        return end_reload(!failed);
    case Phase::stop:
        note(result);
        if (!failed && run_next()) return;
        return terminate();
    case Phase::stop_post:
        note(result);
        if (!failed && run_next()) return;
        return begin_final();
    case Phase::running:
    case Phase::exited:
    case Phase::reload_signal:
    case Phase::reload_notify:
    case Phase::stop_by_notify: return; // no control process is ever there in these
    case Phase::stop_watchdog:
    case Phase::stop_sigterm:
    case Phase::stop_sigkill:
    case Phase::final_sigterm:
    case Phase::final_sigkill:
    case Phase::ended: return proceed_if_gone();
    }
}

void RunTransition::parent_ended() {
    if (next_.main) return begin_start_post(); // MAINPID= has named it
    if (!next_.others) return fail_start(ServiceResult::protocol);
    orders_.emplace_back(FindMain{});
}

bool RunTransition::main_may_fail() const noexcept {
    if (service_.type == ServiceType::forking) return false; // it is not the process of a command
    const std::size_t index = next_.phase == Phase::start ? next_.command : 0;
    return index < service_.exec_start.size() && service_.exec_start[index].ignore_failure;
}

bool RunTransition::command_may_fail() const noexcept {
    const auto kind = list_of(next_.phase);
    if (!kind) return false;
    const auto& commands = commands_of(service_, *kind);
    return next_.command < commands.size() && commands[next_.command].ignore_failure;
}

// --- reload

void RunTransition::end_reload(bool well) {
    if (well && next_.phase == Phase::reload && next_.main) { // the command has done its part; the service may still be at it
        if (next_.heard == Heard::reloading) return enter(Phase::reload_notify, service_.timeout_start());
        if (next_.heard == Heard::nothing && service_.type == ServiceType::notify_reload)
            return enter(Phase::reload_signal, service_.timeout_start());
    }
    if (next_.heard == Heard::reloading) next_.heard = Heard::nothing; // its READY=1 is not waited for again
    if (!next_.reload_again && std::exchange(next_.reload_pending, false))
        orders_.emplace_back(ReloadEnded{well && next_.result == ServiceResult::success});
    come_up();
}

} // namespace swathe
