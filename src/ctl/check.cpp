#include "base/text.h"
#include "control/json.h"
#include "ctl/answer.h"
#include "ctl/offline.h"
#include "ctl/verbs.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

std::string counted(std::size_t n, const char* noun) { return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s"); }

std::string summary_of(const Config& config, const Diagnostics& all) {
    const auto count = [&](Diagnostic::Severity severity) {
        return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const auto& d) { return d.severity == severity; }));
    };
    return fmt::format("{}: {}, {}", counted(config.services.size(), "service"), counted(count(Diagnostic::Severity::error), "error"),
                       counted(count(Diagnostic::Severity::warning), "warning"));
}

void print_for_people(const Diagnostics& all, const std::string& summary) {
    for (const Diagnostic& diagnostic : all) {
        const std::string line = escaped(diagnostic.to_string()) + "\n";
        (void)std::fwrite(line.data(), 1, line.size(), stderr);
    }
    print_line(summary);
}

} // namespace

Exit run_check(const Invocation& invocation) {
    auto [config, diagnostics] = load_config(search_path_of(invocation.value_or_empty("--config")));
    Diagnostics more = machine_problems(config, invocation.value_or_empty("--netns"));
    std::move(more.begin(), more.end(), std::back_inserter(diagnostics));
    sort_by_place(diagnostics);
    if (invocation.json)
        print_line(to_json(diagnostics));
    else
        print_for_people(diagnostics, summary_of(config, diagnostics));
    return has_errors(diagnostics) ? Exit::failure : Exit::ok;
}

} // namespace swathe::ctl
