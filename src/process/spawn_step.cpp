#include "process/spawn_step.h"

#include "model/capabilities.h"
#include "process/spawn_plan.h"

#include <fmt/format.h>

namespace swathe {
namespace {

std::string bound(rlim_t value) { return value == RLIM_INFINITY ? "infinity" : std::to_string(value); }

std::string describe_limit(const SpawnPlan& plan, int resource) {
    const auto& limit = plan.limits.at(static_cast<std::size_t>(resource));
    for (const auto& [number, key] : kResourceLimitKeys)
        if (number == resource && limit) return fmt::format("{} of {}:{}", key, bound(limit->rlim_cur), bound(limit->rlim_max));
    return {};
}

/// A capability that one of the two keys is about; -1: all of the ambient ones.
std::string describe_capability(const SpawnPlan& plan, int capability) {
    const auto number = static_cast<unsigned>(capability);
    const bool ambient = capability < 0 || has(plan.ambient_capabilities, number);
    if (capability < 0) return "ambient_capabilities";
    return fmt::format("{}: {} {}", ambient ? "ambient_capabilities" : "capability_bounding_set", ambient ? "raising" : "dropping",
                       capability_name(number));
}

std::string describe_io(int priority) {
    constexpr int kClassShift = 13; // linux/ioprio.h
    return fmt::format("io_scheduling_class {}, priority {}", priority >> kClassShift, priority & ((1 << kClassShift) - 1));
}

std::string describe_stream(const char* key, const StreamSource& source) {
    return source.kind == StreamSource::Kind::path ? fmt::format("{} {}", key, source.target) : key;
}

} // namespace

const char* to_string(SpawnStep step) noexcept {
    switch (step) {
    case SpawnStep::none: return "";
    case SpawnStep::chdir: return "CHDIR";
    case SpawnStep::nice: return "NICE";
    case SpawnStep::fds: return "FDS";
    case SpawnStep::exec: return "EXEC";
    case SpawnStep::limits: return "LIMITS";
    case SpawnStep::oom_score_adjust: return "OOM_ADJUST";
    case SpawnStep::standard_input: return "STDIN";
    case SpawnStep::standard_output: return "STDOUT";
    case SpawnStep::chroot: return "CHROOT";
    case SpawnStep::io_scheduling: return "IOPRIO";
    case SpawnStep::cpu_scheduling: return "SETSCHEDULER";
    case SpawnStep::cpu_affinity: return "CPUAFFINITY";
    case SpawnStep::group: return "GROUP";
    case SpawnStep::user: return "USER";
    case SpawnStep::capabilities: return "CAPABILITIES";
    case SpawnStep::cgroup: return "CGROUP";
    case SpawnStep::standard_error: return "STDERR";
    case SpawnStep::network: return "NETWORK";
    case SpawnStep::name_space: return "NAMESPACE";
    case SpawnStep::no_new_privileges: return "NO_NEW_PRIVILEGES";
    case SpawnStep::seccomp: return "SECCOMP";
    case SpawnStep::address_families: return "ADDRESS_FAMILIES";
    case SpawnStep::runtime_directory: return "RUNTIME_DIRECTORY";
    case SpawnStep::state_directory: return "STATE_DIRECTORY";
    case SpawnStep::cache_directory: return "CACHE_DIRECTORY";
    case SpawnStep::logs_directory: return "LOGS_DIRECTORY";
    case SpawnStep::configuration_directory: return "CONFIGURATION_DIRECTORY";
    }
    return "";
}

std::string describe(const SpawnPlan& plan, SpawnStep step, int detail) {
    switch (step) {
    case SpawnStep::none: return "clone";
    case SpawnStep::chdir: return "chdir " + plan.working_directory;
    case SpawnStep::nice: return fmt::format("nice {}", plan.nice.value_or(0));
    case SpawnStep::fds: return "passing descriptors";
    case SpawnStep::exec: return "exec " + plan.path;
    case SpawnStep::limits: return describe_limit(plan, detail);
    case SpawnStep::oom_score_adjust: return fmt::format("oom_score_adjust {}", plan.oom_score_adjust.value_or(0));
    case SpawnStep::standard_input: return describe_stream("standard_input", plan.input);
    case SpawnStep::standard_output: return describe_stream("standard_output", plan.output);
    case SpawnStep::chroot: return "root_directory " + plan.root_directory;
    case SpawnStep::io_scheduling: return describe_io(plan.io_priority.value_or(0));
    case SpawnStep::cpu_scheduling:
        return fmt::format("cpu_scheduling_policy {}, priority {}", plan.cpu_policy.value_or(0), plan.cpu_priority);
    case SpawnStep::cpu_affinity: return fmt::format("cpu_affinity {}", fmt::join(plan.cpu_affinity, " "));
    case SpawnStep::group: return fmt::format("changing to group {}", plan.gid.value_or(0));
    case SpawnStep::user: return fmt::format("changing to user {}", plan.uid.value_or(0));
    case SpawnStep::capabilities: return describe_capability(plan, detail);
    case SpawnStep::cgroup: return "joining the control group";
    case SpawnStep::standard_error: return describe_stream("standard_error", plan.error);
    case SpawnStep::network: return "private_network";
    case SpawnStep::name_space: return plan.sandbox.describe_mount(detail);
    case SpawnStep::no_new_privileges: return "no_new_privileges";
    case SpawnStep::seccomp:
    case SpawnStep::address_families: return plan.sandbox.describe_filter(detail);
    case SpawnStep::runtime_directory: return "runtime_directory";
    case SpawnStep::state_directory: return "state_directory";
    case SpawnStep::cache_directory: return "cache_directory";
    case SpawnStep::logs_directory: return "logs_directory";
    case SpawnStep::configuration_directory: return "configuration_directory";
    }
    return {};
}

tl::unexpected<SpawnError> spawn_failure(SpawnStep step, std::string message, int errno_value) {
    return tl::unexpected<SpawnError>(SpawnError{step, Error{std::move(message), errno_value, std::nullopt}});
}

} // namespace swathe
