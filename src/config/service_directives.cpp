#include "config/directive_tables.h"

#include "config/exit_values.h"
#include "config/service_values.h"
#include "config/setters.h"

#include <array>

namespace swathe {
namespace {

using enum Scope;
using enum Repeat;
using T = ValueType;

/// Setter for a member that may hold a choice.
template <auto Member> bool maybe_chosen(const Raw& raw, const ValueContext& context, const Recipient& target) {
    auto& member = std::get<Service*>(target)->*Member;
    return read_choice(raw, context, member.emplace());
}

template <auto Member>
constexpr Directive commands(std::string_view toml_key, std::string_view unit_key, std::string_view default_text,
                             std::string_view summary) {
    return {service, toml_key, "Service", unit_key, T::commands, add, default_text, summary, kNoWords, into<Member, read_commands>};
}

/// Of the socket units: what is run around the service's sockets.
template <auto Member> constexpr Directive socket_commands(std::string_view toml_key, std::string_view unit_key, std::string_view summary) {
    return {service, toml_key, "Socket", unit_key, T::commands, add, "none", summary, kNoWords, into<Member, read_commands>};
}

template <auto Member> constexpr Directive names(std::string_view toml_key, std::string_view unit_key, std::string_view summary) {
    return {service, toml_key, "Unit", unit_key, T::services, add, "none", summary, kNoWords, into<Member, read_service_names>};
}

template <auto Member> constexpr Directive statuses(std::string_view toml_key, std::string_view unit_key, std::string_view summary) {
    return {service, toml_key, "Service", unit_key, T::statuses, add, "none", summary, kNoWords, into<Member, read_exit_statuses>};
}

template <auto Member>
constexpr Directive signal(std::string_view toml_key, std::string_view unit_key, std::string_view default_text,
                           std::string_view summary) {
    return {service, toml_key, "Service", unit_key, T::signal, replace, default_text, summary, kNoWords, into<Member, read_signal>};
}

constexpr std::array kTable{
    names<&Service::after>("after", "After", "Services that are started before this one"),
    names<&Service::requires_>("requires", "Requires", "Services that this one cannot do without"),
    names<&Service::wants>("wants", "Wants", "Services that are started with this one"),
    names<&Service::before>("before", "Before", "Services that are started after this one"),
    names<&Service::requisite>("requisite", "Requisite", "Services that must run before this one can be started"),
    names<&Service::binds_to>("binds_to", "BindsTo", "Services that this one cannot do without, and ends with"),
    names<&Service::part_of>("part_of", "PartOf", "Services that this one is stopped and restarted with"),
    names<&Service::conflicts>("conflicts", "Conflicts", "Services that cannot run beside this one"),
    names<&Service::on_failure>("on_failure", "OnFailure", "Services that are started when this one has failed"),
    names<&Service::on_success>("on_success", "OnSuccess", "Services that are started when this one has ended well"),

    Directive{service, "activation", "X-Swathe", "Activation", T::choice, replace, "on-demand",
              "Whether the first packet or the daemon's start starts it", words_of<Activation>, chosen<&Service::activation>},
    Directive{service, "type", "Service", "Type", T::choice, replace, "simple", "When the service counts as started",
              words_of<ServiceType>, chosen<&Service::type>},
    commands<&Service::exec_condition>("exec_condition", "ExecCondition", "none", "Commands that say whether it is started at all"),
    commands<&Service::exec_start_pre>("exec_start_pre", "ExecStartPre", "none", "Commands before exec_start"),
    commands<&Service::exec_start>("exec_start", "ExecStart", "required, unless type is oneshot", "The program and its arguments"),
    commands<&Service::exec_start_post>("exec_start_post", "ExecStartPost", "none", "Commands once it has started"),
    commands<&Service::exec_reload>("exec_reload", "ExecReload", "none", "Commands that make it read its configuration again"),
    commands<&Service::exec_stop>("exec_stop", "ExecStop", "none", "Commands that end it"),
    commands<&Service::exec_stop_post>("exec_stop_post", "ExecStopPost", "none", "Commands once it has ended"),
    socket_commands<&Service::socket_start_pre>("socket_start_pre", "ExecStartPre", "Commands before its sockets are bound"),
    socket_commands<&Service::socket_start_post>("socket_start_post", "ExecStartPost", "Commands once its sockets are bound"),
    socket_commands<&Service::socket_stop_pre>("socket_stop_pre", "ExecStopPre", "Commands before its sockets are closed"),
    socket_commands<&Service::socket_stop_post>("socket_stop_post", "ExecStopPost", "Commands once its sockets are closed"),
    Directive{service, "socket_timeout_sec", "Socket", "TimeoutSec", T::time_span, replace, "90s",
              "How long each of these commands may take", kNoWords, into<&Service::socket_timeout_sec, read_timeout>},
    Directive{service, "remain_after_exit", "Service", "RemainAfterExit", T::boolean, replace, "false",
              "Counts as running though all its processes have ended", kNoWords, into<&Service::remain_after_exit, read_boolean>},
    Directive{service, "pid_file", "Service", "PIDFile", T::path, replace, "none", "File that names the main process", kNoWords,
              into<&Service::pid_file, read_pid_file>},

    Directive{service, "notify_access", "Service", "NotifyAccess", T::choice, replace, "none; main where notifications are expected",
              "Whose notifications are believed", words_of<NotifyAccess>, maybe_chosen<&Service::notify_access>},
    signal<&Service::reload_signal>("reload_signal", "ReloadSignal", "HUP", "Signal that asks for a reload"),
    Directive{service, "file_descriptor_store_max", "Service", "FileDescriptorStoreMax", T::count, replace, "0",
              "Descriptors that it may leave with the daemon", kNoWords, into<&Service::file_descriptor_store_max, read_count>},
    Directive{service, "file_descriptor_store_preserve", "Service", "FileDescriptorStorePreserve", T::choice, replace, "restart",
              "How long these are kept", words_of<StorePreserve>, chosen<&Service::file_descriptor_store_preserve>},

    Directive{service, "restart", "Service", "Restart", T::choice, replace, "no", "After which ends it is started again",
              words_of<RestartPolicy>, chosen<&Service::restart>},
    Directive{service, "restart_mode", "X-Swathe", "RestartMode", T::choice, replace, "normal",
              "How an instance gives way to its successor", words_of<RestartMode>, chosen<&Service::restart_mode>},
    Directive{service, "restart_sec", "Service", "RestartSec", T::time_span, replace, "100ms", "Pause before a restart", kNoWords,
              into<&Service::restart_sec, read_time_span>},
    Directive{service, "restart_steps", "Service", "RestartSteps", T::count, replace, "0",
              "Restarts until the pause has grown to its longest", kNoWords, into<&Service::restart_steps, read_count>},
    Directive{service, "restart_max_delay_sec", "Service", "RestartMaxDelaySec", T::time_span, replace, "infinity",
              "The longest pause", kNoWords, into<&Service::restart_max_delay_sec, read_delay_ceiling>},
    statuses<&Service::success_exit_status>("success_exit_status", "SuccessExitStatus", "More ends that are clean"),
    statuses<&Service::restart_prevent_exit_status>("restart_prevent_exit_status", "RestartPreventExitStatus",
                                                    "Ends after which it is never started again"),
    statuses<&Service::restart_force_exit_status>("restart_force_exit_status", "RestartForceExitStatus",
                                                  "Ends after which it always is"),
    Directive{service, "start_limit_interval_sec", "Unit", "StartLimitIntervalSec", T::time_span, replace, "10s",
              "Window of the start limit", kNoWords, into<&Service::start_limit_interval_sec, read_window>},
    Directive{service, "start_limit_burst", "Unit", "StartLimitBurst", T::count, replace, "5", "Starts that are allowed in the window",
              kNoWords, into<&Service::start_limit_burst, read_count>},
    Directive{service, "start_limit_hit", "X-Swathe", "StartLimitHit", T::choice, replace, "pause; fail in unit files",
              "What happens at the start limit", words_of<LimitAction>, chosen<&Service::start_limit_hit>},

    Directive{service, "timeout_sec", "Service", "TimeoutSec", T::time_span, replace, "unset", "Both time-outs at once", kNoWords,
              whole<Service, read_both_timeouts>},
    Directive{service, "timeout_start_sec", "Service", "TimeoutStartSec", T::time_span, replace, "90s; infinity with type oneshot",
              "How long a start may take", kNoWords, into<&Service::timeout_start_sec, read_optional_timeout>},
    Directive{service, "timeout_stop_sec", "Service", "TimeoutStopSec", T::time_span, replace, "90s",
              "How long it may take to end after TERM", kNoWords, into<&Service::timeout_stop_sec, read_timeout>},
    Directive{service, "timeout_abort_sec", "Service", "TimeoutAbortSec", T::time_span, replace, "timeout_stop_sec",
              "How long it may take to end after ABRT", kNoWords, into<&Service::timeout_abort_sec, read_optional_timeout>},
    Directive{service, "timeout_start_failure_mode", "Service", "TimeoutStartFailureMode", T::choice, replace, "terminate",
              "How a start that takes too long is ended", words_of<TimeoutFailure>, chosen<&Service::timeout_start_failure_mode>},
    Directive{service, "timeout_stop_failure_mode", "Service", "TimeoutStopFailureMode", T::choice, replace, "terminate",
              "How a stop that takes too long is ended", words_of<TimeoutFailure>, chosen<&Service::timeout_stop_failure_mode>},
    Directive{service, "runtime_max_sec", "Service", "RuntimeMaxSec", T::time_span, replace, "infinity", "How long it may run",
              kNoWords, into<&Service::runtime_max_sec, read_timeout>},
    Directive{service, "watchdog_sec", "Service", "WatchdogSec", T::time_span, replace, "infinity",
              "How long it may be without a sign of life", kNoWords, into<&Service::watchdog_sec, read_timeout>},
    Directive{service, "drain_timeout_sec", "X-Swathe", "DrainTimeoutSec", T::time_span, replace, "timeout_stop_sec",
              "How long an instance that gives way may take", kNoWords, into<&Service::drain_timeout_sec, read_optional_timeout>},
    Directive{service, "idle_stop_sec", "X-Swathe", "IdleStopSec", T::time_span, replace, "infinity",
              "After how long without traffic it is stopped", kNoWords, into<&Service::idle_stop_sec, read_timeout>},

    Directive{service, "workers", "X-Swathe", "Workers", T::count, replace, "1", "Instances that run side by side", kNoWords,
              into<&Service::workers, read_workers>},
    Directive{service, "kill_mode", "Service", "KillMode", T::choice, replace, "control-group", "Whom the signals of a stop reach",
              words_of<KillMode>, chosen<&Service::kill_mode>},
    signal<&Service::kill_signal>("kill_signal", "KillSignal", "TERM", "Signal that asks it to end"),
    signal<&Service::restart_kill_signal>("restart_kill_signal", "RestartKillSignal", "kill_signal", "The same for a restart"),
    signal<&Service::final_kill_signal>("final_kill_signal", "FinalKillSignal", "KILL", "Signal after the time-out"),
    signal<&Service::watchdog_signal>("watchdog_signal", "WatchdogSignal", "ABRT", "Signal when no sign of life has come"),
    Directive{service, "send_sigkill", "Service", "SendSIGKILL", T::boolean, replace, "true",
              "Whether final_kill_signal is sent at all", kNoWords, into<&Service::send_sigkill, read_boolean>},
    Directive{service, "send_sighup", "Service", "SendSIGHUP", T::boolean, replace, "false", "Whether HUP follows kill_signal", kNoWords,
              into<&Service::send_sighup, read_boolean>},
};

} // namespace

std::span<const Directive> service_directives() { return kTable; }

} // namespace swathe
