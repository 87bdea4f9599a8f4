#pragma once

#include "model/service.h"
#include "process/exit.h"

#include <optional>

namespace swathe {

/// How a run of a service ended: systemd's Result= property.
enum class ServiceResult : std::uint8_t {
    success,
    resources,       ///< something could not be had: memory, a descriptor, a process
    protocol,        ///< it ended before READY=1, or its pid file names nobody
    timeout,
    exit_code,
    signal,
    core_dump,
    watchdog,        ///< no WATCHDOG=1 in time
    exec_condition,  ///< a command of exec_condition said that it is not to run; no failure
    condition,       ///< a condition was not met; no failure
    assertion,       ///< an assertion was not met
    oom_kill,        ///< the kernel killed one of its processes for want of memory
    start_limit_hit,
    trigger_limit_hit, ///< of a listener whose trigger_limit_hit = fail
};
/// Was there no run because something said that there is to be none?
[[nodiscard]] constexpr bool is_skip(ServiceResult result) noexcept {
    return result == ServiceResult::exec_condition || result == ServiceResult::condition;
}
[[nodiscard]] const char* to_string(ServiceResult result) noexcept; ///< "exit-code", ...

[[nodiscard]] bool contains(const ExitStatusSet& set, const Exit& exit) noexcept;

/// COMPAT 2.9: clean are status 0, `success_exit_status`, and, but for oneshot, death by HUP, INT, TERM or PIPE.
[[nodiscard]] bool is_clean(const Service& service, const Exit& exit) noexcept;

/// What the end of the main process means.
[[nodiscard]] ServiceResult result_of(const Service& service, const Exit& exit) noexcept;

/// COMPAT 2.9: does Restart= ask for another run? `exit` is the main process's, if there was one. restart_prevent_exit_status
/// wins over restart_force_exit_status, and both over the policy.
[[nodiscard]] bool wants_restart(const Service& service, ServiceResult result, const std::optional<Exit>& exit) noexcept;

} // namespace swathe
