#include "model/condition_name.h"

#include <algorithm>

namespace swathe {

std::string_view name_of(Condition::Kind kind) noexcept {
    using enum Condition::Kind;
    switch (kind) {
    case path_exists: return "PathExists";
    case path_exists_glob: return "PathExistsGlob";
    case path_is_directory: return "PathIsDirectory";
    case path_is_symbolic_link: return "PathIsSymbolicLink";
    case path_is_mount_point: return "PathIsMountPoint";
    case path_is_read_write: return "PathIsReadWrite";
    case path_is_socket: return "PathIsSocket";
    case directory_not_empty: return "DirectoryNotEmpty";
    case file_not_empty: return "FileNotEmpty";
    case file_is_executable: return "FileIsExecutable";
    case host: return "Host";
    case kernel_version: return "KernelVersion";
    case kernel_command_line: return "KernelCommandLine";
    case kernel_module_loaded: return "KernelModuleLoaded";
    case architecture: return "Architecture";
    case virtualization: return "Virtualization";
    case user: return "User";
    case group: return "Group";
    case capability: return "Capability";
    case security: return "Security";
    case environment: return "Environment";
    case memory: return "Memory";
    case cpus: return "CPUs";
    case cpu_feature: return "CPUFeature";
    case os_release: return "OSRelease";
    case ac_power: return "ACPower";
    case first_boot: return "FirstBoot";
    case needs_update: return "NeedsUpdate";
    case control_group_controller: return "ControlGroupController";
    }
    return {};
}

std::string to_string(const Condition& condition) {
    std::string text(condition.assertion ? "Assert" : "Condition");
    text += name_of(condition.kind);
    text += '=';
    if (condition.trigger) text += '|';
    if (condition.negated) text += '!';
    std::string value = condition.value;
    std::replace(value.begin(), value.end(), kExpressionEnd, ' ');
    return text + value;
}

} // namespace swathe
