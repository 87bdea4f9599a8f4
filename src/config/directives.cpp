#include "config/directives.h"

#include "config/address_file.h"
#include "config/limit_values.h"
#include "config/net_values.h"
#include "config/service_values.h"
#include "config/values.h"

#include <algorithm>
#include <array>

namespace swathe {
namespace {

template <class C, class M> C class_of(M C::*);
template <class M, class C> M member_of(M C::*);

/// Setter: `Read` reads into `Member` of the target.
template <auto Member, auto Read> bool into(const Raw& raw, const ValueContext& context, const Recipient& target) {
    using Owner = decltype(class_of(Member));
    return Read(raw, context, std::get<Owner*>(target)->*Member);
}

/// Setter: `Read` fills more than one member of the target.
template <class Owner, auto Read> bool whole(const Raw& raw, const ValueContext& context, const Recipient& target) {
    return Read(raw, context, *std::get<Owner*>(target));
}

/// Setter for one of the limits.
template <int Resource, LimitUnit Unit> bool limited(const Raw& raw, const ValueContext& context, const Recipient& target) {
    return read_limit(raw, context, Unit, std::get<Service*>(target)->limits.at(Resource));
}

/// Setter for a member with a choice of words.
template <auto Member> bool chosen(const Raw& raw, const ValueContext& context, const Recipient& target) {
    return into<Member, &read_choice<decltype(member_of(Member))>>(raw, context, target);
}

template <class T> std::vector<std::string_view> words_of() {
    std::vector<std::string_view> words;
    words.reserve(kChoices<T>.size());
    for (const auto& choice : kChoices<T>) words.push_back(choice.name);
    return words;
}

std::vector<std::string_view> log_levels() { return {"error", "warning", "notice", "info", "debug"}; }
std::vector<std::string_view> bind_modes() { return {"default", "both", "ipv6-only"}; }

template <Protocol P> bool add_line(const Raw& raw, const ValueContext& context, SocketUnit& out) {
    SocketUnit::Line line{P, {}, raw.pos};
    if (!read_listen_line(raw, context, line.endpoints)) return false;
    out.lines.push_back(std::move(line));
    return true;
}

bool read_bind_mode(const Raw& raw, const ValueContext& context, SocketUnit& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    const auto modes = bind_modes();
    if (std::find(modes.begin(), modes.end(), *text) == modes.end())
        return context.refuse(raw.pos, fmt::format("{} is not known; {}", quoted(*text), expected_one_of(modes)));
    out.v6_only = *text == "ipv6-only";
    return true;
}

bool read_accept(const Raw& raw, const ValueContext& context, SocketUnit&) {
    bool accept = false;
    if (!read_boolean(raw, context, accept)) return false;
    return !accept || context.refuse(raw.pos, "one instance per connection is not supported yet");
}

bool read_service_name(const Raw& raw, const ValueContext& context, SocketUnit& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    constexpr std::string_view kSuffix = ".service";
    if (text->size() <= kSuffix.size() || std::string_view(*text).substr(text->size() - kSuffix.size()) != kSuffix)
        return context.refuse(raw.pos, fmt::format("{} does not end in \".service\"", quoted(*text)));
    out.service = *text;
    out.service_pos = raw.pos;
    return true;
}

using enum Scope;
using enum Repeat;
using T = ValueType;

constexpr auto kNoWords = static_cast<std::vector<std::string_view> (*)()>(nullptr);

template <int Resource, LimitUnit Unit>
constexpr Directive limit(std::string_view toml_key, std::string_view unit_key, std::string_view summary) {
    return {service, toml_key, "Service", unit_key, T::limit, replace, "the daemon's own", summary, kNoWords, limited<Resource, Unit>};
}

constexpr std::array kTable{
    Directive{daemon, "log_level", "", "", T::choice, replace, "info",
              "The least urgent messages that are still logged", log_levels,
              into<&DaemonSettings::log_level, read_log_level>},
    Directive{daemon, "control_group", "", "", T::account, replace, "swathe",
              "Whose members may look at the daemon's state", kNoWords,
              into<&DaemonSettings::control_group, read_account>},
    Directive{daemon, "rule_counters", "", "", T::boolean, replace, "false",
              "Count the packets that each rule decides", kNoWords,
              into<&DaemonSettings::rule_counters, read_boolean>},

    Directive{rule, "protocol", "", "", T::protocols, replace, "both", "Protocol, or a list of them",
              words_of<Protocol>, into<&GlobalRule::protocols, read_protocols>},
    Directive{rule, "addresses", "", "", T::addresses, replace, "required, unless addresses_file is given",
              "Destination addresses", kNoWords, into<&GlobalRule::endpoints, read_addresses>},
    Directive{rule, "addresses_file", "", "", T::path, replace, "none", "File with more destination addresses", kNoWords,
              into<&GlobalRule::endpoints, read_addresses_file>},
    Directive{rule, "ports", "", "", T::ports, replace, "all", "Destination ports", kNoWords,
              into<&GlobalRule::endpoints, read_ports>},
    Directive{rule, "except", "", "", T::endpoints, replace, "none", "Holes that the rule leaves out", kNoWords,
              into<&GlobalRule::except, read_holes>},
    Directive{rule, "from", "", "", T::prefixes, replace, "any", "Source prefixes that the rule is for", kNoWords,
              into<&GlobalRule::guard, read_sources>},
    Directive{rule, "from_file", "", "", T::path, replace, "none", "File with more source prefixes", kNoWords,
              into<&GlobalRule::guard, read_sources_file>},
    Directive{rule, "interface", "", "", T::interfaces, replace, "any", "Interfaces that the rule is for", kNoWords,
              into<&GlobalRule::guard, read_interfaces>},

    Directive{rule, "netns", "", "", T::netns, replace, "the daemon's own", "Network namespace that the rule stands in",
              kNoWords, into<&GlobalRule::netns, read_netns>},

    Directive{file, "description", "Unit", "Description", T::text, replace, "none",
              "A line about the service for people", kNoWords, into<&Service::description, read_description>},

    Directive{listen, "name", "Socket", "FileDescriptorName", T::name, replace,
              "the service's name; the .socket unit's in unit files", "Name of the socket in LISTEN_FDNAMES", kNoWords,
              into<&Listener::name, read_listener_name>},
    Directive{listen, "protocol", "", "", T::choice, replace, "", "Protocol of the socket", words_of<Protocol>,
              chosen<&Listener::protocol>},
    Directive{listen, "addresses", "", "", T::addresses, replace, "required, unless addresses_file is given",
              "Addresses that the listener claims", kNoWords, into<&Listener::endpoints, read_addresses>},
    Directive{listen, "addresses_file", "X-Swathe", "AddressesFile", T::path, add, "none",
              "File with more addresses that the listener claims", kNoWords,
              into<&Listener::endpoints, read_addresses_file>},
    Directive{listen, "ports", "", "", T::ports, replace, "", "Ports that the listener claims on each of its addresses",
              kNoWords, into<&Listener::endpoints, read_ports>},
    Directive{listen, "except", "X-Swathe", "Except", T::endpoints, add, "none",
              "Holes that the listener does not claim", kNoWords, into<&Listener::except, read_holes>},
    Directive{listen, "from", "X-Swathe", "From", T::prefixes, add, "any", "Source prefixes that the listener is for",
              kNoWords, into<&Listener::guard, read_sources>},
    Directive{listen, "from_file", "X-Swathe", "FromFile", T::path, add, "none",
              "File with more source prefixes that the listener is for", kNoWords,
              into<&Listener::guard, read_sources_file>},
    Directive{listen, "interface", "X-Swathe", "Interface", T::interfaces, add, "any",
              "Interfaces that the listener is for", kNoWords, into<&Listener::guard, read_interfaces>},
    Directive{listen, "backlog", "Socket", "Backlog", T::count, replace, "2147483647",
              "Connections that may wait to be accepted", kNoWords, into<&Listener::backlog, read_backlog>},
    Directive{listen, "home", "X-Swathe", "HomeAddress", T::socket_address, replace, "chosen",
              "Where the socket is really bound", kNoWords, into<&Listener::home, read_home>},
    Directive{listen, "family_sockets", "X-Swathe", "FamilySockets", T::choice, replace, "dual",
              "One socket for both address families, or two", words_of<FamilySockets>,
              chosen<&Listener::family_sockets>},
    Directive{listen, "when_down", "X-Swathe", "WhenDown", T::choice, replace, "queue",
              "What becomes of packets while there is no usable socket", words_of<WhenDown>,
              chosen<&Listener::when_down>},
    Directive{listen, "steal", "X-Swathe", "Steal", T::boolean, replace, "false",
              "Takes over what another process listens on", kNoWords, into<&Listener::steal, read_boolean>},
    Directive{listen, "local_routes", "X-Swathe", "LocalRoutes", T::boolean, replace, "false",
              "Adds the local routes that the addresses need", kNoWords, into<&Listener::local_routes, read_boolean>},
    Directive{listen, "netns", "Socket", "NetworkNamespacePath", T::netns, replace, "the daemon's own",
              "Network namespace that the listener is in", kNoWords, into<&Listener::netns, read_netns>},

    Directive{socket_unit, "", "Socket", "ListenStream", T::endpoints, add, "none",
              "A TCP listener on the endpoints of this line", kNoWords, whole<SocketUnit, add_line<Protocol::tcp>>},
    Directive{socket_unit, "", "Socket", "ListenDatagram", T::endpoints, add, "none",
              "A UDP listener on the endpoints of this line", kNoWords, whole<SocketUnit, add_line<Protocol::udp>>},
    Directive{socket_unit, "", "Socket", "BindIPv6Only", T::choice, replace, "default",
              "Whether a bare port or [::] takes IPv4, too", bind_modes, whole<SocketUnit, read_bind_mode>},
    Directive{socket_unit, "", "Socket", "Accept", T::boolean, replace, "no",
              "One instance per connection; only \"no\" is supported", kNoWords, whole<SocketUnit, read_accept>},
    Directive{socket_unit, "", "Socket", "Service", T::text, replace, "the .service unit of the same name",
              "The unit that traffic starts", kNoWords, whole<SocketUnit, read_service_name>},

    Directive{service, "activation", "X-Swathe", "Activation", T::choice, replace, "on-demand",
              "Whether the first packet or the daemon's start starts it", words_of<Activation>,
              chosen<&Service::activation>},
    Directive{service, "type", "Service", "Type", T::choice, replace, "simple", "When the service counts as started",
              words_of<ServiceType>, chosen<&Service::type>},
    Directive{service, "exec_start", "Service", "ExecStart", T::command, once, "", "The program and its arguments",
              kNoWords, into<&Service::exec_start, read_command>},
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
    Directive{service, "no_new_privileges", "Service", "NoNewPrivileges", T::boolean, replace, "false",
              "No program that it executes gives it more privileges", kNoWords,
              into<&Service::no_new_privileges, read_boolean>},
    Directive{service, "restart", "Service", "Restart", T::choice, replace, "no",
              "After which ends it is started again", words_of<RestartPolicy>, chosen<&Service::restart>},
    Directive{service, "restart_sec", "Service", "RestartSec", T::time_span, replace, "100ms", "Pause before a restart",
              kNoWords, into<&Service::restart_sec, read_time_span>},
    Directive{service, "restart_steps", "Service", "RestartSteps", T::count, replace, "0",
              "Restarts until the pause has grown to its longest", kNoWords, into<&Service::restart_steps, read_count>},
    Directive{service, "restart_max_delay_sec", "Service", "RestartMaxDelaySec", T::time_span, replace, "infinity",
              "The longest pause", kNoWords, into<&Service::restart_max_delay_sec, read_delay_ceiling>},
    Directive{service, "start_limit_interval_sec", "Unit", "StartLimitIntervalSec", T::time_span, replace, "10s",
              "Window of the start limit", kNoWords, into<&Service::start_limit_interval_sec, read_time_span>},
    Directive{service, "start_limit_burst", "Unit", "StartLimitBurst", T::count, replace, "5",
              "Starts that are allowed in the window", kNoWords, into<&Service::start_limit_burst, read_count>},
    Directive{service, "start_limit_hit", "X-Swathe", "StartLimitHit", T::choice, replace, "pause; fail in unit files",
              "What happens at the start limit", words_of<LimitAction>, chosen<&Service::start_limit_hit>},
    Directive{service, "timeout_sec", "Service", "TimeoutSec", T::time_span, replace, "unset", "Both time-outs at once",
              kNoWords, whole<Service, read_both_timeouts>},
    Directive{service, "timeout_start_sec", "Service", "TimeoutStartSec", T::time_span, replace, "90s",
              "How long a start may take", kNoWords, into<&Service::timeout_start_sec, read_timeout>},
    Directive{service, "timeout_stop_sec", "Service", "TimeoutStopSec", T::time_span, replace, "90s",
              "How long it may take to end after TERM", kNoWords, into<&Service::timeout_stop_sec, read_timeout>},
};

/// May a directive stand in a unit of this kind? [Unit] and [X-Swathe] are in both.
bool fits(const Directive& directive, UnitKind kind) noexcept {
    switch (directive.scope) {
    case daemon:
    case rule: return false;
    case file: return true;
    case listen:
    case socket_unit: return kind == UnitKind::socket;
    case service: return kind == UnitKind::service || directive.unit_section == "X-Swathe";
    }
    return false;
}

} // namespace

std::span<const Directive> directives() { return kTable; }

const Directive* find_toml_directive(Scope scope, std::string_view key) {
    const auto found = std::find_if(kTable.begin(), kTable.end(),
                                    [&](const Directive& d) { return d.scope == scope && d.toml_key == key; });
    return found == kTable.end() || key.empty() ? nullptr : &*found;
}

const Directive* find_unit_directive(UnitKind kind, std::string_view section, std::string_view key) {
    const auto found = std::find_if(kTable.begin(), kTable.end(), [&](const Directive& d) {
        return d.unit_key == key && d.unit_section == section && fits(d, kind);
    });
    return found == kTable.end() || key.empty() ? nullptr : &*found;
}

std::string_view to_string(ValueType type) noexcept {
    switch (type) {
    case T::text: return "text";
    case T::name: return "name";
    case T::choice: return "choice";
    case T::boolean: return "boolean";
    case T::count: return "number";
    case T::time_span: return "time span";
    case T::octal: return "octal number";
    case T::limit: return "limit";
    case T::account: return "account";
    case T::accounts: return "accounts";
    case T::path: return "path";
    case T::paths: return "paths";
    case T::command: return "command";
    case T::environment: return "variables";
    case T::protocols: return "protocols";
    case T::addresses: return "addresses";
    case T::ports: return "ports";
    case T::endpoints: return "endpoints";
    case T::prefixes: return "prefixes";
    case T::interfaces: return "interfaces";
    case T::netns: return "network namespace";
    case T::socket_address: return "socket address";
    }
    return {};
}

std::string_view to_string(Scope scope) noexcept {
    switch (scope) {
    case daemon:
    case file: return "the top level";
    case rule: return "[[drop]] and [[pass]]";
    case listen: return "[[listen]]";
    case service: return "[service]";
    case socket_unit: return "[Socket]";
    }
    return {};
}

bool is_word_list(ValueType type) noexcept {
    return type == T::endpoints || type == T::prefixes || type == T::interfaces || type == T::accounts;
}

} // namespace swathe
