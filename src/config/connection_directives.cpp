#include "config/directive_tables.h"

#include "config/address_file.h"
#include "config/connection_values.h"
#include "config/exec_values.h"
#include "config/net_values.h"
#include "config/setters.h"

#include <array>

namespace swathe {
namespace {

using enum Scope;
using enum Repeat;
using T = ValueType;

template <ConnectionRate Listener::*Rate> bool read_burst(const Raw& raw, const ValueContext& context, Listener& out) {
    return read_rate_burst(raw, context, (out.*Rate).burst);
}

constexpr std::array kTable{
    Directive{service, "accept", "Socket", "Accept", T::boolean, replace, "false",
              "One instance per connection, or per flow of UDP", kNoWords, into<&Service::accept, read_boolean>},
    Directive{service, "max_connections", "Socket", "MaxConnections", T::count, replace, "64", "Instances that live at once", kNoWords,
              into<&Service::max_connections, read_max_connections>},
    Directive{service, "max_connections_hit", "X-Swathe", "MaxConnectionsHit", T::choice, replace, "refuse",
              "What becomes of who comes beyond max_connections", words_of<OverLimit>, chosen<&Service::max_connections_hit>},
    Directive{service, "max_connections_per_source", "Socket", "MaxConnectionsPerSource", T::count, replace, "unlimited",
              "Instances of one source that live at once", kNoWords, into<&Service::max_connections_per_source, read_max_per_source>},
    Directive{service, "max_connections_per_source_hit", "X-Swathe", "MaxConnectionsPerSourceHit", T::choice, replace, "refuse",
              "What becomes of who comes beyond that", over_source_limits,
              into<&Service::max_connections_per_source_hit, read_over_source_limit>},
    Directive{service, "source_prefix_ipv4", "X-Swathe", "SourcePrefixIPv4", T::count, replace, "32",
              "Length of the IPv4 prefixes that are one source", kNoWords, into<&Service::source_prefix_ipv4, read_prefix_length<32>>},
    Directive{service, "source_prefix_ipv6", "X-Swathe", "SourcePrefixIPv6", T::count, replace, "64; 128 in unit files",
              "Length of the IPv6 prefixes that are one source", kNoWords, into<&Service::source_prefix_ipv6, read_prefix_length<128>>},
    Directive{service, "max_load", "X-Swathe", "MaxLoad", T::decimal, replace, "none",
              "Load average beyond which nobody is served", kNoWords, into<&Service::max_load, read_load>},
    Directive{service, "access_times", "X-Swathe", "AccessTimes", T::day_times, add, "always", "When there is service", kNoWords,
              into<&Service::access_times, read_day_times>},
    Directive{service, "flow_idle_sec", "X-Swathe", "FlowIdleSec", T::time_span, replace, "1min",
              "After how long without datagrams a flow of UDP ends", kNoWords, into<&Service::flow_idle_sec, read_timeout>},
    Directive{service, "environment_style", "X-Swathe", "EnvironmentStyle", T::choice, replace, "systemd",
              "What the variables about the connection are called", words_of<EnvironmentStyle>, chosen<&Service::environment_style>},
    Directive{service, "banner", "X-Swathe", "Banner", T::quoted_text, replace, "none", "Text that is sent before the program starts",
              kNoWords, into<&Service::banner, read_banner>},
    Directive{service, "banner_file", "X-Swathe", "BannerFile", T::path, replace, "none", "File that is sent before the program starts",
              kNoWords, into<&Service::banner_file, read_absolute_path>},
    Directive{service, "log_on_success", "X-Swathe", "LogOnSuccess", T::log_fields, add, "none", "What is logged of who is served",
              log_fields, into<&Service::log_on_success, read_log_fields>},
    Directive{service, "log_on_failure", "X-Swathe", "LogOnFailure", T::log_fields, add, "none", "What is logged of who is not", log_fields,
              into<&Service::log_on_failure, read_log_fields>},
    Directive{service, "log_addresses", "X-Swathe", "LogAddresses", T::boolean, replace, "true",
              "Addresses of the other side may be logged", kNoWords, into<&Service::log_addresses, read_boolean>},

    Directive{listen, "connection_rate", "X-Swathe", "ConnectionRate", T::rate, replace, "unlimited",
              "How many may come in how long", kNoWords, into<&Listener::connection_rate, read_rate>},
    Directive{listen, "connection_burst", "X-Swathe", "ConnectionBurst", T::count, replace, "the number of connection_rate",
              "How many of these may come at once", kNoWords, whole<Listener, read_burst<&Listener::connection_rate>>},
    Directive{listen, "source_rate", "X-Swathe", "SourceRate", T::rate, replace, "unlimited",
              "How many of one source may come in how long", kNoWords, into<&Listener::source_rate, read_rate>},
    Directive{listen, "source_burst", "X-Swathe", "SourceBurst", T::count, replace, "the number of source_rate",
              "How many of these may come at once", kNoWords, whole<Listener, read_burst<&Listener::source_rate>>},
    Directive{listen, "blocked", "X-Swathe", "Blocked", T::prefixes, add, "none", "Sources that the kernel refuses", kNoWords,
              into<&Listener::blocked, read_prefixes>},
    Directive{listen, "blocked_file", "X-Swathe", "BlockedFile", T::path, add, "none", "File with more sources that the kernel refuses",
              kNoWords, into<&Listener::blocked, read_prefixes_file>},
    Directive{listen, "except_from", "X-Swathe", "ExceptFrom", T::prefixes, add, "none",
              "Source prefixes that the listener is not for", kNoWords, whole<Listener, read_excepted_sources>},
};

} // namespace

std::span<const Directive> connection_directives() { return kTable; }

} // namespace swathe
