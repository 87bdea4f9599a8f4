#pragma once

#include "model/placed.h"
#include "model/resource_limits.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace swathe {

/// A file with more environment variables, read at each start. systemd.exec(5), EnvironmentFile=.
struct EnvironmentFile {
    std::string path;      ///< absolute; may be a pattern of glob(7)
    bool optional = false; ///< "-" in front: if it cannot be read, the service starts without
    SourcePos pos;
};

/// systemd.exec(5), CPUSchedulingPolicy=.
enum class CpuScheduling : std::uint8_t { other, batch, idle, fifo, rr };
/// systemd.exec(5), IOSchedulingClass=.
enum class IoClass : std::uint8_t { none, realtime, best_effort, idle };
/// systemd.exec(5), ProtectSystem= and ProtectHome=.
enum class ProtectSystem : std::uint8_t { no, yes, full, strict };
enum class ProtectHome : std::uint8_t { no, yes, read_only, tmpfs };
/// systemd.exec(5), ProtectProc= and ProcSubset=.
enum class ProtectProc : std::uint8_t { all, ptraceable, invisible, noaccess };
enum class ProcSubset : std::uint8_t { all, pid };
/// systemd.exec(5), RuntimeDirectoryPreserve=.
enum class PreserveMode : std::uint8_t { no, restart, yes };

/// Where a standard stream of a child comes from or goes to. systemd.exec(5), StandardInput= and StandardOutput=.
struct StandardStream {
    enum class Kind : std::uint8_t {
        unset,    ///< input: null; output: as the input if that is a socket, else the log; error: as the output
        inherit,  ///< means the same
        null,     ///< /dev/null
        journal,  ///< the log of the daemon: the journal, or where there is none its memory
        log_file, ///< the daemon writes it to `target`, and opens that anew on SIGHUP
        file,     ///< `target`, opened for reading (input) or from its beginning (output)
        append,   ///< `target`, at its end
        truncate, ///< `target`, emptied
        socket,   ///< the one socket that the service inherits
        fd,       ///< the inherited socket that is named `target`
    };
    Kind kind = Kind::unset;
    std::string target;
    SourcePos pos;
};

/// Directories that are made for a service below /run, /var/lib, /var/cache, /var/log or /etc, and are its user's.
struct OwnDirectories {
    std::vector<Placed<std::string>> names; ///< relative paths without "."
    mode_t mode = 0755;
};

/// systemd.exec(5), SystemCallFilter=. `words` in order, names and "@groups", as written and without "~"; later ones are taken from what
/// was there if `inverted` differs from the first.
struct SystemCallFilter {
    struct Word {
        std::string name;                 ///< "read", "@system-service"
        bool inverted = false;            ///< stood behind "~"
        std::optional<int> error_number;  ///< "name:EPERM"; for what is refused. 0 = kill
        SourcePos pos;
    };
    std::vector<Word> words;
    std::optional<int> error_number; ///< system_call_error_number; nothing = SIGSYS kills
    std::vector<Placed<std::string>> architectures; ///< empty = all
};

/// systemd.exec(5), RestrictAddressFamilies=.
struct AddressFamilies {
    bool denies = false;    ///< these are what is denied; else what is allowed
    std::set<int> families; ///< AF_...
    friend bool operator==(const AddressFamilies&, const AddressFamilies&) = default;
};

/// A path of read_only_paths and its kin.
struct SandboxPath {
    std::string path;      ///< absolute
    bool optional = false; ///< "-" in front: need not be there
    bool in_root = false;  ///< "+" in front: below root_directory
    SourcePos pos;
};

/// A set of Linux capabilities, bit N for CAP_N of linux/capability.h.
using CapabilitySet = std::uint64_t;

/// In which surroundings the commands of a service run: systemd.exec(5).
struct ExecContext {
    std::optional<Placed<std::string>> user;  ///< name or number; nothing = the daemon's own
    bool dynamic_user = false; ///< if there is no such user, one that is only there while the service runs
    std::optional<Placed<std::string>> group; ///< name or number; nothing = the user's
    std::vector<Placed<std::string>> supplementary_groups; ///< names or numbers, besides those that the user is in

    std::vector<std::string> pass_environment;                    ///< names of the daemon's variables to hand on
    std::vector<std::pair<std::string, std::string>> environment; ///< in order, later wins
    std::vector<EnvironmentFile> environment_files; ///< in order, later wins, and over `environment`
    std::vector<std::string> unset_environment;     ///< names, or assignments that are to be removed if they are equal

    std::optional<Placed<std::string>> root_directory;    ///< absolute
    std::optional<Placed<std::string>> working_directory; ///< absolute, or "~"; nothing = "/"
    bool working_directory_optional = false; ///< "-" in front: if it is not there, "/" is taken
    mode_t umask = 0022;

    ResourceLimits limits; ///< limit_...
    std::optional<int> nice; ///< -20 to 19; nothing = the daemon's own
    std::optional<int> oom_score_adjust; ///< -1000 to 1000; nothing = the daemon's own
    std::optional<CpuScheduling> cpu_scheduling_policy;
    std::optional<int> cpu_scheduling_priority; ///< 1 to 99 for fifo and rr
    bool cpu_scheduling_reset_on_fork = false;
    std::vector<unsigned> cpu_affinity; ///< processors, sorted; empty = as the daemon
    std::optional<IoClass> io_scheduling_class;
    std::optional<int> io_scheduling_priority; ///< 0 to 7
    bool ignore_sigpipe = true;                ///< systemd's default

    std::optional<CapabilitySet> capability_bounding_set; ///< nothing = the daemon's own
    CapabilitySet ambient_capabilities = 0;
    bool no_new_privileges = false;

    bool private_tmp = false;
    bool private_network = false;
    bool private_devices = false;
    ProtectSystem protect_system = ProtectSystem::no;
    ProtectHome protect_home = ProtectHome::no;
    bool protect_kernel_tunables = false;
    bool protect_kernel_modules = false;
    bool protect_kernel_logs = false;
    bool protect_control_groups = false;
    bool protect_clock = false;
    bool protect_hostname = false;
    ProtectProc protect_proc = ProtectProc::all;
    ProcSubset proc_subset = ProcSubset::all;
    bool private_mounts = false;
    std::optional<AddressFamilies> restrict_address_families; ///< nothing = all
    std::optional<std::uint32_t> restrict_namespaces;         ///< CLONE_NEW... of the kinds that are allowed; nothing = all
    bool restrict_realtime = false;
    bool restrict_suid_sgid = false;
    bool memory_deny_write_execute = false;
    bool lock_personality = false;
    std::vector<SandboxPath> read_only_paths, read_write_paths, inaccessible_paths;
    SystemCallFilter system_call_filter;

    OwnDirectories runtime_directory, state_directory, cache_directory, logs_directory, configuration_directory;
    PreserveMode runtime_directory_preserve = PreserveMode::no;

    bool non_blocking = false; ///< inherited sockets have O_NONBLOCK
    StandardStream standard_input, standard_output, standard_error;
    std::string syslog_identifier; ///< "" = the name of the program
    std::uint32_t log_ring_bytes = 64U * 1024; ///< of output that the daemon keeps in memory; 0 = none
};

} // namespace swathe
