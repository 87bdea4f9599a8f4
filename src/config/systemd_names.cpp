#include "config/systemd_names.h"

#include "base/text.h"

#include <algorithm>
#include <array>

namespace swathe {
namespace {

// Names are separated by spaces: systemd's manual pages of versions 252 to 262.

/// systemd.unit(5), [Unit]
constexpr std::string_view kUnitNames =
    "After AllowIsolate AssertACPower AssertArchitecture AssertCPUFeature AssertCPUPressure AssertCPUs AssertCapability "
    "AssertControlGroupController AssertCredential AssertDirectoryNotEmpty AssertEnvironment AssertFileIsExecutable "
    "AssertFileNotEmpty AssertFirmware AssertFirstBoot AssertGroup AssertHost AssertIOPressure AssertKernelCommandLine "
    "AssertKernelModuleLoaded AssertKernelVersion AssertMemory AssertMemoryPressure AssertNeedsUpdate AssertOSRelease "
    "AssertPathExists AssertPathExistsGlob AssertPathIsDirectory AssertPathIsEncrypted AssertPathIsMountPoint "
    "AssertPathIsReadWrite AssertPathIsSocket AssertPathIsSymbolicLink AssertSecurity AssertUser AssertVersion "
    "AssertVirtualization Before BindsTo CollectMode ConditionACPower ConditionArchitecture ConditionCPUFeature "
    "ConditionCPUPressure ConditionCPUs ConditionCapability ConditionControlGroupController ConditionCredential "
    "ConditionDirectoryNotEmpty ConditionEnvironment ConditionFileIsExecutable ConditionFileNotEmpty ConditionFirmware "
    "ConditionFirstBoot ConditionGroup ConditionHost ConditionIOPressure ConditionKernelCommandLine ConditionKernelModuleLoaded "
    "ConditionKernelVersion ConditionMemory ConditionMemoryPressure ConditionNeedsUpdate ConditionOSRelease ConditionPathExists "
    "ConditionPathExistsGlob ConditionPathIsDirectory ConditionPathIsEncrypted ConditionPathIsMountPoint ConditionPathIsReadWrite "
    "ConditionPathIsSocket ConditionPathIsSymbolicLink ConditionSecurity ConditionUser ConditionVersion ConditionVirtualization "
    "Conflicts DefaultDependencies Description Documentation FailureAction FailureActionExitStatus IgnoreOnIsolate "
    "JobRunningTimeoutSec JobTimeoutAction JobTimeoutRebootArgument JobTimeoutSec JoinsNamespaceOf OnFailure OnFailureJobMode "
    "OnSuccess OnSuccessJobMode PartOf PropagatesReloadTo PropagatesStopTo RebootArgument RefuseManualStart RefuseManualStop "
    "ReloadPropagatedFrom Requires RequiresMountsFor Requisite SourcePath StartLimitAction StartLimitBurst StartLimitIntervalSec "
    "StopPropagatedFrom StopWhenUnneeded SuccessAction SuccessActionExitStatus SurviveFinalKillSignal Upholds Wants "
    "WantsMountsFor";

/// systemd.socket(5)
constexpr std::string_view kSocketNames =
    "Accept AcceptFileDescriptors Backlog BindIPv6Only BindToDevice Broadcast DeferAcceptSec DeferTrigger DeferTriggerMaxSec "
    "DirectoryMode ExecStartPost ExecStartPre ExecStopPost ExecStopPre FileDescriptorName FlushPending FreeBind IPTOS IPTTL "
    "KeepAlive KeepAliveIntervalSec KeepAliveProbes KeepAliveTimeSec ListenDatagram ListenFIFO ListenMessageQueue ListenNetlink "
    "ListenSequentialPacket ListenSpecial ListenStream ListenUSBFunction Mark MaxConnections MaxConnectionsPerSource "
    "MessageQueueMaxMessages MessageQueueMessageSize NoDelay PassCredentials PassFileDescriptorsToExec PassPIDFD PassPacketInfo "
    "PassSecurity PipeSize PollLimitBurst PollLimitIntervalSec Priority PrivateNetwork ReceiveBuffer RemoveOnStop ReusePort "
    "SELinuxContextFromNet SendBuffer Service SmackLabel SmackLabelIPIn SmackLabelIPOut SocketGroup SocketMode SocketProtocol "
    "SocketUser Symlinks TCPCongestion TimeoutSec Timestamping Transparent TriggerLimitBurst TriggerLimitIntervalSec Writable";

/// systemd.service(5)
constexpr std::string_view kServiceNames =
    "BusName ExecCondition ExecReload ExecReloadPost ExecStart ExecStartPost ExecStartPre ExecStop ExecStopPost ExitType "
    "FailureAction FileDescriptorStoreMax FileDescriptorStorePreserve GuessMainPID NonBlocking NotifyAccess OOMPolicy OpenFile "
    "PIDFile PermissionsStartOnly RebootArgument RefreshOnReload ReloadSignal RemainAfterExit Restart RestartForceExitStatus "
    "RestartMaxDelaySec RestartMode RestartPreventExitStatus RestartSec RestartSteps RootDirectoryStartOnly RuntimeMaxSec "
    "RuntimeRandomizedExtraSec Sockets StartLimitAction StartLimitBurst StartLimitInterval SuccessExitStatus TimeoutAbortSec "
    "TimeoutSec TimeoutStartFailureMode TimeoutStartSec TimeoutStopFailureMode TimeoutStopSec Type USBFunctionDescriptors "
    "USBFunctionStrings WatchdogSec";

/// systemd.exec(5): for services, and for the commands of sockets
constexpr std::string_view kExecNames =
    "AmbientCapabilities AppArmorProfile BPFDelegateAttachments BPFDelegateCommands BPFDelegateMaps BPFDelegatePrograms BindPaths "
    "BindReadOnlyPaths CPUAffinity CPUSchedulingPolicy CPUSchedulingPriority CPUSchedulingResetOnFork CacheDirectory "
    "CacheDirectoryAccounting CacheDirectoryMode CacheDirectoryQuota CapabilityBoundingSet ConfigurationDirectory "
    "ConfigurationDirectoryMode CoredumpFilter DynamicUser Environment EnvironmentFile ExecPaths ExecSearchPath "
    "ExtensionDirectories ExtensionImagePolicy ExtensionImages Group IOSchedulingClass IOSchedulingPriority IPCNamespacePath "
    "IgnoreSIGPIPE ImportCredential InaccessiblePaths KeyringMode LimitAS LimitCORE LimitCPU LimitDATA LimitFSIZE LimitLOCKS "
    "LimitMEMLOCK LimitMSGQUEUE LimitNICE LimitNOFILE LimitNPROC LimitRSS LimitRTPRIO LimitRTTIME LimitSIGPENDING LimitSTACK "
    "LoadCredential LoadCredentialEncrypted LockPersonality LogExtraFields LogFilterPatterns LogLevelMax LogNamespace "
    "LogRateLimitBurst LogRateLimitIntervalSec LogsDirectory LogsDirectoryAccounting LogsDirectoryMode LogsDirectoryQuota "
    "MemoryDenyWriteExecute MemoryKSM MountAPIVFS MountFlags MountImagePolicy MountImages NUMAMask NUMAPolicy "
    "NetworkNamespacePath Nice NoExecPaths NoNewPrivileges OOMScoreAdjust PAMName PassEnvironment Personality PrivateBPF "
    "PrivateDevices PrivateIPC PrivateMounts PrivateNetwork PrivatePIDs PrivateTmp PrivateUsers ProcSubset ProtectClock "
    "ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc "
    "ProtectSystem ReadOnlyPaths ReadWritePaths RemoveIPC RestrictAddressFamilies RestrictFileSystems RestrictNamespaces "
    "RestrictRealtime RestrictSUIDSGID RootDirectory RootEphemeral RootHash RootHashSignature RootImage RootImageOptions "
    "RootImagePolicy RootMStack RootVerity RuntimeDirectory RuntimeDirectoryMode RuntimeDirectoryPreserve SELinuxContext "
    "SecureBits SetCredential SetCredentialEncrypted SetLoginEnvironment SmackProcessLabel StandardError StandardInput "
    "StandardInputData StandardInputText StandardOutput StateDirectory StateDirectoryAccounting StateDirectoryMode "
    "StateDirectoryQuota SupplementaryGroups SyslogFacility SyslogIdentifier SyslogLevel SyslogLevelPrefix "
    "SystemCallArchitectures SystemCallErrorNumber SystemCallFilter SystemCallLog TTYColumns TTYPath TTYReset TTYRows TTYVHangup "
    "TTYVTDisallocate TemporaryFileSystem TimeoutCleanSec TimerSlackNSec UMask UnsetEnvironment User UserNamespacePath "
    "UtmpIdentifier UtmpMode WorkingDirectory";

/// systemd.kill(5), likewise
constexpr std::string_view kKillNames =
    "FinalKillSignal KillMode KillSignal RestartKillSignal SendSIGHUP SendSIGKILL WatchdogSignal";

/// systemd.resource-control(5), likewise
constexpr std::string_view kControlGroupNames =
    "AllowedCPUs AllowedMemoryNodes BPFProgram BlockIOAccounting BlockIOWeight CPUAccounting CPUQuota CPUQuotaPeriodSec CPUShares "
    "CPUWeight CoredumpReceive DefaultMemoryLow DefaultMemoryMin DefaultStartupMemoryLow Delegate DelegateSubgroup DeviceAllow "
    "DevicePolicy DisableControllers IOAccounting IODeviceLatencyTargetSec IODeviceWeight IOReadBandwidthMax IOReadIOPSMax "
    "IOWeight IOWriteBandwidthMax IOWriteIOPSMax IPAccounting IPAddressAllow IPAddressDeny IPEgressFilterPath IPIngressFilterPath "
    "ManagedOOMMemoryPressure ManagedOOMMemoryPressureDurationSec ManagedOOMMemoryPressureLimit ManagedOOMPreference "
    "ManagedOOMSwap MemoryAccounting MemoryHigh MemoryLimit MemoryLow MemoryMax MemoryMin MemoryPressureThresholdSec "
    "MemoryPressureWatch MemorySwapMax MemoryZSwapMax MemoryZSwapWriteback NFTSet RestrictNetworkInterfaces Slice SocketBindAllow "
    "SocketBindDeny StartupAllowedCPUs StartupAllowedMemoryNodes StartupCPUShares StartupCPUWeight StartupIOWeight "
    "StartupMemoryHigh StartupMemoryLow StartupMemoryMax StartupMemorySwapMax StartupMemoryZSwapMax TasksAccounting TasksMax";

/// What keeps a service away from the rest of the system, or others away from it.
constexpr std::string_view kProtectionNames =
    "AppArmorProfile BPFProgram BindReadOnlyPaths BindToDevice CapabilityBoundingSet DeviceAllow DevicePolicy DynamicUser "
    "ExecPaths IPAddressAllow IPAddressDeny IPCNamespacePath IPEgressFilterPath IPIngressFilterPath InaccessiblePaths KeyringMode "
    "LockPersonality MemoryDenyWriteExecute MountFlags NFTSet NetworkNamespacePath NoExecPaths NoNewPrivileges PAMName PrivateBPF "
    "PrivateDevices PrivateIPC PrivateMounts PrivateNetwork PrivatePIDs PrivateTmp PrivateUsers ProcSubset ProtectClock "
    "ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc "
    "ProtectSystem ReadOnlyPaths RestrictAddressFamilies RestrictFileSystems RestrictNamespaces RestrictNetworkInterfaces "
    "RestrictRealtime RestrictSUIDSGID RootDirectory RootEphemeral RootHash RootHashSignature RootImage RootMStack RootVerity "
    "SELinuxContext SELinuxContextFromNet SecureBits SmackLabelIPIn SmackLabelIPOut SmackProcessLabel SocketBindAllow "
    "SocketBindDeny SystemCallArchitectures SystemCallFilter TemporaryFileSystem UserNamespacePath";

/// What asks for anything but a TCP, UDP or UNIX socket. SocketProtocol= has UDP-Lite, SCTP and MPTCP: no SOCKMAP takes one of these.
constexpr std::string_view kOtherSocketNames =
    "ListenFIFO ListenMessageQueue ListenNetlink ListenSpecial ListenUSBFunction SocketProtocol";

/// Values that ask for what holds anyway; "*" = the directive has no meaning for an IP socket of ours, or only tells people something.
struct Harmless {
    std::string_view key;
    std::string_view values;
};
constexpr std::array kHarmless{
    Harmless{"Documentation", "*"}, Harmless{"SourcePath", "*"}, Harmless{"DefaultDependencies", "*"}, Harmless{"IgnoreOnIsolate", "*"},
    // sockets: addresses need not be there, and UDP always has IP_PKTINFO
    Harmless{"FreeBind", "*"}, Harmless{"PassPacketInfo", "*"},
    // only for FIFOs, message queues and special files
    Harmless{"MessageQueueMaxMessages", "*"}, Harmless{"MessageQueueMessageSize", "*"},
    Harmless{"PipeSize", "*"}, Harmless{"Writable", "*"},
    // says more about DeferTrigger=, which says enough
    Harmless{"DeferTriggerMaxSec", "*"},
    // services
    Harmless{"CapabilityBoundingSet", "~"}, Harmless{"GuessMainPID", "*"}, Harmless{"KillSignal", "SIGTERM"},
    Harmless{"KeyringMode", "inherit"}, Harmless{"DevicePolicy", "auto"}, Harmless{"StartLimitAction", "none"},
    Harmless{"FailureAction", "none"}, Harmless{"SuccessAction", "none"}, Harmless{"SyslogLevelPrefix", "1 yes y true t on"},
    // a name on the bus is for Type=dbus alone, and to count costs nothing that was not there anyway
    Harmless{"BusName", "*"}, Harmless{"CPUAccounting", "*"}, Harmless{"MemoryAccounting", "*"}, Harmless{"TasksAccounting", "*"},
    Harmless{"IOAccounting", "*"}, Harmless{"BlockIOAccounting", "*"}, Harmless{"IPAccounting", "*"},
    Harmless{"SendSIGKILL", "1 yes y true t on"},
    Harmless{"StandardError", "inherit journal"}, Harmless{"StandardInput", "null"}, Harmless{"StandardOutput", "inherit journal"},
};

/// Whatever is said "no" to need not be implemented, but for what is on by default.
constexpr std::string_view kOff = "0 no n false f off";
constexpr std::string_view kOnByDefault = "IgnoreSIGPIPE SendSIGKILL SyslogLevelPrefix";

bool has_word(std::string_view words, std::string_view word) noexcept {
    if (word.empty()) return false;
    for (std::size_t at = 0; (at = words.find(word, at)) != words.npos; at += word.size()) {
        const bool begins = at == 0 || words[at - 1] == ' ';
        const std::size_t end = at + word.size();
        if (begins && (end == words.size() || words[end] == ' ')) return true;
    }
    return false;
}

/// The lists that hold for a section.
std::vector<std::string_view> lists_of(UnitKind kind, std::string_view section) {
    if (section == "Unit") return {kUnitNames};
    if (section == "Socket" && kind == UnitKind::socket) return {kSocketNames, kExecNames, kKillNames, kControlGroupNames};
    if (section == "Service" && kind == UnitKind::service) return {kServiceNames, kExecNames, kKillNames, kControlGroupNames};
    return {};
}

bool is_harmless(UnitKind kind, std::string_view key, std::string_view value) {
    if (kind == UnitKind::socket && (key == "After" || key == "Before")) return true; // sockets are open before any service starts
    return std::any_of(kHarmless.begin(), kHarmless.end(), [&](const Harmless& h) {
        return h.key == key && (h.values == "*" || has_word(h.values, value));
    });
}

} // namespace

ForeignDirective foreign_directive(UnitKind kind, std::string_view section, std::string_view key, std::string_view value) {
    if (section == "Install") return ForeignDirective::harmless; // enabling is not ours
    const auto lists = lists_of(kind, section);
    const bool known = std::any_of(lists.begin(), lists.end(), [&](std::string_view names) { return has_word(names, key); });
    if (!known) return ForeignDirective::unknown;
    if (!value.empty() && has_word(kOtherSocketNames, key)) return ForeignDirective::other_socket;
    if (is_harmless(kind, key, value)) return ForeignDirective::harmless;
    // The one list that empties to "nothing allowed".
    if (value.empty() && key == "CapabilityBoundingSet") return ForeignDirective::protection;
    const bool off = value.empty() || (has_word(kOff, value) && !has_word(kOnByDefault, key));
    if (off) return ForeignDirective::harmless;
    return has_word(kProtectionNames, key) ? ForeignDirective::protection : ForeignDirective::unsupported;
}

bool is_identity(std::string_view key) noexcept { return has_word("User Group SupplementaryGroups", key); }

bool is_protection(std::string_view key) noexcept { return has_word(kProtectionNames, key); }

std::vector<std::string_view> protections() { return split(kProtectionNames, ' '); }

std::vector<std::string_view> systemd_names(UnitKind kind, std::string_view section) {
    std::vector<std::string_view> names;
    for (const std::string_view list : lists_of(kind, section))
        for (const std::string_view name : split(list, ' ')) names.push_back(name);
    return names;
}

} // namespace swathe
