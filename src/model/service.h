#pragma once

#include "base/clock.h"
#include "model/cgroup_context.h"
#include "model/condition.h"
#include "model/connection_context.h"
#include "model/exec_context.h"
#include "model/kill_context.h"
#include "model/listener.h"
#include "model/systemd_unit.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace swathe {

enum class Activation : std::uint8_t { on_demand, eager };
/// When a service counts as started, and which of its processes is the main one. systemd.service(5), Type=.
enum class ServiceType : std::uint8_t { simple, exec, notify, notify_reload, oneshot, forking };
/// Whose notifications are believed. systemd.service(5), NotifyAccess=.
enum class NotifyAccess : std::uint8_t { none, main, exec, all };

/// systemd.service(5), Restart=.
enum class RestartPolicy : std::uint8_t { no, always, on_success, on_failure, on_abnormal, on_abort, on_watchdog };

/// How a running instance gives way to its successor, where a reload changed the service or a restart is asked for.
enum class RestartMode : std::uint8_t {
    normal,  ///< it ends before the next one starts; a reload leaves it alone
    overlap, ///< it ends once the next one is ready
};

/// systemd.service(5), FileDescriptorStorePreserve=.
enum class StorePreserve : std::uint8_t { no, restart, yes };

/// systemd.service(5), TimeoutStartFailureMode=, TimeoutStopFailureMode=.
enum class TimeoutFailure : std::uint8_t { terminate, abort, kill };

/// What happens when a limit is hit.
enum class LimitAction : std::uint8_t {
    pause, ///< traffic no longer starts the service until the window has passed; the backlog is kept
    fail,  ///< systemd's: the listeners close and the service fails until it is started by hand
};

/// A command line, split into words. `argv` has at least one word. systemd.service(5), "Command lines".
struct Command {
    std::string path; ///< absolute, or a bare file name looked up in the search path (COMPAT 2.12)
    std::vector<std::string> argv;
    bool expand = false; ///< argv has variables to be replaced at the start: model/expand.h
    bool ignore_failure = false; ///< "-": a failure is noted and means nothing
    bool privileged = false;     ///< "+": no user, no sandbox, no limits; the control group's hold
    bool keep_user = false;      ///< "!": no user and groups; the rest holds
    SourcePos pos;
};

/// Exit statuses and signals. systemd.service(5), SuccessExitStatus=.
struct ExitStatusSet {
    std::vector<int> codes;   ///< 0 to 255
    std::vector<int> signals; ///< by number
};

/// Another service that this one refers to.
using ServiceName = Placed<std::string>;

/// What is supervised. Names, units and defaults are systemd's wherever systemd has them.
struct Service : ExecContext, KillContext, CgroupContext, ConnectionContext {
    std::string name; ///< the file's name without its ending
    std::string description;
    std::vector<Listener> listeners; ///< in file order, which is the order of LISTEN_FDS; never empty
    std::vector<ServiceName> after, requires_, wants; ///< services that are there; unit files may name others, which are left out
    std::vector<ServiceName> before, requisite, binds_to, part_of, conflicts, on_failure, on_success; ///< likewise. systemd.unit(5)
    std::vector<Condition> conditions; ///< and assertions, of its .service and .socket, in order

    Activation activation = Activation::on_demand;
    ServiceType type = ServiceType::simple;
    std::vector<Command> exec_condition, exec_start_pre;
    std::vector<Command> exec_start; ///< one; with `oneshot` any number
    std::vector<Command> exec_start_post, exec_reload, exec_stop, exec_stop_post;
    /// Around its sockets, before they are bound, after that, before they are closed, after that. systemd.socket(5), ExecStartPre=.
    std::vector<Command> socket_start_pre, socket_start_post, socket_stop_pre, socket_stop_post;
    Duration socket_timeout_sec = std::chrono::seconds(90); ///< of each of these; kInfinity = none
    bool remain_after_exit = false;
    std::optional<Placed<std::string>> pid_file; ///< absolute; of type = forking
    std::optional<NotifyAccess> notify_access;   ///< nothing = main where notifications are expected, else none
    int reload_signal = SIGHUP;                  ///< of type = notify-reload
    std::uint32_t file_descriptor_store_max = 0;
    StorePreserve file_descriptor_store_preserve = StorePreserve::restart;

    RestartPolicy restart = RestartPolicy::no;
    RestartMode restart_mode = RestartMode::normal;
    Duration restart_sec = std::chrono::milliseconds(100);
    std::uint32_t restart_steps = 0;               ///< 0 = constant delay
    std::optional<Duration> restart_max_delay_sec; ///< set if and only if restart_steps > 0
    ExitStatusSet success_exit_status, restart_prevent_exit_status, restart_force_exit_status;
    Duration start_limit_interval_sec = std::chrono::seconds(10); ///< 0 = no limit
    std::uint32_t start_limit_burst = 5;                          ///< 0 = no limit
    LimitAction start_limit_hit = LimitAction::pause;

    std::optional<Duration> timeout_start_sec; ///< kInfinity = none; nothing = 90 s, none for oneshot
    Duration timeout_stop_sec = std::chrono::seconds(90);  ///< kInfinity = none
    std::optional<Duration> timeout_abort_sec; ///< nothing = timeout_stop_sec
    TimeoutFailure timeout_start_failure_mode = TimeoutFailure::terminate;
    TimeoutFailure timeout_stop_failure_mode = TimeoutFailure::terminate;
    Duration runtime_max_sec = kInfinity;
    Duration watchdog_sec = kInfinity;              ///< kInfinity = none
    std::optional<Duration> drain_timeout_sec;      ///< nothing = timeout_stop_sec; kInfinity = none
    Duration idle_stop_sec = kInfinity;             ///< kInfinity = never

    std::uint32_t workers = 1; ///< instances that run side by side, 1 to limits::kWorkers

    std::optional<SystemdUnit> systemd; ///< who supervises it, if not we: then it has only a name, listeners and files

    SourcePos pos;                   ///< its file, without line
    std::vector<std::string> files;  ///< every file that was read for it, in order

    [[nodiscard]] Duration timeout_start() const noexcept {
        return timeout_start_sec.value_or(type == ServiceType::oneshot ? kInfinity : Duration(std::chrono::seconds(90)));
    }
    /// Are notifications expected: is there a NOTIFY_SOCKET for its processes?
    [[nodiscard]] NotifyAccess effective_notify_access() const noexcept {
        const bool expected = type == ServiceType::notify || type == ServiceType::notify_reload || watchdog_sec != kInfinity ||
                              file_descriptor_store_max > 0;
        return notify_access.value_or(expected ? NotifyAccess::main : NotifyAccess::none);
    }
};

/// The lists of commands with the keys that set them, in the order in which they are run.
[[nodiscard]] inline std::array<std::pair<std::string_view, const std::vector<Command>*>, 7> commands_of(const Service& service) noexcept {
    return {{{"exec_condition", &service.exec_condition}, {"exec_start_pre", &service.exec_start_pre},
             {"exec_start", &service.exec_start}, {"exec_start_post", &service.exec_start_post},
             {"exec_reload", &service.exec_reload}, {"exec_stop", &service.exec_stop},
             {"exec_stop_post", &service.exec_stop_post}}};
}

} // namespace swathe
