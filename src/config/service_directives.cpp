#include "config/directive_tables.h"

#include "config/service_values.h"
#include "config/setters.h"

#include <array>

namespace swathe {
namespace {

using enum Scope;
using enum Repeat;
using T = ValueType;

constexpr std::array kTable{
    Directive{service, "activation", "X-Swathe", "Activation", T::choice, replace, "on-demand",
              "Whether the first packet or the daemon's start starts it", words_of<Activation>,
              chosen<&Service::activation>},
    Directive{service, "type", "Service", "Type", T::choice, replace, "simple", "When the service counts as started",
              words_of<ServiceType>, chosen<&Service::type>},
    Directive{service, "exec_start", "Service", "ExecStart", T::command, once, "", "The program and its arguments",
              kNoWords, into<&Service::exec_start, read_commands>},
    Directive{service, "restart", "Service", "Restart", T::choice, replace, "no",
              "After which ends it is started again", words_of<RestartPolicy>, chosen<&Service::restart>},
    Directive{service, "restart_sec", "Service", "RestartSec", T::time_span, replace, "100ms", "Pause before a restart",
              kNoWords, into<&Service::restart_sec, read_time_span>},
    Directive{service, "restart_steps", "Service", "RestartSteps", T::count, replace, "0",
              "Restarts until the pause has grown to its longest", kNoWords, into<&Service::restart_steps, read_count>},
    Directive{service, "restart_max_delay_sec", "Service", "RestartMaxDelaySec", T::time_span, replace, "infinity",
              "The longest pause", kNoWords, into<&Service::restart_max_delay_sec, read_delay_ceiling>},
    Directive{service, "start_limit_interval_sec", "Unit", "StartLimitIntervalSec", T::time_span, replace, "10s",
              "Window of the start limit", kNoWords, into<&Service::start_limit_interval_sec, read_time_span>},
    Directive{service, "start_limit_burst", "Unit", "StartLimitBurst", T::count, replace, "5",
              "Starts that are allowed in the window", kNoWords, into<&Service::start_limit_burst, read_count>},
    Directive{service, "start_limit_hit", "X-Swathe", "StartLimitHit", T::choice, replace, "pause; fail in unit files",
              "What happens at the start limit", words_of<LimitAction>, chosen<&Service::start_limit_hit>},
    Directive{service, "timeout_sec", "Service", "TimeoutSec", T::time_span, replace, "unset", "Both time-outs at once",
              kNoWords, whole<Service, read_both_timeouts>},
    Directive{service, "timeout_start_sec", "Service", "TimeoutStartSec", T::time_span, replace, "90s",
              "How long a start may take", kNoWords, into<&Service::timeout_start_sec, read_optional_timeout>},
    Directive{service, "timeout_stop_sec", "Service", "TimeoutStopSec", T::time_span, replace, "90s",
              "How long it may take to end after TERM", kNoWords, into<&Service::timeout_stop_sec, read_timeout>},
};

} // namespace

std::span<const Directive> service_directives() { return kTable; }

} // namespace swathe
