#pragma once

#include "model/exec_context.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace swathe {

/// The names of Linux capabilities, by number: linux/capability.h of Linux 5.9 to 6.18.
inline constexpr auto kCapabilityNames = std::to_array<std::string_view>({
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
    "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW",
    "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
    "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
    "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
});
inline constexpr unsigned kMostCapabilities = 64; ///< bits in a CapabilitySet

[[nodiscard]] constexpr bool has(CapabilitySet set, unsigned capability) noexcept { return (set >> capability & 1U) != 0; }

/// The number that a name stands for, in whatever case; or "0" to "62", for those that are younger than this table.
[[nodiscard]] std::optional<unsigned> capability_of(std::string_view name) noexcept;

/// "CAP_NET_ADMIN"; the digits of one without a name.
[[nodiscard]] std::string capability_name(unsigned capability);

} // namespace swathe
