#include "ctl/show.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

/// How a state looks; the names are those of to_string(State), and behind them systemd's of its units.
struct StateLook {
    std::string_view state;
    const char* mark;
    const char* plain_mark;
    Colour colour;
    bool up;
};
constexpr std::array<StateLook, 14> kStates{{
    {"idle", "○", "o", Colour::green, true},
    {"starting", "●", "*", Colour::yellow, true},
    {"running", "●", "*", Colour::green, true},
    {"stopping", "●", "*", Colour::yellow, true},
    {"killing", "●", "*", Colour::yellow, true},
    {"backoff", "○", "o", Colour::yellow, true},
    {"paused", "○", "o", Colour::yellow, true},
    {"failed", "×", "x", Colour::red, false},
    {"stopped", "○", "o", Colour::grey, false},
    {"active", "●", "*", Colour::green, true},
    {"activating", "●", "*", Colour::yellow, true},
    {"deactivating", "●", "*", Colour::yellow, true},
    {"inactive", "○", "o", Colour::grey, false},
    {"unknown", "○", "o", Colour::yellow, false},
}};
constexpr StateLook kUnknownState{"", "○", "o", Colour::none, true};

const StateLook& look_of_state(std::string_view state) {
    for (const StateLook& look : kStates)
        if (look.state == state) return look;
    return kUnknownState; // of a newer daemon
}

std::string joined(const std::vector<std::string>& texts, const char* separator) {
    std::string all;
    for (const std::string& text : texts) {
        if (!all.empty()) all += separator;
        all += escaped(text);
    }
    return all;
}

std::string dash_if_empty(const std::string& text) { return text.empty() ? "-" : escaped(text); }

std::string ports_text(const std::string& ports) { return ports == "all" ? "all ports" : "ports " + escaped(ports); }

/// A UNIX socket has no ports, and each address has its own where they differ.
std::string behind_addresses(const ListenerView& listener) { return listener.ports.empty() ? "" : " " + ports_text(listener.ports); }

bool is_unix(const ListenerView& listener) { return listener.protocol.starts_with("unix-"); }

/// A line for each network namespace that we share with other programs.
std::string programs_lines(const DaemonView& daemon) {
    std::map<std::string, std::string> lines;
    std::set<std::string> shared;
    for (const ProgramView& program : daemon.programs) {
        std::string& line = lines[program.netns];
        line += fmt::format("{}{} (id {}{})", line.empty() ? "" : ", ", escaped(program.name), program.id, program.ours ? ", ours" : "");
        if (!program.ours) shared.insert(program.netns);
    }
    std::string text;
    for (const std::string& netns : shared)
        text += fmt::format("    sk_lookup programs in run order{}: {}\n", netns.empty() ? "" : " in " + escaped(netns), lines[netns]);
    return text;
}

std::string show_daemon(const DaemonView& daemon, const Look& look) {
    std::string text = fmt::format("swathed {} (pid {}), generation {}, {} rule{}", escaped(daemon.version), daemon.pid,
                                   daemon.generation, daemon.rules, daemon.rules == 1 ? "" : "s");
    if (!daemon.netns.empty()) text += ", network namespace " + escaped(daemon.netns);
    if (daemon.traces > 0) text += fmt::format(", {} trace{} running", daemon.traces, daemon.traces == 1 ? "" : "s");
    text += '\n';
    text += programs_lines(daemon);
    for (const std::string& warning : daemon.warnings)
        text += paint(look, Colour::yellow, "    warning: " + escaped(warning)) + "\n";
    return text;
}

std::string state_line(const ServiceView& service, const Look& look) {
    std::string text = paint(look, look_of_state(service.state).colour, escaped(service.state));
    if (service.result != "success" && !service.result.empty())
        text += fmt::format(" (last run: {}{}{})", escaped(service.result), service.failure.empty() ? "" : ": ", escaped(service.failure));
    if (service.state_since_usec > 0)
        text += fmt::format(" since {}; {} ago", calendar(service.state_since_usec), span_text(look.now_usec - service.state_since_usec));
    return text;
}

std::string socket_line(const ListenerView::Socket& socket) {
    std::string text = fmt::format("home {}  slot {}  lookups {}  steered {}  no socket {}  errors {}", dash_if_empty(socket.home),
                                   socket.slot, socket.lookups, socket.steered, socket.no_socket, socket.assign_errors);
    if (socket.assign_errors > 0)
        if (const char* name = strerrordesc_np(socket.last_errno); name != nullptr) text += fmt::format(" (last: {})", name);
    return text + fmt::format("  queued {}", socket.queued);
}

/// What limits and blocks have refused, of the lookups.
std::string refused_line(const ListenerView::Socket::Refused& refused) {
    std::string text = fmt::format("refused: rate {}  source rate {}  blocked {}  too many {}", refused.rate, refused.source_rate,
                                   refused.blocked, refused.closed);
    if (refused.new_sources > 0) text += fmt::format("  sources {}", refused.new_sources);
    if (refused.unasked > 0) text += fmt::format("  let in unasked {}", refused.unasked);
    return text;
}

