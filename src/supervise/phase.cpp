#include "supervise/run.h"

namespace swathe {

const char* to_string(Phase phase) noexcept {
    switch (phase) {
    case Phase::condition: return "condition";
    case Phase::start_pre: return "start-pre";
    case Phase::start: return "start";
    case Phase::start_post: return "start-post";
    case Phase::running: return "running";
    case Phase::exited: return "exited";
    case Phase::reload: return "reload";
    case Phase::reload_signal: return "reload-signal";
    case Phase::reload_notify: return "reload-notify";
    case Phase::stop: return "stop";
    case Phase::stop_by_notify: return "stop-by-notify";
    case Phase::stop_watchdog: return "stop-watchdog";
    case Phase::stop_sigterm: return "stop-sigterm";
    case Phase::stop_sigkill: return "stop-sigkill";
    case Phase::stop_post: return "stop-post";
    case Phase::final_sigterm: return "final-sigterm";
    case Phase::final_sigkill: return "final-sigkill";
    case Phase::ended: return "ended";
    }
    return "";
}

const std::vector<Command>& commands_of(const Service& service, CommandKind kind) noexcept {
    switch (kind) {
    case CommandKind::condition: return service.exec_condition;
    case CommandKind::start_pre: return service.exec_start_pre;
    case CommandKind::start: return service.exec_start;
    case CommandKind::start_post: return service.exec_start_post;
    case CommandKind::reload: return service.exec_reload;
    case CommandKind::stop: return service.exec_stop;
    case CommandKind::stop_post: break;
    }
    return service.exec_stop_post;
}

const char* key_of(CommandKind kind) noexcept {
    switch (kind) {
    case CommandKind::condition: return "exec_condition";
    case CommandKind::start_pre: return "exec_start_pre";
    case CommandKind::start: return "exec_start";
    case CommandKind::start_post: return "exec_start_post";
    case CommandKind::reload: return "exec_reload";
    case CommandKind::stop: return "exec_stop";
    case CommandKind::stop_post: return "exec_stop_post";
    }
    return "";
}

} // namespace swathe
