#include "config/directive_tables.h"

#include "config/address_file.h"
#include "config/boolean_word.h"
#include "config/net_values.h"
#include "config/setters.h"
#include "config/socket_values.h"

#include <algorithm>
#include <array>

namespace swathe {
namespace {

using enum Scope;
using enum Repeat;
using T = ValueType;

std::vector<std::string_view> log_levels() { return {"error", "warning", "notice", "info", "debug"}; }
std::vector<std::string_view> bind_modes() { return {"default", "both", "ipv6-only"}; }

template <Protocol P> bool add_line(const Raw& raw, const ValueContext& context, SocketUnit& out) {
    return read_listen(raw, context, P, out);
}

bool read_bind_mode(const Raw& raw, const ValueContext& context, SocketUnit& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    if (const auto only = boolean_word(*text)) { // as systemd takes it
        out.v6_only = *only;
        return true;
    }
    const auto modes = bind_modes();
    if (std::find(modes.begin(), modes.end(), *text) == modes.end())
        return context.refuse(raw.pos, fmt::format("{} is not known; {}", quoted(*text), expected_one_of(modes)));
    out.v6_only = *text == "ipv6-only";
    return true;
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

template <EventLimit Listener::*Limit> bool read_interval(const Raw& raw, const ValueContext& context, Listener& out) {
    return read_time_span(raw, context, (out.*Limit).interval);
}

template <EventLimit Listener::*Limit> bool read_burst(const Raw& raw, const ValueContext& context, Listener& out) {
    return read_count(raw, context, (out.*Limit).burst);
}

bool read_trigger_limit_hit(const Raw& raw, const ValueContext& context, bool& fails) {
    LimitAction action{};
    if (!read_choice(raw, context, action)) return false;
    fails = action == LimitAction::fail;
    return true;
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
              "A line about the service for people", kNoWords, into<&Service::description, read_unit_description>},

    Directive{listen, "name", "Socket", "FileDescriptorName", T::name, replace,
              "the service's name; the .socket unit's in unit files", "Name of the socket in LISTEN_FDNAMES", kNoWords,
              into<&Listener::name, read_listener_name>},
    Directive{listen, "protocol", "", "", T::choice, replace, "", "What the socket is", words_of<SocketKind>,
              whole<Listener, read_socket_kind>},
    Directive{listen, "addresses", "", "", T::addresses, replace, "required, unless addresses_file or path is given",
              "Addresses that the listener claims", kNoWords, into<&Listener::endpoints, read_addresses>},
    Directive{listen, "addresses_file", "X-Swathe", "AddressesFile", T::path, add, "none",
              "File with more addresses that the listener claims", kNoWords,
              into<&Listener::endpoints, read_addresses_file>},
    Directive{listen, "ports", "", "", T::ports, replace, "required, unless path is given",
              "Ports that the listener claims on each of its addresses", kNoWords, into<&Listener::endpoints, read_ports>},
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
    Directive{listen, "listener_mode", "X-Swathe", "ListenerMode", T::choice, replace, "shared", "How workers share the listener",
              words_of<ListenerMode>, chosen<&Listener::listener_mode>},
    Directive{listen, "steal", "X-Swathe", "Steal", T::boolean, replace, "false",
              "Takes over what another process listens on", kNoWords, into<&Listener::steal, read_boolean>},
    Directive{listen, "local_routes", "X-Swathe", "LocalRoutes", T::boolean, replace, "false",
              "Adds the local routes that the addresses need", kNoWords, into<&Listener::local_routes, read_boolean>},
    Directive{listen, "netns", "Socket", "NetworkNamespacePath", T::netns, replace, "the daemon's own",
              "Network namespace that the listener is in", kNoWords, into<&Listener::netns, read_netns>},
    Directive{listen, "trigger_limit_interval_sec", "Socket", "TriggerLimitIntervalSec", T::time_span, replace, "2s",
              "Window of the trigger limit", kNoWords, whole<Listener, read_interval<&Listener::trigger_limit>>},
    Directive{listen, "trigger_limit_burst", "Socket", "TriggerLimitBurst", T::count, replace, "20",
              "Starts by its traffic that are allowed in the window", kNoWords, whole<Listener, read_burst<&Listener::trigger_limit>>},
    Directive{listen, "trigger_limit_hit", "X-Swathe", "TriggerLimitHit", T::choice, replace, "pause; fail in unit files",
              "What happens at the trigger limit", words_of<LimitAction>, into<&Listener::trigger_limit_fails, read_trigger_limit_hit>},
    Directive{listen, "poll_limit_interval_sec", "Socket", "PollLimitIntervalSec", T::time_span, replace, "2s",
              "Window of the poll limit", kNoWords, whole<Listener, read_interval<&Listener::poll_limit>>},
    Directive{listen, "poll_limit_burst", "Socket", "PollLimitBurst", T::count, replace, "15",
              "Times that its traffic may wake the daemon in the window", kNoWords, whole<Listener, read_burst<&Listener::poll_limit>>},

    Directive{socket_unit, "", "Socket", "ListenStream", T::endpoints, add, "none",
              "A TCP listener on the endpoints of this line, or a UNIX stream socket", kNoWords,
              whole<SocketUnit, add_line<Protocol::tcp>>},
    Directive{socket_unit, "", "Socket", "ListenDatagram", T::endpoints, add, "none",
              "A UDP listener on the endpoints of this line, or a UNIX datagram socket", kNoWords,
              whole<SocketUnit, add_line<Protocol::udp>>},
    Directive{socket_unit, "", "Socket", "ListenSequentialPacket", T::endpoints, add, "none",
              "A UNIX socket for sequenced packets", kNoWords, whole<SocketUnit, read_listen_seqpacket>},
    Directive{socket_unit, "", "Socket", "BindIPv6Only", T::choice, replace, "default",
              "Whether a bare port or [::] takes IPv4, too", bind_modes, whole<SocketUnit, read_bind_mode>},
    Directive{socket_unit, "", "Socket", "Service", T::text, replace, "the .service unit of the same name",
              "The unit that traffic starts", kNoWords, whole<SocketUnit, read_service_name>},

};

} // namespace

std::span<const Directive> network_directives() { return kTable; }

} // namespace swathe