std::string in_namespace(const ListenerView& listener) { return listener.netns.empty() ? "" : " in " + escaped(listener.netns); }

std::string show_listener(const ListenerView& listener, const Look& look) {
    std::string text = fmt::format("    {}: {} {}{}{}\n", escaped(listener.name), escaped(listener.protocol),
                                   joined(listener.addresses, " "), behind_addresses(listener), in_namespace(listener));
    if (listener.limits) text += "        lets in " + escaped(*listener.limits) + "\n";
    for (const auto& socket : listener.sockets) {
        text += "        " + (is_unix(listener) ? fmt::format("queued {}", socket.queued) : socket_line(socket)) + "\n";
        if (socket.refused) text += "        " + refused_line(*socket.refused) + "\n";
        if (!socket.unusable.empty()) text += paint(look, Colour::red, "        unusable: " + escaped(socket.unusable)) + "\n";
    }
    return text;
}

std::string listeners_cell(const ServiceView& service) {
    std::string text;
    for (const ListenerView& listener : service.listeners)
        text += fmt::format("{}{} {}{}{}", text.empty() ? "" : "; ", escaped(listener.protocol), joined(listener.addresses, ","),
                            behind_addresses(listener), in_namespace(listener));
    return text;
}

std::string target_of(const RuleView& rule) {
    return rule.service.empty() ? "-" : fmt::format("{}/{}", escaped(rule.service), escaped(rule.listener));
}

std::string place_of(const RuleView& rule) {
    return rule.file.empty() ? "-" : fmt::format("{}:{}:{}", escaped(rule.file), rule.line, rule.column);
}

std::string match_of(const RuleView& rule) {
    std::string text = fmt::format("{} {}", escaped(rule.prefix), ports_text(rule.ports));
    if (!rule.from.empty()) text += " from " + escaped(rule.from);
    if (rule.except_from) text += " except from " + escaped(*rule.except_from);
    if (!rule.interface.empty()) text += " interface " + escaped(rule.interface);
    return text;
}

std::string sources_of(const RuleView& rule) {
    if (!rule.except_from) return dash_if_empty(rule.from);
    return fmt::format("{} but {}", rule.from.empty() ? "all" : escaped(rule.from), escaped(*rule.except_from));
}

std::string deed_of(const std::string& verdict, const std::string& service, const std::string& listener) {
    if (service.empty()) return escaped(verdict);
    return fmt::format("{} {} {}/{}", escaped(verdict), verdict == "drop" ? "by" : "to", escaped(service), escaped(listener));
}

std::string question_of(const ExplainQuery& query) {
    const bool brackets = query.address.find(':') != query.address.npos;
    std::string text = fmt::format("{} {}{}{}:{}", escaped(query.protocol), brackets ? "[" : "", escaped(query.address),
                                   brackets ? "]" : "", escaped(query.port));
    if (!query.from.empty()) text += " from " + escaped(query.from);
    if (!query.interface.empty()) text += " on " + escaped(query.interface);
    if (!query.netns.empty()) text += " in " + escaped(query.netns);
    return text;
}

/// "nginx (pid 812) on 0.0.0.0:80"
std::string holder_of(const ForeignSocketView& socket) {
    const std::string who =
        socket.pid ? fmt::format("{} (pid {})", escaped(socket.process.value_or("?")), *socket.pid) : "an unknown process";
    return fmt::format("{} on {}", who, escaped(socket.address));
}

std::string outcome_of(const ExplainView& answer) {
    if (answer.socket) return fmt::format("{} to {}", escaped(answer.verdict), holder_of(*answer.socket));
    return deed_of(answer.verdict, answer.service, answer.listener);
}

const char* reason_without_rule(const ExplainView& answer) {
    if (answer.source == "live" && answer.verdict == "drop") return "  by no rule: refused, or nobody has a socket there\n";
    if (answer.verdict == "drop") return "  by no rule: it is the home address of a listener, which is reached through its range only\n";
    return "  by no rule: the kernel's own lookup decides\n";
}

} // namespace

namespace {

/// Where there is more to tell than the main process: several instances, or one that is doing something.
bool wants_instances(const ServiceView& service) {
    return service.instances.size() > 1 || (service.instances.size() == 1 && service.instances.front().phase != "running");
}

std::string show_instance(const InstanceView& instance) {
    return fmt::format("    Instance {}: {}{}{}{}\n", instance.number, escaped(instance.phase), instance.draining ? ", drains" : "",
                       instance.main_pid ? fmt::format(", pid {}", *instance.main_pid) : "",
                       instance.peer.empty() ? "" : ", from " + escaped(instance.peer));
}

/// "    Connections: 3 of at most 64, 2 of one source; 1024 accepted, 1 failed; refused: 5 by max_connections"
std::string show_connections(const ConnectionsView& connections, std::size_t shown) {
    const auto& [total, source, load, times, condition] = connections.refused;
    std::string text =
        fmt::format("    Connections: {}{}", connections.now, connections.limit ? fmt::format(" of at most {}", *connections.limit) : "");
    if (connections.now > 0) text += fmt::format(", {} of one source", connections.most_of_a_source);
    text += fmt::format("; {} accepted, {} failed", connections.accepted, connections.failed);
    std::string refused;
    for (const auto& [key, count] : {std::pair("max_connections", total), {"max_connections_per_source", source}, {"max_load", load},
                                     {"access_times", times}, {"condition", condition}})
        if (count > 0) refused += fmt::format("{}{} by {}", refused.empty() ? "" : ", ", count, key);
    if (!refused.empty()) text += "; refused: " + refused;
    if (const auto& flows = connections.flows; flows)
        text += fmt::format("; flows: {} idle, {} continued, {} datagrams lost", flows->idle, flows->continued, flows->lost);
    if (connections.now > shown) text += fmt::format("\n    The first {} of them:", shown);
    return text + "\n";
}

} // namespace

