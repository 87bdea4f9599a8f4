#include "config/report.h"

#include "config/limits.h"

#include <utility>

#include <fmt/format.h>

namespace swathe {

void Report::add(Diagnostic::Severity severity, const SourcePos& where, std::string_view key, std::string_view reason) {
    std::size_t& count = severity == Diagnostic::Severity::error ? errors_ : warnings_;
    if (++count > limits::kDiagnostics) return;
    std::string message = key.empty() ? std::string(reason) : fmt::format("{}: {}", key, reason);
    all_.push_back({severity, Error{std::move(message), 0, where}});
}

void Report::error(const SourcePos& where, std::string_view key, std::string_view reason) {
    add(Diagnostic::Severity::error, where, key, reason);
}

void Report::warning(const SourcePos& where, std::string_view key, std::string_view reason) {
    if (strict_)
        add(Diagnostic::Severity::error, where, key, fmt::format("{} (strict)", reason));
    else
        add(Diagnostic::Severity::warning, where, key, reason);
}

bool Report::shows_error() const noexcept { return errors_ < limits::kDiagnostics; }

bool Report::shows_warning() const noexcept { return strict_ ? shows_error() : warnings_ < limits::kDiagnostics; }

Diagnostics Report::take() {
    Diagnostics all = std::exchange(all_, {});
    sort_by_place(all);
    const auto say_cut = [&](Diagnostic::Severity severity, std::size_t& count, std::string_view what) {
        if (std::exchange(count, 0) > limits::kDiagnostics)
            all.push_back(
                {severity,
                 Error{fmt::format("more than {} {}; the rest is not shown", limits::kDiagnostics, what), 0, {}}});
    };
    say_cut(Diagnostic::Severity::warning, warnings_, "warnings");
    say_cut(Diagnostic::Severity::error, errors_, "errors");
    return all;
}

} // namespace swathe
