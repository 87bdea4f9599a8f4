#include "config/service_checks.h"

#include "config/connection_checks.h"
#include "config/service_findings.h"

#include <algorithm>

namespace swathe {
namespace {

class Checks : ServiceFindings {
public:
    Checks(Service& service, const ServiceText& text, Report& report) : ServiceFindings(service, text, report) {}

    bool run() {
        if (find("exec_start") == nullptr || text_.sound) check_exec_start();
        if (!text_.sound) return false;
        check_oneshot();
        check_restart();
        check_scheduling();
        check_pid_file();
        check_notify_access();
        check_instances();
        check_idle();
        confine_dynamic_user();
        ok_ = check_connections(service_, text_, report_) && ok_;
        return ok_;
    }

private:
    [[nodiscard]] bool is(ServiceType type) const noexcept { return service_.type == type; }
    [[nodiscard]] std::string type_is(ServiceType type) const { return assigned("type", name_of(type)); }

    void check_exec_start() {
        const auto& commands = service_.exec_start;
        if (commands.empty() && !is(ServiceType::oneshot)) return refuse("exec_start", "missing");
        if (commands.empty() && (service_.exec_stop.empty() || !service_.remain_after_exit))
            return refuse("exec_start", fmt::format("missing; only with {} and {} a service can do without", key("exec_stop"),
                                                    in_unit() ? "RemainAfterExit=yes" : "remain_after_exit = true"));
        if (commands.size() < 2 || is(ServiceType::oneshot)) return;
        std::string why = fmt::format("several commands need {}", type_is(ServiceType::oneshot));
        if (commands[0].pos == commands[1].pos)
            why += "; a literal \";\" is written \"\\;\"";
        else if (in_unit())
            why += fmt::format("; a drop-in takes back the one at {} with an empty \"{}=\"", commands[0].pos.to_string(),
                               key("exec_start"));
        refuse_at(commands[1].pos, "exec_start", why);
    }

    void check_oneshot() {
        if (!is(ServiceType::oneshot)) return;
        if (service_.restart == RestartPolicy::always || service_.restart == RestartPolicy::on_success)
            refuse("restart", fmt::format("a service with {} is done when it succeeds: \"{}\" would run it again and again",
                                          type_is(ServiceType::oneshot), name_of(service_.restart)));
        if (service_.runtime_max_sec != kInfinity)
            warn("runtime_max_sec", fmt::format("without effect with {}; {} limits its commands", type_is(ServiceType::oneshot),
                                                key("timeout_start_sec")));
    }

    void check_restart() {
        if (service_.restart_steps > 0 && !service_.restart_max_delay_sec)
            refuse("restart_steps", fmt::format("needs {}", key("restart_max_delay_sec")));
        else if (service_.restart_max_delay_sec && service_.restart_steps == 0)
            refuse("restart_max_delay_sec", fmt::format("needs {}", key("restart_steps")));
        else if (service_.restart_max_delay_sec && *service_.restart_max_delay_sec < service_.restart_sec)
            refuse("restart_max_delay_sec", fmt::format("shorter than {}", key("restart_sec")));
    }

    void check_scheduling() {
        const bool real_time = service_.cpu_scheduling_policy == CpuScheduling::fifo || service_.cpu_scheduling_policy == CpuScheduling::rr;
        if (service_.cpu_scheduling_priority && !real_time)
            refuse("cpu_scheduling_priority", fmt::format("needs {} \"fifo\" or \"rr\"", key("cpu_scheduling_policy")));
    }

    /// Units often say it without need; the main process of the other types is known.
    void check_pid_file() {
        if (!service_.pid_file || is(ServiceType::forking)) return;
        if (!in_unit()) return refuse("pid_file", fmt::format("needs {}", type_is(ServiceType::forking)));
        warn("pid_file", fmt::format("without effect, but with {}", type_is(ServiceType::forking)));
        service_.pid_file.reset();
    }

    /// systemd takes "none" for "main" then (service_add_extras()).
    void check_notify_access() {
        if (service_.notify_access != NotifyAccess::none) return;
        service_.notify_access.reset();
        const bool expected = service_.effective_notify_access() != NotifyAccess::none;
        if (!expected || !in_unit()) service_.notify_access = NotifyAccess::none;
        if (expected && !in_unit())
            refuse("notify_access", "nobody would be heard, but the type, the watchdog or the descriptor store needs notifications");
    }

    /// Several instances, side by side or one after the other, need a process each that is known from its start to its end.
    void check_instances() {
        if (!is(ServiceType::forking) && !is(ServiceType::oneshot)) return;
        const std::string why = fmt::format("does not go with {}", type_is(service_.type));
        if (service_.workers > 1) refuse("workers", why);
        if (service_.restart_mode != RestartMode::normal)
            refuse("restart_mode", fmt::format("\"{}\" {}", name_of(service_.restart_mode), why));
        if (service_.drain_timeout_sec) refuse("drain_timeout_sec", why);
    }

    /// Connections of a UNIX socket do not lead back to the listener that took them.
    void check_idle() {
        if (service_.idle_stop_sec == kInfinity) return;
        const auto known =
            std::find_if(service_.listeners.begin(), service_.listeners.end(), [](const Listener& l) { return l.is_unix(); });
        if (known != service_.listeners.end())
            refuse("idle_stop_sec", fmt::format("whether the UNIX socket at {} is in use cannot be told", known->pos.to_string()));
    }

    /// Nothing of it may outlive a user that is somebody else's later: systemd.exec(5), DynamicUser=.
    void confine_dynamic_user() {
        if (!service_.dynamic_user) return;
        service_.protect_system = ProtectSystem::strict;
        if (service_.protect_home == ProtectHome::no) service_.protect_home = ProtectHome::read_only;
        service_.private_tmp = service_.no_new_privileges = service_.restrict_suid_sgid = true;
    }
};

} // namespace

bool check_service(Service& service, const ServiceText& text, Report& report) { return Checks(service, text, report).run(); }

} // namespace swathe
