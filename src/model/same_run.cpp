#include "model/same_run.h"

#include <algorithm>
#include <tuple>

namespace swathe {
namespace {

template <class T, class Same> bool all_same(const std::vector<T>& a, const std::vector<T>& b, Same same) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

template <class T> bool same(const Placed<T>& a, const Placed<T>& b) noexcept { return a.value == b.value; }

template <class T> bool same(const std::optional<Placed<T>>& a, const std::optional<Placed<T>>& b) noexcept {
    return a.has_value() == b.has_value() && (!a || a->value == b->value);
}

template <class T> bool same(const std::vector<Placed<T>>& a, const std::vector<Placed<T>>& b) noexcept {
    return all_same(a, b, [](const auto& x, const auto& y) { return same(x, y); });
}

bool same(const std::vector<Command>& a, const std::vector<Command>& b) noexcept {
    return all_same(a, b, [](const Command& x, const Command& y) {
        return std::tie(x.path, x.argv, x.expand, x.ignore_failure, x.privileged, x.keep_user) ==
               std::tie(y.path, y.argv, y.expand, y.ignore_failure, y.privileged, y.keep_user);
    });
}

bool same(const std::vector<EnvironmentFile>& a, const std::vector<EnvironmentFile>& b) noexcept {
    return all_same(a, b, [](const EnvironmentFile& x, const EnvironmentFile& y) {
        return std::tie(x.path, x.optional) == std::tie(y.path, y.optional);
    });
}

bool same(const std::vector<SandboxPath>& a, const std::vector<SandboxPath>& b) noexcept {
    return all_same(a, b, [](const SandboxPath& x, const SandboxPath& y) {
        return std::tie(x.path, x.optional, x.in_root) == std::tie(y.path, y.optional, y.in_root);
    });
}

bool same(const StandardStream& a, const StandardStream& b) noexcept { return std::tie(a.kind, a.target) == std::tie(b.kind, b.target); }

bool same(const OwnDirectories& a, const OwnDirectories& b) noexcept { return a.mode == b.mode && same(a.names, b.names); }

bool same(const SystemCallFilter& a, const SystemCallFilter& b) noexcept {
    return a.error_number == b.error_number && same(a.architectures, b.architectures) &&
           all_same(a.words, b.words, [](const auto& x, const auto& y) {
               return std::tie(x.name, x.inverted, x.error_number) == std::tie(y.name, y.inverted, y.error_number);
           });
}

bool same(const ResourceLimits& a, const ResourceLimits& b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) {
        return x.has_value() == y.has_value() && (!x || (x->rlim_cur == y->rlim_cur && x->rlim_max == y->rlim_max));
    });
}

bool same_accounts(const ExecContext& a, const ExecContext& b) noexcept {
    return same(a.user, b.user) && same(a.group, b.group) && same(a.supplementary_groups, b.supplementary_groups) &&
           std::tie(a.capability_bounding_set, a.ambient_capabilities, a.no_new_privileges, a.dynamic_user) ==
               std::tie(b.capability_bounding_set, b.ambient_capabilities, b.no_new_privileges, b.dynamic_user);
}

bool same_environment(const ExecContext& a, const ExecContext& b) noexcept {
    return std::tie(a.pass_environment, a.environment, a.unset_environment) ==
               std::tie(b.pass_environment, b.environment, b.unset_environment) &&
           same(a.environment_files, b.environment_files) && same(a.root_directory, b.root_directory) &&
           same(a.working_directory, b.working_directory) &&
           std::tie(a.working_directory_optional, a.umask) == std::tie(b.working_directory_optional, b.umask);
}

bool same_scheduling(const ExecContext& a, const ExecContext& b) noexcept {
    const auto all = [](const ExecContext& c) {
        return std::tie(c.nice, c.oom_score_adjust, c.cpu_scheduling_policy, c.cpu_scheduling_priority, c.cpu_scheduling_reset_on_fork,
                        c.cpu_affinity, c.io_scheduling_class, c.io_scheduling_priority, c.ignore_sigpipe);
    };
    return all(a) == all(b) && same(a.limits, b.limits);
}

bool same_restrictions(const ExecContext& a, const ExecContext& b) noexcept {
    const auto all = [](const ExecContext& c) {
        return std::tie(c.restrict_address_families, c.restrict_namespaces, c.restrict_realtime, c.restrict_suid_sgid,
                        c.memory_deny_write_execute, c.lock_personality);
    };
    return all(a) == all(b);
}

bool same_sandbox(const ExecContext& a, const ExecContext& b) noexcept {
    const auto flags = [](const ExecContext& c) {
        return std::tie(c.private_tmp, c.private_network, c.private_devices, c.protect_system, c.protect_home, c.protect_kernel_tunables,
                        c.protect_kernel_modules, c.protect_kernel_logs, c.protect_control_groups, c.protect_clock, c.protect_hostname,
                        c.protect_proc, c.proc_subset, c.private_mounts);
    };
    return flags(a) == flags(b) && same_restrictions(a, b) && same(a.read_only_paths, b.read_only_paths) &&
           same(a.read_write_paths, b.read_write_paths) && same(a.inaccessible_paths, b.inaccessible_paths) &&
           same(a.system_call_filter, b.system_call_filter);
}

bool same_files(const ExecContext& a, const ExecContext& b) noexcept {
    return same(a.runtime_directory, b.runtime_directory) && same(a.state_directory, b.state_directory) &&
           same(a.cache_directory, b.cache_directory) && same(a.logs_directory, b.logs_directory) &&
           same(a.configuration_directory, b.configuration_directory) && same(a.standard_input, b.standard_input) &&
           same(a.standard_output, b.standard_output) && same(a.standard_error, b.standard_error) &&
           std::tie(a.syslog_identifier, a.non_blocking) == std::tie(b.syslog_identifier, b.non_blocking);
}

} // namespace

bool same_run(const Service& a, const Service& b) noexcept {
    return a.type == b.type && same(a.exec_condition, b.exec_condition) && same(a.exec_start_pre, b.exec_start_pre) &&
           same(a.exec_start, b.exec_start) && same(a.exec_start_post, b.exec_start_post) && same(a.pid_file, b.pid_file) &&
           same_accounts(a, b) && same_environment(a, b) && same_scheduling(a, b) && same_sandbox(a, b) && same_files(a, b);
}

} // namespace swathe
