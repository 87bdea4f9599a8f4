#include "config/directive_tables.h"

#include "config/restriction_values.h"
#include "config/sandbox_values.h"
#include "config/setters.h"

#include <array>

namespace swathe {
namespace {

using enum Scope;
using enum Repeat;
using T = ValueType;

constexpr std::array kTable{
    Directive{service, "no_new_privileges", "Service", "NoNewPrivileges", T::boolean, replace, "false",
              "No program that it executes gives it more privileges", kNoWords,
              into<&Service::no_new_privileges, read_boolean>},
    Directive{service, "private_tmp", "Service", "PrivateTmp", T::boolean, replace, "false",
              "It has directories for temporary files of its own", kNoWords, into<&Service::private_tmp, read_boolean>},
    Directive{service, "private_network", "Service", "PrivateNetwork", T::boolean, replace, "false",
              "It has no network but the sockets that it inherits", kNoWords, into<&Service::private_network, read_boolean>},
    Directive{service, "private_devices", "Service", "PrivateDevices", T::boolean, replace, "false",
              "It sees no devices of the machine", kNoWords, into<&Service::private_devices, read_boolean>},
    Directive{service, "protect_system", "Service", "ProtectSystem", T::choice, replace, "no",
              "Which directories of the system it cannot write to", words_of<ProtectSystem>,
              into<&Service::protect_system, read_protect_system>},
    Directive{service, "protect_home", "Service", "ProtectHome", T::choice, replace, "no", "How it sees the homes of users",
              words_of<ProtectHome>, into<&Service::protect_home, read_protect_home>},
    Directive{service, "protect_kernel_tunables", "Service", "ProtectKernelTunables", T::boolean, replace, "false",
              "It cannot change settings of the kernel", kNoWords, into<&Service::protect_kernel_tunables, read_boolean>},
    Directive{service, "protect_kernel_modules", "Service", "ProtectKernelModules", T::boolean, replace, "false",
              "It cannot load modules of the kernel", kNoWords, into<&Service::protect_kernel_modules, read_boolean>},
    Directive{service, "protect_kernel_logs", "Service", "ProtectKernelLogs", T::boolean, replace, "false",
              "It cannot read the log of the kernel", kNoWords, into<&Service::protect_kernel_logs, read_boolean>},
    Directive{service, "protect_control_groups", "Service", "ProtectControlGroups", T::boolean, replace, "false",
              "It cannot change control groups", kNoWords, into<&Service::protect_control_groups, read_boolean>},
    Directive{service, "protect_clock", "Service", "ProtectClock", T::boolean, replace, "false", "It cannot set the clock", kNoWords,
              into<&Service::protect_clock, read_boolean>},
    Directive{service, "protect_hostname", "Service", "ProtectHostname", T::boolean, replace, "false", "It cannot change the host's name",
              kNoWords, into<&Service::protect_hostname, read_boolean>},
    Directive{service, "protect_proc", "Service", "ProtectProc", T::choice, replace, "default", "Which processes it sees in /proc",
              words_of<ProtectProc>, chosen<&Service::protect_proc>},
    Directive{service, "proc_subset", "Service", "ProcSubset", T::choice, replace, "all", "What it sees in /proc besides processes",
              words_of<ProcSubset>, chosen<&Service::proc_subset>},
    Directive{service, "private_mounts", "Service", "PrivateMounts", T::boolean, replace, "false",
              "What it mounts is seen by nobody else", kNoWords, into<&Service::private_mounts, read_boolean>},
    Directive{service, "restrict_address_families", "Service", "RestrictAddressFamilies", T::address_families, add, "all",
              "Kinds of sockets that it may make, or may not", kNoWords, into<&Service::restrict_address_families, read_address_families>},
    Directive{service, "restrict_namespaces", "Service", "RestrictNamespaces", T::namespaces, add, "false",
              "Kinds of namespaces that it may make, or may not", kNoWords, into<&Service::restrict_namespaces, read_namespaces>},
    Directive{service, "restrict_realtime", "Service", "RestrictRealtime", T::boolean, replace, "false",
              "It cannot use real-time scheduling", kNoWords, into<&Service::restrict_realtime, read_boolean>},
    Directive{service, "restrict_suid_sgid", "Service", "RestrictSUIDSGID", T::boolean, replace, "false",
              "It cannot make files set-user-ID or set-group-ID", kNoWords, into<&Service::restrict_suid_sgid, read_boolean>},
    Directive{service, "memory_deny_write_execute", "Service", "MemoryDenyWriteExecute", T::boolean, replace, "false",
              "It cannot write to memory and then execute it", kNoWords, into<&Service::memory_deny_write_execute, read_boolean>},
    Directive{service, "lock_personality", "Service", "LockPersonality", T::boolean, replace, "false",
              "It cannot change its execution domain", kNoWords, into<&Service::lock_personality, read_boolean>},
    Directive{service, "read_only_paths", "Service", "ReadOnlyPaths", T::paths, add, "none", "What it cannot write to", kNoWords,
              into<&Service::read_only_paths, read_sandbox_paths>},
    Directive{service, "read_write_paths", "Service", "ReadWritePaths", T::paths, add, "none",
              "What it can write to within what it else cannot", kNoWords, into<&Service::read_write_paths, read_sandbox_paths>},
    Directive{service, "inaccessible_paths", "Service", "InaccessiblePaths", T::paths, add, "none", "What it cannot see into",
              kNoWords, into<&Service::inaccessible_paths, read_sandbox_paths>},
    Directive{service, "system_call_filter", "Service", "SystemCallFilter", T::system_calls, add, "none",
              "System calls that it may use, or may not", kNoWords, into<&Service::system_call_filter, read_syscall_filter>},
    Directive{service, "system_call_error_number", "Service", "SystemCallErrorNumber", T::error_number, replace, "kill",
              "What a system call that is denied returns", kNoWords, into<&Service::system_call_filter, read_syscall_error>},
    Directive{service, "system_call_architectures", "Service", "SystemCallArchitectures", T::architectures, add, "all",
              "Architectures whose system calls it may use", kNoWords, into<&Service::system_call_filter, read_architectures>},
};

} // namespace

std::span<const Directive> sandbox_directives() { return kTable; }

} // namespace swathe
