#pragma once

#include "base/source_pos.h"

#include <cstdint>
#include <string>

namespace swathe {

/// What has to be so for a start to go on. systemd.unit(5), "Conditions and Asserts".
struct Condition {
    enum class Kind : std::uint8_t {
        path_exists, path_exists_glob, path_is_directory, path_is_symbolic_link, path_is_mount_point, path_is_read_write, path_is_socket,
        directory_not_empty, file_not_empty, file_is_executable, host, kernel_version, kernel_command_line, kernel_module_loaded, architecture,
        virtualization, user, group, capability, security, environment, memory, cpus, cpu_feature, os_release, ac_power, first_boot, needs_update,
        control_group_controller,
    };
    Kind kind = Kind::path_exists;
    bool assertion = false; ///< Assert...=: a start fails; else it is skipped
    bool trigger = false;   ///< "|" in front: of all that have it one is enough
    bool negated = false;   ///< "!" in front
    std::string value;      ///< what is left
    SourcePos pos;
};

} // namespace swathe
