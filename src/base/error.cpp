#include "base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

namespace swathe {
namespace {

/// Of a limit that was reached, how to raise it.
const char* remedy(int errno_value) noexcept {
    switch (errno_value) {
    case EMFILE: return " (LimitNOFILE= of the unit, or ulimit -n, says how many)";
    case ENFILE: return " (sysctl fs.file-max says how many)";
    default: return "";
    }
}

} // namespace

Error Error::within(const std::string& what) && {
    message.insert(0, what + ": ");
    return std::move(*this);
}

Error Error::at(const SourcePos& where) && {
    if (!pos) pos = where;
    return std::move(*this);
}

std::string Error::to_string() const {
    std::string text;
    if (pos) text = pos->to_string() + ": ";
    text += message;
    if (errno_value != 0) {
        text += ": ";
        text += strerrordesc_np(errno_value) != nullptr ? strerrordesc_np(errno_value) : "unknown error";
        text += remedy(errno_value);
    }
    return text;
}

Failure failure(std::string message, int errno_value) {
    return Failure(Error{std::move(message), errno_value, std::nullopt});
}

Failure failure_at(const SourcePos& where, std::string message) {
    return Failure(Error{std::move(message), 0, where});
}

Failure system_failure(std::string what) {
    const int saved = errno;
    return failure(std::move(what), saved);
}

std::string Diagnostic::to_string() const {
    const char* label = "";
    switch (severity) {
    case Severity::error: break;
    case Severity::warning: label = "warning: "; break;
    case Severity::note: label = "note: "; break;
    }
    Error labelled = error;
    labelled.message.insert(0, label);
    return labelled.to_string();
}

Diagnostics refusal(Error error) { return {{Diagnostic::Severity::error, std::move(error)}}; }

bool has_errors(const Diagnostics& all) noexcept {
    return std::any_of(all.begin(), all.end(), [](const Diagnostic& d) { return d.severity == Diagnostic::Severity::error; });
}

void sort_by_place(Diagnostics& all) {
    const auto key = [](const Diagnostic& d) {
        const SourcePos where = d.error.pos.value_or(SourcePos{});
        return std::tuple(where.file.name(), where.line, where.column, d.severity, d.error.message);
    };
    std::stable_sort(all.begin(), all.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
    all.erase(std::unique(all.begin(), all.end(), [&](const auto& a, const auto& b) { return key(a) == key(b); }), all.end());
}

} // namespace swathe
