#include "ctl/since.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

struct Since {
    std::string_view key;
    int version;
};

/// Of what systemd's NEWS and manual pages date, sorted. What is older than those was there when they began.
constexpr auto kSince = std::to_array<Since>({
    {"AmbientCapabilities", 229}, {"BindPaths", 233}, {"BindReadOnlyPaths", 233}, {"CPUQuota", 213}, {"CPUWeight", 232},
    {"CacheDirectory", 235}, {"CacheDirectoryMode", 235}, {"ConfigurationDirectory", 235}, {"ConfigurationDirectoryMode", 235},
    {"DynamicUser", 232}, {"ExecCondition", 243}, {"ExecPaths", 248}, {"FileDescriptorName", 227},
    {"FileDescriptorStoreMax", 219}, {"FileDescriptorStorePreserve", 254}, {"FinalKillSignal", 240}, {"FlushPending", 247},
    {"IOWeight", 230}, {"InaccessiblePaths", 231}, {"KeyringMode", 235}, {"LockPersonality", 235}, {"LogsDirectory", 235},
    {"LogsDirectoryMode", 235}, {"MaxConnectionsPerSource", 232}, {"MemoryDenyWriteExecute", 231}, {"MemoryHigh", 231},
    {"MemoryMax", 231}, {"MemoryMin", 240}, {"MemorySwapMax", 232}, {"NetworkNamespacePath", 242}, {"NoExecPaths", 248},
    {"NoNewPrivileges", 187}, {"PassEnvironment", 228}, {"PollLimitBurst", 255}, {"PollLimitIntervalSec", 255},
    {"PrivateDevices", 209}, {"PrivateIPC", 248}, {"PrivateMounts", 239}, {"PrivateUsers", 232}, {"ProcSubset", 247},
    {"ProtectClock", 245}, {"ProtectControlGroups", 232}, {"ProtectHome", 214}, {"ProtectHostname", 242},
    {"ProtectKernelLogs", 244}, {"ProtectKernelModules", 232}, {"ProtectKernelTunables", 232}, {"ProtectProc", 247},
    {"ProtectSystem", 214}, {"ReadOnlyPaths", 231}, {"ReadWritePaths", 231}, {"ReloadSignal", 253}, {"RemoveOnStop", 214},
    {"RestartForceExitStatus", 215}, {"RestartKillSignal", 244}, {"RestartMaxDelaySec", 254}, {"RestartPreventExitStatus", 189},
    {"RestartSteps", 254}, {"RestrictAddressFamilies", 211}, {"RestrictNamespaces", 233}, {"RestrictRealtime", 231},
    {"RestrictSUIDSGID", 242}, {"RuntimeDirectory", 211}, {"RuntimeDirectoryMode", 211}, {"RuntimeDirectoryPreserve", 235},
    {"RuntimeMaxSec", 229}, {"SocketGroup", 214}, {"SocketUser", 214}, {"StartLimitIntervalSec", 230}, {"StateDirectory", 235},
    {"StateDirectoryMode", 235}, {"SuccessExitStatus", 189}, {"Symlinks", 214}, {"SystemCallArchitectures", 209},
    {"SystemCallErrorNumber", 209}, {"SystemCallFilter", 187}, {"SystemCallLog", 247}, {"TasksMax", 227},
    {"TemporaryFileSystem", 238}, {"TimeoutAbortSec", 243}, {"TimeoutStartFailureMode", 246}, {"TimeoutStartSec", 188},
    {"TimeoutStopFailureMode", 246}, {"TimeoutStopSec", 188}, {"TriggerLimitBurst", 230}, {"TriggerLimitIntervalSec", 230},
    {"UnsetEnvironment", 235}, {"WatchdogSignal", 240},
});
constexpr bool is_before(const Since& a, const Since& b) noexcept { return a.key < b.key; }
static_assert(std::is_sorted(kSince.begin(), kSince.end(), is_before));

} // namespace

std::string since_of(const Directive& directive) {
    if (directive.unit_key.empty() || directive.unit_section == "X-Swathe") return "swathe";
    const auto found = std::lower_bound(kSince.begin(), kSince.end(), Since{directive.unit_key, 0}, is_before);
    return found == kSince.end() || found->key != directive.unit_key ? std::string() : fmt::format("systemd {}", found->version);
}

} // namespace swathe::ctl
