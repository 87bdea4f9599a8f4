#include "dump.h"

#include "model/choices.h"
#include "model/condition_name.h"
#include "model/service_links.h"
#include "model/socket_stage.h"
#include "config/time_span.h"

#include <fmt/format.h>

namespace swathe {
namespace {

std::string dump(const std::vector<Endpoint>& endpoints, const char* label) {
    std::string out;
    for (const Endpoint& endpoint : endpoints) {
        out += fmt::format("    {}", label);
        for (const auto& address : endpoint.addresses) out += " " + address.value.to_string();
        out += fmt::format(" : {}\n", to_string(endpoint.ports));
    }
    return out;
}

std::string dump(const Guard& guard) {
    std::string out;
    for (const auto& from : guard.from) out += fmt::format("    from {}\n", from.value.to_string());
    for (const auto& from : guard.except_from) out += fmt::format("    except_from {}\n", from.value.to_string());
    for (const auto& interface : guard.interfaces) out += fmt::format("    interface {}\n", interface.value);
    return out;
}

std::string dump(const EventLimit& limit) { return fmt::format("{}/{}", limit.burst, format_time_span(limit.interval)); }

std::string dump_limits(const Listener& l) {
    return fmt::format("    trigger={} fails={} poll={}\n", dump(l.trigger_limit), l.trigger_limit_fails, dump(l.poll_limit));
}

std::string dump(const ConnectionRate& rate) { return fmt::format("{}/{} burst {}", rate.count, format_time_span(rate.per), rate.burst); }

std::string dump_rates(const Listener& l) {
    std::string out = fmt::format("    rate={} source={}\n", dump(l.connection_rate), dump(l.source_rate));
    for (const auto& prefix : l.blocked) out += fmt::format("    blocked {}\n", prefix.value.to_string());
    return out;
}

std::string dump_mode(const Listener& l) { return fmt::format("    mode={}\n", name_of(l.listener_mode)); }
template <class T> std::string dump_number(const std::optional<T>& number) { return number ? fmt::format("{}", *number) : "-"; }
std::string dump_number(const std::optional<Duration>& span) { return span ? format_time_span(*span) : "-"; }

std::string dump_options(const Listener& l) {
    return fmt::format("    keep_alive={} time={} interval={} probes={} no_delay={} congestion={} defer={} reuse_port={} flush={}\n", l.keep_alive,
                       dump_number(l.keep_alive_time_sec), dump_number(l.keep_alive_interval_sec), dump_number(l.keep_alive_probes), l.no_delay,
                       l.tcp_congestion, dump_number(l.defer_accept_sec), l.reuse_port, l.flush_pending) +
           fmt::format("    priority={} receive={} send={} tos={} ttl={} mark={} transparent={} broadcast={} timestamping={} device={}\n",
                       dump_number(l.priority), dump_number(l.receive_buffer), dump_number(l.send_buffer), dump_number(l.ip_tos), dump_number(l.ip_ttl),
                       dump_number(l.mark), l.transparent, l.broadcast, name_of(l.timestamping), l.bind_to_device) +
           fmt::format("    credentials={} pidfd={} security={} descriptors={}\n", l.pass_credentials, l.pass_pidfd, l.pass_security,
                       l.accept_file_descriptors);
}

std::string dump_unix(const Listener& l) {
    std::string out = fmt::format("    path={} mode={:04o} directories={:04o} user={} group={} remove={}\n", l.path, l.socket_mode, l.directory_mode,
                                  l.socket_user ? l.socket_user->value : "-", l.socket_group ? l.socket_group->value : "-", l.remove_on_stop);
    for (const auto& link : l.symlinks) out += fmt::format("    symlink {}\n", link.value);
    return out;
}

/// What `line` says about `of`, unless it is what it says about one that nothing was said about.
template <class T> std::string unless_default(std::string (*line)(const T&), const T& of) { return line(of) == line(T{}) ? "" : line(of); }

std::string dump(const Listener& l) {
    return fmt::format("  listener {} {} backlog={} home={} sockets={} when_down={} steal={} local_routes={}\n", l.name, name_of(l.kind()), l.backlog,
                       l.home ? l.home->to_string() : "-", name_of(l.family_sockets), name_of(l.when_down), l.steal, l.local_routes) +
           unless_default(dump_limits, l) + unless_default(dump_rates, l) + unless_default(dump_mode, l) + unless_default(dump_options, l) + unless_default(dump_unix, l) +
           (l.netns.empty() ? "" : fmt::format("    netns {}\n", l.netns)) + dump(l.endpoints, "claims") + dump(l.except, "except") + dump(l.guard);
}

std::string dump(std::string_view key, const Command& command) {
    std::string out = fmt::format("  {} {} expand={}{}{}{}\n", key, command.path, command.expand, command.ignore_failure ? " -" : "",
                                  command.privileged ? " +" : "", command.keep_user ? " !" : "");
    for (const std::string& word : command.argv) out += fmt::format("    <{}>\n", word);
    return out;
}

std::string dump(std::string_view key, const ExitStatusSet& set) {
    if (set.codes.empty() && set.signals.empty()) return {};
    return fmt::format("  {} {} signals {}\n", key, fmt::join(set.codes, " "), fmt::join(set.signals, " "));
}

std::string dump(std::string_view key, const std::vector<ServiceName>& names) {
    std::string out;
    for (const ServiceName& name : names) out += fmt::format("  {} {}\n", key, name.value);
    return out;
}

std::string dump(const std::vector<Condition>& conditions) {
    std::string out;
    for (const Condition& condition : conditions) out += fmt::format("  {}\n", to_string(condition));
    return out;
}

std::string dump(const std::optional<Duration>& span) { return span ? format_time_span(*span) : "-"; }

std::string dump(const std::optional<Placed<std::string>>& text) { return text ? text->value : "-"; }

std::string dump(const CgroupContext& s) {
    std::string out;
    const auto amount = [&](const char* key, const std::optional<Placed<CgroupAmount>>& a) {
        if (a) out += fmt::format("  {}={}{}\n", key, a->value.hundredths ? *a->value.hundredths : a->value.value, a->value.hundredths ? "/10000" : "");
    };
    const auto number = [&](const char* key, const std::optional<Placed<std::uint32_t>>& n) {
        if (n) out += fmt::format("  {}={}\n", key, n->value);
    };
    amount("memory_max", s.memory_max);
    amount("memory_high", s.memory_high);
    amount("memory_swap_max", s.memory_swap_max);
    amount("tasks_max", s.tasks_max);
    number("cpu_weight", s.cpu_weight);
    number("cpu_quota", s.cpu_quota);
    number("io_weight", s.io_weight);
    return s.delegate ? out + "  delegate\n" : out;
}

std::string dump(const char* key, const std::vector<SandboxPath>& paths) {
    std::string out;
    for (const SandboxPath& path : paths) out += fmt::format("  {} {} optional={} in_root={}\n", key, path.path, path.optional, path.in_root);
    return out;
}

std::string dump_restrictions(const ExecContext& c) {
    std::string out;
    if (const auto& families = c.restrict_address_families)
        out += fmt::format("  restrict_address_families denies={} {}\n", families->denies, fmt::join(families->families, " "));
    if (c.restrict_namespaces) out += fmt::format("  restrict_namespaces {:x}\n", *c.restrict_namespaces);
    if (c.restrict_realtime) out += "  restrict_realtime\n";
    if (c.restrict_suid_sgid) out += "  restrict_suid_sgid\n";
    if (c.memory_deny_write_execute) out += "  memory_deny_write_execute\n";
    if (c.lock_personality) out += "  lock_personality\n";
    return out;
}

std::string dump_sandbox(const Service& s) {
    std::string out;
    if (s.private_tmp) out += "  private_tmp\n";
    if (s.private_network) out += "  private_network\n";
    if (s.private_devices) out += "  private_devices\n";
    if (s.protect_system != ProtectSystem::no) out += fmt::format("  protect_system {}\n", name_of(s.protect_system));
    if (s.protect_home != ProtectHome::no) out += fmt::format("  protect_home {}\n", name_of(s.protect_home));
    if (s.protect_kernel_tunables) out += "  protect_kernel_tunables\n";
    if (s.protect_kernel_modules) out += "  protect_kernel_modules\n";
    if (s.protect_kernel_logs) out += "  protect_kernel_logs\n";
    if (s.protect_control_groups) out += "  protect_control_groups\n";
    if (s.protect_clock) out += "  protect_clock\n";
    if (s.protect_hostname) out += "  protect_hostname\n";
    if (s.private_mounts) out += "  private_mounts\n";
    if (s.protect_proc != ProtectProc::all) out += fmt::format("  protect_proc {}\n", name_of(s.protect_proc));
    if (s.proc_subset != ProcSubset::all) out += fmt::format("  proc_subset {}\n", name_of(s.proc_subset));
    out += dump_restrictions(s);
    out += dump("read_only", s.read_only_paths) + dump("read_write", s.read_write_paths) + dump("inaccessible", s.inaccessible_paths);
    for (const SystemCallFilter::Word& word : s.system_call_filter.words)
        out += fmt::format("  system_call {}{}:{}\n", word.inverted ? "~" : "", word.name, word.error_number.value_or(-1));
    for (const auto& name : s.system_call_filter.architectures) out += fmt::format("  architecture {}\n", name.value);
    if (s.system_call_filter.error_number) out += fmt::format("  system_call_error_number {}\n", *s.system_call_filter.error_number);
    return out;
}

std::string dump(const char* key, const OwnDirectories& own) {
    std::string out;
    for (const auto& name : own.names) out += fmt::format("  {} <{}> mode={:04o}\n", key, name.value, own.mode);
    return out;
}

std::string dump(const char* key, const StandardStream& stream) {
    if (stream.kind == StandardStream::Kind::unset) return {};
    return fmt::format("  {} kind={} <{}>\n", key, static_cast<int>(stream.kind), stream.target);
}

std::string dump_scheduling(const ExecContext& c) {
    std::string out;
    if (c.cpu_scheduling_policy) out += fmt::format("  cpu_scheduling_policy={}\n", name_of(*c.cpu_scheduling_policy));
    if (c.cpu_scheduling_priority) out += fmt::format("  cpu_scheduling_priority={}\n", *c.cpu_scheduling_priority);
    if (c.cpu_scheduling_reset_on_fork) out += "  cpu_scheduling_reset_on_fork\n";
    if (!c.cpu_affinity.empty()) out += fmt::format("  cpu_affinity {}\n", fmt::join(c.cpu_affinity, " "));
    if (c.io_scheduling_class) out += fmt::format("  io_scheduling_class={}\n", name_of(*c.io_scheduling_class));
    if (c.io_scheduling_priority) out += fmt::format("  io_scheduling_priority={}\n", *c.io_scheduling_priority);
    return out;
}

/// What is set alone: most services set few of these.
std::string dump(const ExecContext& c) {
    std::string out = dump_scheduling(c);
    for (const std::string& name : c.pass_environment) out += fmt::format("  pass_environment {}\n", name);
    for (const std::string& entry : c.unset_environment) out += fmt::format("  unset_environment <{}>\n", entry);
    if (c.root_directory) out += fmt::format("  root_directory {}\n", c.root_directory->value);
    if (c.non_blocking) out += "  non_blocking\n";
    if (c.dynamic_user) out += "  dynamic_user\n";
    if (!c.ignore_sigpipe) out += "  ignore_sigpipe=no\n";
    if (c.capability_bounding_set) out += fmt::format("  capability_bounding_set={:x}\n", *c.capability_bounding_set);
    if (c.ambient_capabilities != 0) out += fmt::format("  ambient_capabilities={:x}\n", c.ambient_capabilities);
    out += dump("runtime_directory", c.runtime_directory) + dump("state_directory", c.state_directory);
    out += dump("cache_directory", c.cache_directory) + dump("logs_directory", c.logs_directory);
    out += dump("configuration_directory", c.configuration_directory);
    if (c.runtime_directory_preserve != PreserveMode::no) out += fmt::format("  preserve={}\n", name_of(c.runtime_directory_preserve));
    out += dump("standard_input", c.standard_input) + dump("standard_output", c.standard_output);
    return out + dump("standard_error", c.standard_error);
}

std::string dump(const ConnectionLog& log) {
    return fmt::format("host={} pid={} duration={} bytes={} exit={}", log.host, log.pid, log.duration, log.bytes, log.exit);
}

std::string dump_connections(const Service& s) {
    std::string out = fmt::format("  accept={} max={} {} per_source={} {} prefixes={},{} load={} idle={} style={} addresses={}\n", s.accept,
                                  s.max_connections.value_or(0), name_of(s.max_connections_hit), s.max_connections_per_source.value_or(0),
                                  name_of(s.max_connections_per_source_hit), s.source_prefix_ipv4, s.source_prefix_ipv6, s.max_load.value_or(0),
                                  format_time_span(s.flow_idle_sec), name_of(s.environment_style), s.log_addresses);
    for (const DayTimes& times : s.access_times) out += fmt::format("  access_times {}-{}\n", times.first, times.last);
    return out + fmt::format("  banner <{}> file {}\n  success {}\n  failure {}\n", s.banner, dump(s.banner_file), dump(s.log_on_success),
                             dump(s.log_on_failure));
}

std::string dump_supervision(const Service& s) {
    return fmt::format("  remain={} pid_file={} access={} reload={} store={} preserve={} mode={} workers={}\n", s.remain_after_exit,
                       dump(s.pid_file), s.notify_access ? name_of(*s.notify_access) : "-", s.reload_signal, s.file_descriptor_store_max,
                       name_of(s.file_descriptor_store_preserve), name_of(s.restart_mode), s.workers) +
           dump("success", s.success_exit_status) + dump("prevent", s.restart_prevent_exit_status) + dump("force", s.restart_force_exit_status);
}

std::string dump_end(const Service& s) {
    return fmt::format("  kill={} signals={},{},{},{} sigkill={} sighup={}\n", name_of(s.kill_mode), s.kill_signal, s.restart_kill_signal,
                       s.final_kill_signal, s.watchdog_signal, s.send_sigkill, s.send_sighup) +
           fmt::format("  abort={} start_failure={} stop_failure={} runtime={} watchdog={} drain={} idle={}\n", dump(s.timeout_abort_sec),
                       name_of(s.timeout_start_failure_mode), name_of(s.timeout_stop_failure_mode), format_time_span(s.runtime_max_sec),
                       format_time_span(s.watchdog_sec), dump(s.drain_timeout_sec), format_time_span(s.idle_stop_sec));
}

std::string dump(const Service& s) {
    std::string out = fmt::format("service {} \"{}\"\n", s.name, s.description);
    for (const Listener& listener : s.listeners) out += dump(listener);
    for (const auto& [key, list] : commands_of(s))
        for (const Command& command : *list) out += dump(key, command);
    for (const auto& [key, list] : socket_commands_of(s))
        for (const Command& command : *list) out += dump(key, command);
    if (s.socket_timeout_sec != std::chrono::seconds(90))
        out += fmt::format("  socket_timeout={}\n", format_time_span(s.socket_timeout_sec));
    out += dump(s.conditions);
    for (const ServiceLink& link : kServiceLinks) out += dump(link.key, s.*link.list);
    out += unless_default(dump_supervision, s) + unless_default(dump_connections, s) + unless_default(dump_end, s);
    out += fmt::format("  activation={} type={} user={} group={} directory={} optional={} umask={:04o}\n", name_of(s.activation), name_of(s.type), dump(s.user),
                       dump(s.group), dump(s.working_directory), s.working_directory_optional, s.umask);
    for (const auto& [resource, key] : kResourceLimitKeys)
        if (const auto& limit = s.limits.at(static_cast<std::size_t>(resource)))
            out += fmt::format("  {}={}:{}\n", key, limit->rlim_cur, limit->rlim_max);
    if (s.nice) out += fmt::format("  nice={}\n", *s.nice);
    if (s.no_new_privileges) out += "  no_new_privileges\n";
    out += dump_sandbox(s);
    if (!s.syslog_identifier.empty()) out += fmt::format("  syslog_identifier=\"{}\"\n", s.syslog_identifier);
    if (s.log_ring_bytes != 65536) out += fmt::format("  log_ring_bytes={}\n", s.log_ring_bytes);
    if (s.oom_score_adjust) out += fmt::format("  oom_score_adjust={}\n", *s.oom_score_adjust);
    out += dump(static_cast<const CgroupContext&>(s));
    for (const auto& group : s.supplementary_groups) out += fmt::format("  supplementary_group {}\n", group.value);
    for (const auto& [name, value] : s.environment) out += fmt::format("  environment {}=<{}>\n", name, value);
    for (const EnvironmentFile& file : s.environment_files)
        out += fmt::format("  environment_file {} optional={}\n", file.path, file.optional);
    out += dump(static_cast<const ExecContext&>(s));
    out += fmt::format("  restart={} sec={} steps={} max={}\n", name_of(s.restart), format_time_span(s.restart_sec), s.restart_steps,
                       s.restart_max_delay_sec ? format_time_span(*s.restart_max_delay_sec) : "-");
    return out + fmt::format("  start_limit={}/{} hit={} timeout_start={} timeout_stop={}\n", s.start_limit_burst,
                             format_time_span(s.start_limit_interval_sec), name_of(s.start_limit_hit), format_time_span(s.timeout_start()),
                             format_time_span(s.timeout_stop_sec));
}

} // namespace

std::string dump(const Config& config) {
    std::string out = fmt::format("daemon log_level={} control_group={} rule_counters={}\n", config.daemon.log_level, config.daemon.control_group, config.daemon.rule_counters);
    for (const GlobalRule& rule : config.rules) {
        out += fmt::format("{}", to_string(rule.verdict));
        for (const Protocol protocol : rule.protocols) out += fmt::format(" {}", to_string(protocol));
        if (!rule.netns.empty()) out += " in " + rule.netns;
        out += "\n" + dump(rule.endpoints, "claims") + dump(rule.except, "except") + dump(rule.guard);
    }
    for (const Service& service : config.services) out += dump(service);
    return out;
}

} // namespace swathe
