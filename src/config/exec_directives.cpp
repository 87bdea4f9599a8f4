#include "config/directive_tables.h"

#include "config/limit_values.h"
#include "config/service_values.h"
#include "config/setters.h"

#include <array>

namespace swathe {
namespace {

using enum Scope;
using enum Repeat;
using T = ValueType;

/// Setter for one of the limits.
template <int Resource, LimitUnit Unit> bool limited(const Raw& raw, const ValueContext& context, const Recipient& target) {
    return read_limit(raw, context, Unit, std::get<Service*>(target)->limits.at(Resource));
}

template <int Resource, LimitUnit Unit>
constexpr Directive limit(std::string_view toml_key, std::string_view unit_key, std::string_view summary) {
    return {service, toml_key, "Service", unit_key, T::limit, replace, "the daemon's own", summary, kNoWords, limited<Resource, Unit>};
}

constexpr std::array kTable{
    Directive{service, "user", "Service", "User", T::account, replace, "the daemon's own",
              "User that the program runs as", kNoWords, into<&Service::user, read_placed_account>},
    Directive{service, "group", "Service", "Group", T::account, replace, "the user's", "Group that the program runs as",
              kNoWords, into<&Service::group, read_placed_account>},
    Directive{service, "supplementary_groups", "Service", "SupplementaryGroups", T::accounts, add, "none",
              "More groups that the program is in", kNoWords, into<&Service::supplementary_groups, read_accounts>},
    Directive{service, "environment", "Service", "Environment", T::environment, add, "none", "Environment variables",
              kNoWords, into<&Service::environment, read_environment>},
    Directive{service, "environment_file", "Service", "EnvironmentFile", T::paths, add, "none",
              "File with more environment variables", kNoWords,
              into<&Service::environment_files, read_environment_files>},
    Directive{service, "working_directory", "Service", "WorkingDirectory", T::path, replace, "/",
              "Directory that the program starts in", kNoWords, whole<Service, read_working_directory>},
    Directive{service, "umask", "Service", "UMask", T::octal, replace, "0022", "File mode creation mask", kNoWords,
              into<&Service::umask, read_umask>},
    limit<RLIMIT_CPU, LimitUnit::seconds>("limit_cpu", "LimitCPU", "CPU time"),
    limit<RLIMIT_FSIZE, LimitUnit::bytes>("limit_fsize", "LimitFSIZE", "Size of a file that it writes"),
    limit<RLIMIT_DATA, LimitUnit::bytes>("limit_data", "LimitDATA", "Size of its data"),
    limit<RLIMIT_STACK, LimitUnit::bytes>("limit_stack", "LimitSTACK", "Size of its stack"),
    limit<RLIMIT_CORE, LimitUnit::bytes>("limit_core", "LimitCORE", "Size of a core dump"),
    limit<RLIMIT_RSS, LimitUnit::bytes>("limit_rss", "LimitRSS", "Without effect on Linux"),
    limit<RLIMIT_NOFILE, LimitUnit::count>("limit_nofile", "LimitNOFILE", "Open file descriptors"),
    limit<RLIMIT_AS, LimitUnit::bytes>("limit_as", "LimitAS", "Size of its address space"),
    limit<RLIMIT_NPROC, LimitUnit::count>("limit_nproc", "LimitNPROC", "Processes of its user"),
    limit<RLIMIT_MEMLOCK, LimitUnit::bytes>("limit_memlock", "LimitMEMLOCK", "Memory that it locks"),
    limit<RLIMIT_LOCKS, LimitUnit::count>("limit_locks", "LimitLOCKS", "Without effect on Linux"),
    limit<RLIMIT_SIGPENDING, LimitUnit::count>("limit_sigpending", "LimitSIGPENDING", "Signals that wait for its user"),
    limit<RLIMIT_MSGQUEUE, LimitUnit::bytes>("limit_msgqueue", "LimitMSGQUEUE", "Message queues of its user"),
    limit<RLIMIT_NICE, LimitUnit::nice>("limit_nice", "LimitNICE", "Ceiling of its nice value"),
    limit<RLIMIT_RTPRIO, LimitUnit::count>("limit_rtprio", "LimitRTPRIO", "Ceiling of its real-time priority"),
    limit<RLIMIT_RTTIME, LimitUnit::microseconds>("limit_rttime", "LimitRTTIME", "CPU time in one go with real-time scheduling"),
    Directive{service, "nice", "Service", "Nice", T::count, replace, "the daemon's own",
              "Nice value: the higher, the less processor time", kNoWords, into<&Service::nice, read_nice>},
    Directive{service, "oom_score_adjust", "Service", "OOMScoreAdjust", T::count, replace, "the daemon's own",
              "How likely it is killed when memory runs out", kNoWords, into<&Service::oom_score_adjust, read_oom_score>},
    Directive{service, "syslog_identifier", "Service", "SyslogIdentifier", T::text, replace, "the name of the program",
              "What the journal calls its output", kNoWords, into<&Service::syslog_identifier, read_description>},
    Directive{service, "log_ring_bytes", "X-Swathe", "LogRingBytes", T::size, replace, "64K",
              "Memory for the last lines of its output", kNoWords, into<&Service::log_ring_bytes, read_ring_bytes>},
};

} // namespace

std::span<const Directive> exec_directives() { return kTable; }

} // namespace swathe
