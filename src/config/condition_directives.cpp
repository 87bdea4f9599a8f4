#include "config/condition_values.h"
#include "config/directive_tables.h"
#include "config/setters.h"

#include <array>

namespace swathe {
namespace {

using K = Condition::Kind;

template <K Kind, bool Assertion> bool add(const Raw& raw, const ValueContext& context, const Recipient& target) {
    return read_conditions(raw, context, Kind, Assertion, std::get<Service*>(target)->conditions);
}

template <K Kind, bool Assertion = false>
constexpr Directive condition(std::string_view toml_key, std::string_view unit_key, std::string_view summary) {
    return {Scope::service, toml_key, "Unit", unit_key, ValueType::conditions, Repeat::add, "none", summary, kNoWords, add<Kind, Assertion>};
}

template <K Kind> constexpr Directive assertion(std::string_view toml_key, std::string_view unit_key, std::string_view summary) {
    return condition<Kind, true>(toml_key, unit_key, summary);
}

constexpr std::array kTable{
    condition<K::path_exists>("condition_path_exists", "ConditionPathExists", "Is started only if a path exists"),
    condition<K::path_exists_glob>("condition_path_exists_glob", "ConditionPathExistsGlob",
                 "Is started only if some path matches a pattern"),
    condition<K::path_is_directory>("condition_path_is_directory", "ConditionPathIsDirectory", "Is started only if a path is a directory"),
    condition<K::path_is_symbolic_link>("condition_path_is_symbolic_link", "ConditionPathIsSymbolicLink",
                 "Is started only if a path is a symbolic link"),
    condition<K::path_is_mount_point>("condition_path_is_mount_point", "ConditionPathIsMountPoint",
                 "Is started only if a path is a mount point"),
    condition<K::path_is_read_write>("condition_path_is_read_write", "ConditionPathIsReadWrite",
                 "Is started only if a path is on a file system that can be written to"),
    condition<K::path_is_socket>("condition_path_is_socket", "ConditionPathIsSocket", "Is started only if a path is a socket"),
    condition<K::directory_not_empty>("condition_directory_not_empty", "ConditionDirectoryNotEmpty",
                 "Is started only if there is something in a directory"),
    condition<K::file_not_empty>("condition_file_not_empty", "ConditionFileNotEmpty", "Is started only if there is something in a file"),
    condition<K::file_is_executable>("condition_file_is_executable", "ConditionFileIsExecutable",
                 "Is started only if a file may be executed"),
    condition<K::host>("condition_host", "ConditionHost", "Is started only if the host has a name or an identity"),
    condition<K::kernel_version>("condition_kernel_version", "ConditionKernelVersion", "Is started only if the kernel has a version"),
    condition<K::kernel_command_line>("condition_kernel_command_line", "ConditionKernelCommandLine",
                 "Is started only if the kernel was started with a word"),
    condition<K::kernel_module_loaded>("condition_kernel_module_loaded", "ConditionKernelModuleLoaded",
                 "Is started only if a module of the kernel is loaded"),
    condition<K::architecture>("condition_architecture", "ConditionArchitecture", "Is started only if the machine has an architecture"),
    condition<K::virtualization>("condition_virtualization", "ConditionVirtualization", "Is started only if the machine is virtual"),
    condition<K::user>("condition_user", "ConditionUser", "Is started only if the daemon runs as a user"),
    condition<K::group>("condition_group", "ConditionGroup", "Is started only if the daemon is in a group"),
    condition<K::capability>("condition_capability", "ConditionCapability", "Is started only if the daemon may have a capability"),
    condition<K::security>("condition_security", "ConditionSecurity", "Is started only if a security technology is there"),
    condition<K::environment>("condition_environment", "ConditionEnvironment", "Is started only if the daemon has a variable"),
    condition<K::memory>("condition_memory", "ConditionMemory", "Is started only if the machine has so much memory"),
    condition<K::cpus>("condition_cpus", "ConditionCPUs", "Is started only if the machine has so many processors"),
    condition<K::cpu_feature>("condition_cpu_feature", "ConditionCPUFeature", "Is started only if the processor has a feature"),
    condition<K::os_release>("condition_os_release", "ConditionOSRelease", "Is started only if the system calls itself so"),
    condition<K::ac_power>("condition_ac_power", "ConditionACPower", "Is started only if the machine does not run on its battery"),
    condition<K::first_boot>("condition_first_boot", "ConditionFirstBoot", "Is started only if the machine is started for the first time"),
    condition<K::needs_update>("condition_needs_update", "ConditionNeedsUpdate", "Is started only if a directory is older than the system"),
    condition<K::control_group_controller>("condition_control_group_controller", "ConditionControlGroupController",
                 "Is started only if a controller of control groups is there"),
    assertion<K::path_exists>("assert_path_exists", "AssertPathExists", "Cannot be started unless a path exists"),
    assertion<K::path_exists_glob>("assert_path_exists_glob", "AssertPathExistsGlob",
                 "Cannot be started unless some path matches a pattern"),
    assertion<K::path_is_directory>("assert_path_is_directory", "AssertPathIsDirectory", "Cannot be started unless a path is a directory"),
    assertion<K::path_is_symbolic_link>("assert_path_is_symbolic_link", "AssertPathIsSymbolicLink",
                 "Cannot be started unless a path is a symbolic link"),
    assertion<K::path_is_mount_point>("assert_path_is_mount_point", "AssertPathIsMountPoint",
                 "Cannot be started unless a path is a mount point"),
    assertion<K::path_is_read_write>("assert_path_is_read_write", "AssertPathIsReadWrite",
                 "Cannot be started unless a path is on a file system that can be written to"),
    assertion<K::path_is_socket>("assert_path_is_socket", "AssertPathIsSocket", "Cannot be started unless a path is a socket"),
    assertion<K::directory_not_empty>("assert_directory_not_empty", "AssertDirectoryNotEmpty",
                 "Cannot be started unless there is something in a directory"),
    assertion<K::file_not_empty>("assert_file_not_empty", "AssertFileNotEmpty", "Cannot be started unless there is something in a file"),
    assertion<K::file_is_executable>("assert_file_is_executable", "AssertFileIsExecutable",
                 "Cannot be started unless a file may be executed"),
    assertion<K::host>("assert_host", "AssertHost", "Cannot be started unless the host has a name or an identity"),
    assertion<K::kernel_version>("assert_kernel_version", "AssertKernelVersion", "Cannot be started unless the kernel has a version"),
    assertion<K::kernel_command_line>("assert_kernel_command_line", "AssertKernelCommandLine",
                 "Cannot be started unless the kernel was started with a word"),
    assertion<K::kernel_module_loaded>("assert_kernel_module_loaded", "AssertKernelModuleLoaded",
                 "Cannot be started unless a module of the kernel is loaded"),
    assertion<K::architecture>("assert_architecture", "AssertArchitecture", "Cannot be started unless the machine has an architecture"),
    assertion<K::virtualization>("assert_virtualization", "AssertVirtualization", "Cannot be started unless the machine is virtual"),
    assertion<K::user>("assert_user", "AssertUser", "Cannot be started unless the daemon runs as a user"),
    assertion<K::group>("assert_group", "AssertGroup", "Cannot be started unless the daemon is in a group"),
    assertion<K::capability>("assert_capability", "AssertCapability", "Cannot be started unless the daemon may have a capability"),
    assertion<K::security>("assert_security", "AssertSecurity", "Cannot be started unless a security technology is there"),
    assertion<K::environment>("assert_environment", "AssertEnvironment", "Cannot be started unless the daemon has a variable"),
    assertion<K::memory>("assert_memory", "AssertMemory", "Cannot be started unless the machine has so much memory"),
    assertion<K::cpus>("assert_cpus", "AssertCPUs", "Cannot be started unless the machine has so many processors"),
    assertion<K::cpu_feature>("assert_cpu_feature", "AssertCPUFeature", "Cannot be started unless the processor has a feature"),
    assertion<K::os_release>("assert_os_release", "AssertOSRelease", "Cannot be started unless the system calls itself so"),
    assertion<K::ac_power>("assert_ac_power", "AssertACPower", "Cannot be started unless the machine does not run on its battery"),
    assertion<K::first_boot>("assert_first_boot", "AssertFirstBoot", "Cannot be started unless the machine is started for the first time"),
    assertion<K::needs_update>("assert_needs_update", "AssertNeedsUpdate", "Cannot be started unless a directory is older than the system"),
    assertion<K::control_group_controller>("assert_control_group_controller", "AssertControlGroupController",
                 "Cannot be started unless a controller of control groups is there"),
};

} // namespace

std::span<const Directive> condition_directives() { return kTable; }

} // namespace swathe
