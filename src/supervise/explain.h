#pragma once

#include "classify/tables.h"
#include "supervise/rule_view.h"

namespace swathe {

// What rules look like from outside, and why one of them wins: for the daemon, and for swathectl without one. Pure.

/// The question, read. Without `from` the source is the unspecified address and port 0, which lies in no `from` but one of length
/// 0. Errors name the field: not a protocol, address or port; `from` of the other family; no such interface.
[[nodiscard]] Result<Flow> flow_of(const ExplainQuery& query, const InterfaceIndex& interface_index);

/// Rule `id`, by those of its ports that are in question.
[[nodiscard]] RuleView view_of(const RuleSet& rules, const Config& config, RuleId id, const PortRange& ports);

/// How many a listener of `service` lets in; nothing: all.
[[nodiscard]] std::optional<std::string> limits_in_words(const Service& service, const Listener& listener);

/// The one of `ports` that contains `port`, or `port` alone.
[[nodiscard]] PortRange range_around(const std::vector<PortRange>& ports, std::uint16_t port);

/// The rules that `query` asks for. `hits` by RuleId; empty: they are not counted.
[[nodiscard]] std::vector<RuleView> rule_views(const RuleSet& rules, const Config& config, std::span<const std::uint64_t> hits = {},
                                               const RuleQuery& query = {});

// What rule_views() said of several network namespaces becomes one answer.
void append(std::vector<RuleView>& all, std::vector<RuleView> more, const std::string& netns);
void cut(std::vector<RuleView>& all, const RuleQuery& query); ///< in order, and no more than are asked for

/// Who decided what about a flow.
struct Explanation {
    Verdict verdict = Verdict::pass;
    std::optional<RuleId> rule; ///< the winner
    std::vector<RuleId> others; ///< matched and lost, in order
    std::string source;         ///< "tables", "kernel"
};

/// Says of all rules in an answer which network namespace they stand in; "" = the daemon's own.
void set_netns(ExplainView& view, const std::string& netns);

/// Of each rule the ports and the source prefix that `flow` matches.
[[nodiscard]] ExplainView view_of(const RuleSet& rules, const Config& config, const Flow& flow, const Explanation& explanation);

} // namespace swathe
