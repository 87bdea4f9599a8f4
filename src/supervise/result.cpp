#include "supervise/result.h"

#include <algorithm>
#include <csignal>

namespace swathe {
namespace {

bool asks_for(RestartPolicy policy, ServiceResult result) noexcept {
    const bool clean = result == ServiceResult::success;
    switch (policy) {
    case RestartPolicy::no: return false;
    case RestartPolicy::always: return true;
    case RestartPolicy::on_success: return clean;
    case RestartPolicy::on_failure: return !clean;
    case RestartPolicy::on_abnormal: return !clean && result != ServiceResult::exit_code;
    case RestartPolicy::on_abort: return result == ServiceResult::signal || result == ServiceResult::core_dump;
    case RestartPolicy::on_watchdog: return result == ServiceResult::watchdog;
    }
    return false;
}

} // namespace

bool contains(const ExitStatusSet& set, const Exit& exit) noexcept {
    const std::vector<int>& numbers = exit.kind == Exit::Kind::code ? set.codes : set.signals;
    return std::find(numbers.begin(), numbers.end(), exit.value) != numbers.end();
}

bool is_clean(const Service& service, const Exit& exit) noexcept {
    if (contains(service.success_exit_status, exit)) return true;
    switch (exit.kind) {
    case Exit::Kind::code: return exit.value == 0;
    case Exit::Kind::core: return false;
    case Exit::Kind::signal: break;
    }
    const bool polite = exit.value == SIGHUP || exit.value == SIGINT || exit.value == SIGTERM || exit.value == SIGPIPE;
    return polite && service.type != ServiceType::oneshot;
}

ServiceResult result_of(const Service& service, const Exit& exit) noexcept {
    if (is_clean(service, exit)) return ServiceResult::success;
    switch (exit.kind) {
    case Exit::Kind::code: return ServiceResult::exit_code;
    case Exit::Kind::signal: return ServiceResult::signal;
    case Exit::Kind::core: return ServiceResult::core_dump;
    }
    return ServiceResult::success;
}

bool wants_restart(const Service& service, ServiceResult result, const std::optional<Exit>& exit) noexcept {
    if (result == ServiceResult::start_limit_hit || result == ServiceResult::trigger_limit_hit || is_skip(result)) return false;
    if (result == ServiceResult::assertion) return false; // what has not been started is not started again
    if (exit && contains(service.restart_prevent_exit_status, *exit)) return false;
    if (exit && contains(service.restart_force_exit_status, *exit))
        return service.type != ServiceType::oneshot || result != ServiceResult::success;
    return asks_for(service.restart, result);
}

const char* to_string(ServiceResult result) noexcept {
    switch (result) {
    case ServiceResult::success: return "success";
    case ServiceResult::resources: return "resources";
    case ServiceResult::protocol: return "protocol";
    case ServiceResult::timeout: return "timeout";
    case ServiceResult::exit_code: return "exit-code";
    case ServiceResult::signal: return "signal";
    case ServiceResult::core_dump: return "core-dump";
    case ServiceResult::watchdog: return "watchdog";
    case ServiceResult::exec_condition: return "exec-condition";
    case ServiceResult::condition: return "condition";
    case ServiceResult::assertion: return "assert";
    case ServiceResult::oom_kill: return "oom-kill";
    case ServiceResult::start_limit_hit: return "start-limit-hit";
    case ServiceResult::trigger_limit_hit: return "trigger-limit-hit";
    }
    return "";
}

} // namespace swathe
