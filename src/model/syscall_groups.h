#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace swathe {

/// The groups of system calls that system_call_filter knows by systemd's names: systemd.exec(5), SystemCallFilter=.

/// Names of system calls and of groups in the group `name` ("@system-service"), separated by single spaces. Nothing: no such group.
[[nodiscard]] std::optional<std::string_view> syscall_group(std::string_view name) noexcept;

[[nodiscard]] std::vector<std::string_view> syscall_group_names(); ///< "@aio", ..., sorted

/// Names for system_call_architectures, as systemd writes them; "native" is the one that this program runs on.
[[nodiscard]] std::span<const std::string_view> architecture_names() noexcept;

} // namespace swathe
