#include "config/directive_tables.h"

#include "config/exec_values.h"
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

template <auto Member> bool names_of(const Raw& raw, const ValueContext& context, Service& out) {
    return read_directories(raw, context, (out.*Member).names);
}

template <auto Member> bool mode_of(const Raw& raw, const ValueContext& context, Service& out) {
    return read_directory_mode(raw, context, (out.*Member).mode);
}

/// The directories of one kind, and their mode.
template <auto Member> constexpr Directive own(std::string_view toml_key, std::string_view unit_key, std::string_view summary) {
    return {service, toml_key, "Service", unit_key, T::directories, add, "none", summary, kNoWords, whole<Service, names_of<Member>>};
}

template <auto Member> constexpr Directive own_mode(std::string_view toml_key, std::string_view unit_key) {
    return {service, toml_key, "Service", unit_key, T::octal, replace, "0755", "Mode of these directories", kNoWords,
            whole<Service, mode_of<Member>>};
}

constexpr std::array kTable{
    Directive{service, "user", "Service", "User", T::account, replace, "the daemon's own",
              "User that the program runs as", kNoWords, into<&Service::user, read_placed_account>},
    Directive{service, "group", "Service", "Group", T::account, replace, "the user's", "Group that the program runs as",
              kNoWords, into<&Service::group, read_placed_account>},
    Directive{service, "dynamic_user", "Service", "DynamicUser", T::boolean, replace, "false",
              "If its user is not there, one is made up while it runs", kNoWords, into<&Service::dynamic_user, read_boolean>},
    Directive{service, "supplementary_groups", "Service", "SupplementaryGroups", T::accounts, add, "none",
              "More groups that the program is in", kNoWords, into<&Service::supplementary_groups, read_accounts>},
    Directive{service, "pass_environment", "Service", "PassEnvironment", T::names, add, "none",
              "Variables of the daemon that the program gets", kNoWords, into<&Service::pass_environment, read_variable_names>},
    Directive{service, "environment", "Service", "Environment", T::environment, add, "none", "Environment variables",
              kNoWords, into<&Service::environment, read_environment>},
    Directive{service, "environment_file", "Service", "EnvironmentFile", T::path, add, "none",
              "File with more environment variables", kNoWords,
              into<&Service::environment_files, read_environment_files>},
    Directive{service, "unset_environment", "Service", "UnsetEnvironment", T::names, add, "none",
              "Variables that the program does not get", kNoWords, into<&Service::unset_environment, read_unset_variables>},
    Directive{service, "root_directory", "Service", "RootDirectory", T::path, replace, "/",
              "Directory that the program takes for the root", kNoWords, into<&Service::root_directory, read_absolute_path>},
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
    Directive{service, "cpu_scheduling_policy", "Service", "CPUSchedulingPolicy", T::choice, replace, "the daemon's own",
              "How the kernel schedules it", words_of<CpuScheduling>,
              into<&Service::cpu_scheduling_policy, read_optional_choice<CpuScheduling>>},
    Directive{service, "cpu_scheduling_priority", "Service", "CPUSchedulingPriority", T::count, replace, "1",
              "Its priority with fifo and rr", kNoWords, into<&Service::cpu_scheduling_priority, read_between<1, 99>>},
    Directive{service, "cpu_scheduling_reset_on_fork", "Service", "CPUSchedulingResetOnFork", T::boolean, replace, "false",
              "Its children are scheduled as usual", kNoWords, into<&Service::cpu_scheduling_reset_on_fork, read_boolean>},
    Directive{service, "cpu_affinity", "Service", "CPUAffinity", T::processors, add, "the daemon's own",
              "Processors that it runs on", kNoWords, into<&Service::cpu_affinity, read_processors>},
    Directive{service, "io_scheduling_class", "Service", "IOSchedulingClass", T::choice, replace, "the daemon's own",
              "How the kernel schedules its disk accesses", words_of<IoClass>,
              into<&Service::io_scheduling_class, read_io_class>},
    Directive{service, "io_scheduling_priority", "Service", "IOSchedulingPriority", T::count, replace, "4",
              "Its priority among those of its class", kNoWords, into<&Service::io_scheduling_priority, read_between<0, 7>>},
    Directive{service, "ignore_sigpipe", "Service", "IgnoreSIGPIPE", T::boolean, replace, "true",
              "SIGPIPE is ignored when the program starts", kNoWords, into<&Service::ignore_sigpipe, read_boolean>},
    Directive{service, "capability_bounding_set", "Service", "CapabilityBoundingSet", T::capabilities, add, "the daemon's own",
              "Capabilities that it can have at most", kNoWords, into<&Service::capability_bounding_set, read_bounding_set>},
    Directive{service, "ambient_capabilities", "Service", "AmbientCapabilities", T::capabilities, add, "none",
              "Capabilities that it has without being root", kNoWords, into<&Service::ambient_capabilities, read_capabilities>},
    own<&Service::runtime_directory>("runtime_directory", "RuntimeDirectory", "Directories below /run that are made for it"),
    own_mode<&Service::runtime_directory>("runtime_directory_mode", "RuntimeDirectoryMode"),
    Directive{service, "runtime_directory_preserve", "Service", "RuntimeDirectoryPreserve", T::choice, replace, "no",
              "When they stay after it has ended", words_of<PreserveMode>, into<&Service::runtime_directory_preserve, read_preserve_mode>},
    own<&Service::state_directory>("state_directory", "StateDirectory", "Directories below /var/lib that are made for it"),
    own_mode<&Service::state_directory>("state_directory_mode", "StateDirectoryMode"),
    own<&Service::cache_directory>("cache_directory", "CacheDirectory", "Directories below /var/cache that are made for it"),
    own_mode<&Service::cache_directory>("cache_directory_mode", "CacheDirectoryMode"),
    own<&Service::logs_directory>("logs_directory", "LogsDirectory", "Directories below /var/log that are made for it"),
    own_mode<&Service::logs_directory>("logs_directory_mode", "LogsDirectoryMode"),
    own<&Service::configuration_directory>("configuration_directory", "ConfigurationDirectory",
                                           "Directories below /etc that are made for it"),
    own_mode<&Service::configuration_directory>("configuration_directory_mode", "ConfigurationDirectoryMode"),
    Directive{service, "non_blocking", "Service", "NonBlocking", T::boolean, replace, "false",
              "The sockets that it inherits do not block", kNoWords, into<&Service::non_blocking, read_boolean>},
    Directive{service, "standard_input", "Service", "StandardInput", T::stream, replace, "null", "Where its standard input comes from",
              kNoWords, into<&Service::standard_input, read_standard_input>},
    Directive{service, "standard_output", "Service", "StandardOutput", T::stream, replace, "inherit", "Where its standard output goes",
              kNoWords, into<&Service::standard_output, read_standard_output>},
    Directive{service, "standard_error", "Service", "StandardError", T::stream, replace, "inherit", "Where its standard error goes",
              kNoWords, into<&Service::standard_error, read_standard_error>},
};

} // namespace

std::span<const Directive> exec_directives() { return kTable; }

} // namespace swathe
