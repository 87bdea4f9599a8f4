#pragma once

#include "ctl/text.h"
#include "supervise/rule_view.h"
#include "supervise/stream_view.h"
#include "supervise/view.h"

namespace swathe::ctl {

// What people read. Pure; nothing that a service, a file or the daemon says reaches the terminal unescaped.

[[nodiscard]] std::string show_status(const StatusView& status, const Look& look);
[[nodiscard]] std::string show_service(const ServiceView& service, const Look& look, bool detail);
[[nodiscard]] std::string show_list(const std::vector<ServiceView>& services);
[[nodiscard]] std::string show_rules(const std::vector<RuleView>& rules);
[[nodiscard]] std::string show_explain(const ExplainQuery& query, const ExplainView& answer);

/// A line for each decision of `trace`, and the line above them. Columns are as wide as what is usual; what is longer moves the rest.
[[nodiscard]] std::string trace_heading();
[[nodiscard]] std::string show_traced(const TracedView& decision);
/// A line of `logs`: "2025-03-03 10:11:12.123456 edge[900]: text", and "stdout" or "stderr" before the colon where the two are told apart.
[[nodiscard]] std::string show_logged(const LogLineView& line);
[[nodiscard]] std::string show_lost(std::uint64_t lost);

/// Does it run, or will it start by itself? Not so when stopped or failed: only a start by hand leads out. Decides the exit
/// status of `status NAME` (LSB: 3 = not running).
[[nodiscard]] bool is_up(const ServiceView& service);

} // namespace swathe::ctl