bool is_up(const ServiceView& service) { return look_of_state(service.state).up; }

std::string show_service(const ServiceView& service, const Look& look, bool detail) {
    const StateLook& state = look_of_state(service.state);
    std::string text = paint(look, state.colour, look.utf8 ? state.mark : state.plain_mark) + " " + escaped(service.name);
    if (!service.description.empty()) text += " - " + escaped(service.description);
    text += "\n    State: " + state_line(service, look) + "\n";
    if (service.paused_by_hand) text += "    Paused: who connects waits for swathectl resume\n";
    if (service.main_pid) text += fmt::format("    Main PID: {}\n", *service.main_pid);
    if (service.connections) text += show_connections(*service.connections, service.instances.size());
    if (wants_instances(service) || service.connections)
        for (const InstanceView& instance : service.instances) text += show_instance(instance);
    if (!service.status_text.empty()) text += "    Status: \"" + escaped(service.status_text) + "\"\n";
    if (!service.supervisor.empty()) {
        text += fmt::format("    Supervised by {}\n", escaped(service.supervisor));
        if (!service.failure.empty()) text += paint(look, Colour::yellow, "    Not steered to: " + escaped(service.failure)) + "\n";
        if (detail) text += "    Files: " + joined(service.files, " ") + "\n";
    } else if (detail) {
        text += fmt::format("    Activation: {}, type {}\n", escaped(service.activation), escaped(service.type));
        text += fmt::format("    Starts: {}, of these {} automatic restarts\n", service.starts, service.restarts);
        text += "    Files: " + joined(service.files, " ") + "\n";
    }
    for (const ListenerView& listener : service.listeners) text += show_listener(listener, look);
    return text;
}

std::string show_status(const StatusView& status, const Look& look) {
    std::string text = show_daemon(status.daemon, look);
    for (const ServiceView& service : status.services) text += "\n" + show_service(service, look, false);
    return text;
}

std::string show_list(const std::vector<ServiceView>& services) {
    Table table;
    table.add({"NAME", "STATE", "PID", "LISTENERS"});
    for (const ServiceView& service : services)
        table.add({escaped(service.name), escaped(service.state), service.main_pid ? std::to_string(*service.main_pid) : "-",
                   listeners_cell(service)});
    return table.to_string();
}

std::string show_rules(const std::vector<RuleView>& rules) {
    const bool counted = !rules.empty() && rules.front().hits;
    const bool elsewhere = std::any_of(rules.begin(), rules.end(), [](const RuleView& rule) { return !rule.netns.empty(); });
    Table table;
    const auto add = [&](std::vector<std::string> cells, const std::string& hits, const std::string& netns) {
        if (elsewhere) cells.insert(cells.begin(), netns);
        if (counted) cells.insert(cells.begin(), hits);
        table.add(std::move(cells));
    };
    add({"PROTO", "PREFIX", "PORTS", "FROM", "INTERFACE", "VERDICT", "TARGET", "PLACE"}, "HITS", "NETNS");
    for (const RuleView& rule : rules)
        add({escaped(rule.protocol), escaped(rule.prefix), escaped(rule.ports), sources_of(rule), dash_if_empty(rule.interface),
             escaped(rule.verdict), target_of(rule), place_of(rule)},
            std::to_string(rule.hits.value_or(0)), dash_if_empty(rule.netns));
    return table.to_string();
}

std::string show_explain(const ExplainQuery& query, const ExplainView& answer) {
    std::string text = question_of(query) + " -> " + outcome_of(answer) + "\n";
    if (!answer.rule && answer.disagreement.empty()) text += reason_without_rule(answer);
    if (answer.reason) text += "  " + escaped(*answer.reason) + "\n";
    if (answer.limits) text += "  it lets in " + escaped(*answer.limits) + "\n";
    Table table;
    if (answer.rule) table.add({"  by " + match_of(*answer.rule), place_of(*answer.rule)});
    for (const RuleView& other : answer.others)
        table.add({"  lost: " + match_of(other) + " -> " + deed_of(other.verdict, other.service, other.listener), place_of(other)});
    text += table.to_string();
    if (!answer.disagreement.empty()) text += "  disagreement: " + escaped(answer.disagreement) + "\n";
    return text;
}

} // namespace swathe::ctl
