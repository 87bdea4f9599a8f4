#include "config/report.h"

#include "config/limits.h"

#include <utility>

#include <fmt/format.h>

namespace swathe {

void Report::add(Diagnostic::Severity severity, const SourcePos& where, std::string_view key, std::string_view reason) {
    if (all_.size() >= limits::kDiagnostics) {
        cut_ = true;
        return;
    }
    std::string message = key.empty() ? std::string(reason) : fmt::format("{}: {}", key, reason);
    all_.push_back({severity, Error{std::move(message), 0, where}});
}

void Report::error(const SourcePos& where, std::string_view key, std::string_view reason) {
    add(Diagnostic::Severity::error, where, key, reason);
}

void Report::warning(const SourcePos& where, std::string_view key, std::string_view reason) {
    add(Diagnostic::Severity::warning, where, key, reason);
}

Diagnostics Report::take() {
    Diagnostics all = std::exchange(all_, {});
    sort_by_place(all);
    if (std::exchange(cut_, false))
        all.push_back({Diagnostic::Severity::error, Error{fmt::format("more than {} problems; the rest is not shown", limits::kDiagnostics), 0, {}}});
    return all;
}

} // namespace swathe
