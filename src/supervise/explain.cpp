#include "supervise/explain.h"

#include "classify/limits.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

/// "ADDR", "ADDR:PORT" or "[V6]:PORT".
Result<SocketAddress> read_source(const std::string& text) {
    if (auto address = parse_address(text)) return SocketAddress{*address, 0};
    return parse_socket_address(text);
}

std::string join(const std::vector<Prefix>& prefixes) {
    std::string text;
    for (const Prefix& prefix : prefixes) {
        if (!text.empty()) text += ',';
        text += prefix.to_string();
    }
    return text;
}

/// The longest of `prefixes` around `source`; "" where there is none.
std::string prefix_around(const std::vector<Prefix>& prefixes, const Address& source) {
    const Prefix* best = nullptr;
    for (const Prefix& prefix : prefixes)
        if (prefix.contains(source) && (best == nullptr || prefix.length > best->length)) best = &prefix;
    return best == nullptr ? std::string{} : best->to_string();
}

/// "10 in 1s", "10 in 1min, 20 at once"
std::string rate_in_words(const ConnectionRate& rate) {
    const std::int64_t usec = rate.per.count();
    const bool minutes = usec % 60'000'000 == 0, seconds = usec % 1'000'000 == 0, milliseconds = usec % 1000 == 0;
    const char* unit = minutes ? "min" : seconds ? "s" : milliseconds ? "ms" : "us";
    const auto unit_usec = minutes ? 60'000'000 : seconds ? 1'000'000 : milliseconds ? 1000 : 1;
    std::string text = fmt::format("{} in {}{}", rate.count, usec / unit_usec, unit);
    if (rate.burst != 0 && rate.burst != rate.count) text += fmt::format(", {} at once", rate.burst);
    return text;
}

RuleView matched_view(const RuleSet& rules, const Config& config, const Flow& flow, RuleId id) {
    const Rule& rule = rules.rules.at(id);
    RuleView view = view_of(rules, config, id, range_around(rules.port_sets.at(rule.ports), flow.local.port));
    view.from = prefix_around(rules.source_sets.at(rule.sources), flow.remote.address);
    view.except_from.reset(); // none of them matches, or the rule would not
    return view;
}

/// Whole rules: the most hit first, or in the order of the configuration. A million of them are not sorted for the first ten.
std::vector<RuleView> views_by_hits(const RuleSet& rules, const Config& config, std::span<const std::uint64_t> hits,
                                    const RuleQuery& query) {
    std::vector<RuleId> chosen;
    for (RuleId id = 0; id < hits.size(); ++id)
        if (!query.never_hit || hits[id] == 0) chosen.push_back(id);
    const std::size_t count = query.limit == 0 ? chosen.size() : std::min<std::size_t>(query.limit, chosen.size());
    if (query.by_hits)
        std::partial_sort(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(count), chosen.end(),
                          [&](RuleId a, RuleId b) { return hits[a] != hits[b] ? hits[a] > hits[b] : a < b; });
    std::vector<RuleView> views;
    for (const RuleId id : std::span(chosen).first(count)) {
        views.push_back(view_of(rules, config, id, PortRange::all()));
        views.back().ports = to_string(rules.port_sets.at(rules.rules[id].ports));
        views.back().hits = hits[id];
    }
    return views;
}

} // namespace

Result<Flow> flow_of(const ExplainQuery& query, const InterfaceIndex& interface_index) {
    const auto protocol = parse_protocol(query.protocol);
    if (!protocol) return Failure(Error(protocol.error()).within("protocol"));
    const auto address = parse_address(query.address);
    if (!address) return Failure(Error(address.error()).within("address"));
    const auto port = parse_port(query.port);
    if (!port) return Failure(Error(port.error()).within("port"));

    Flow flow{*protocol, {*address, *port}, {Address::any(address->family), 0}, 0};
    if (!query.from.empty()) {
        const auto source = read_source(query.from);
        if (!source) return Failure(Error(source.error()).within("from"));
        if (source->address.family != address->family) return failure("from: not of the same family as the address");
        flow.remote = *source;
    }
    if (!query.interface.empty()) {
        flow.ifindex = interface_index(query.interface);
        if (flow.ifindex == 0) return failure("interface: there is none of this name");
    }
    return flow;
}

