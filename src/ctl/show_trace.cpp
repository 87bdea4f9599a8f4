#include "base/text.h"
#include "ctl/show.h"

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

std::string dash_if_empty(const std::string& text) { return text.empty() ? "-" : escaped(text); }

std::string line_of(const std::string& time, const std::string& protocol, const std::string& source, const std::string& destination,
                    const std::string& interface, const std::string& verdict, const std::string& target, const std::string& rule) {
    return fmt::format("{:<15}  {:<5}  {:<21}  {:<21}  {:<9}  {:<7}  {:<15}  {}\n", time, protocol, source, destination, interface, verdict,
                       target, rule);
}

std::string rule_text(const TracedView& decision) {
    if (!decision.rule) return decision.verdict == "drop" ? "home address of a listener" : "-";
    const TracedView::Rule& rule = *decision.rule;
    std::string text = fmt::format("{} ports {}", escaped(rule.prefix), escaped(rule.ports));
    if (!rule.file.empty()) text += fmt::format(" {}:{}:{}", escaped(rule.file), rule.line, rule.column);
    if (!decision.error.empty()) text += fmt::format(" ({})", escaped(decision.error));
    return text;
}

} // namespace

std::string trace_heading() { return line_of("TIME", "PROTO", "SOURCE", "DESTINATION", "INTERFACE", "VERDICT", "TARGET", "RULE"); }

std::string show_traced(const TracedView& decision) {
    const bool unmatched = !decision.rule && decision.verdict == "pass";
    const std::string target = decision.service.empty() ? "-" : fmt::format("{}/{}", escaped(decision.service), escaped(decision.listener));
    const std::string interface = dash_if_empty(decision.interface);
    return line_of(time_of_day(decision.time_usec), escaped(decision.protocol), escaped(decision.source), escaped(decision.destination),
                   decision.netns.empty() ? interface : fmt::format("{}/{}", escaped(decision.netns), interface),
                   unmatched ? "no rule" : escaped(decision.verdict), target, rule_text(decision));
}

std::string show_lost(std::uint64_t lost) { return fmt::format("{} lost\n", lost); }

} // namespace swathe::ctl