PortRange range_around(const std::vector<PortRange>& ports, std::uint16_t port) {
    const auto found = std::find_if(ports.begin(), ports.end(), [&](const PortRange& range) { return range.contains(port); });
    return found == ports.end() ? PortRange{port, port} : *found;
}

RuleView view_of(const RuleSet& rules, const Config& config, RuleId id, const PortRange& ports) {
    const Rule& rule = rules.rules.at(id);
    RuleView view;
    view.protocol = to_string(rule.protocol);
    view.prefix = rule.destination.to_string();
    view.ports = ports.to_string();
    view.from = join(rules.source_sets.at(rule.sources));
    if (rule.strangers != 0) view.except_from = join(rules.source_sets.at(rule.strangers));
    view.interface = rules.interfaces.at(rule.ifname);
    view.verdict = to_string(rule.target.verdict);
    if (rule.target.verdict == Verdict::steer) {
        const Service& service = config.services.at(rule.target.listener.service);
        view.service = service.name;
        view.listener = service.listeners.at(rule.target.listener.listener).name;
    }
    view.file = rule.pos.file.name();
    view.line = rule.pos.line;
    view.column = rule.pos.column;
    return view;
}

std::optional<std::string> limits_in_words(const Service& service, const Listener& listener) {
    if (!has_limits(service, listener)) return std::nullopt;
    std::string text;
    const auto add = [&](const std::string& limit) { text += (text.empty() ? "" : "; ") + limit; };
    const std::string source = fmt::format("of one source (/{}, /{})", service.source_prefix_ipv4, service.source_prefix_ipv6);
    if (listener.connection_rate.count != 0) add(rate_in_words(listener.connection_rate));
    if (listener.source_rate.count != 0) add(fmt::format("{} {}", source, rate_in_words(listener.source_rate)));
    if (!service.accept) return text;
    if (service.max_connections && service.max_connections_hit == OverLimit::drop)
        add(fmt::format("{} connections", *service.max_connections));
    if (service.max_connections_per_source && service.max_connections_per_source_hit == OverLimit::drop)
        add(fmt::format("{} {} connections", source, *service.max_connections_per_source));
    return text;
}

std::vector<RuleView> rule_views(const RuleSet& rules, const Config& config, std::span<const std::uint64_t> hits, const RuleQuery& query) {
    if (query.by_hits || query.never_hit) return views_by_hits(rules, config, hits, query);
    std::vector<RuleView> views;
    for (const OrderedRule& ordered : in_order(rules)) {
        if (query.limit != 0 && views.size() == query.limit) break;
        views.push_back(view_of(rules, config, ordered.rule, ordered.ports));
        if (!hits.empty()) views.back().hits = hits[ordered.rule];
    }
    return views;
}

void append(std::vector<RuleView>& all, std::vector<RuleView> more, const std::string& netns) {
    for (RuleView& view : more) {
        view.netns = netns;
        all.push_back(std::move(view));
    }
}

void cut(std::vector<RuleView>& all, const RuleQuery& query) {
    if (query.by_hits) std::stable_sort(all.begin(), all.end(), [](const RuleView& a, const RuleView& b) { return a.hits > b.hits; });
    if (query.limit != 0 && all.size() > query.limit) all.resize(query.limit);
}

void set_netns(ExplainView& view, const std::string& netns) {
    if (view.rule) view.rule->netns = netns;
    for (RuleView& other : view.others) other.netns = netns;
}

ExplainView view_of(const RuleSet& rules, const Config& config, const Flow& flow, const Explanation& explanation) {
    ExplainView view;
    view.verdict = to_string(explanation.verdict);
    view.source = explanation.source;
    if (explanation.rule) {
        view.rule = matched_view(rules, config, flow, *explanation.rule);
        view.service = view.rule->service;
        view.listener = view.rule->listener;
        const Target target = rules.rules.at(*explanation.rule).target;
        if (target.verdict == Verdict::steer) {
            if (explanation.verdict == Verdict::drop) view.reason = "the listener has blocked the source";
            view.limits = limits_in_words(config.services.at(target.listener.service), listener_at(config, target.listener));
        }
    }
    for (const RuleId other : explanation.others) view.others.push_back(matched_view(rules, config, flow, other));
    return view;
}

} // namespace swathe
