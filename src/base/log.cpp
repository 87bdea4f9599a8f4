#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <vector>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <fmt/format.h>
#include <systemd/sd-journal.h>

namespace swathe {
namespace {

std::atomic<int> ceiling{static_cast<int>(LogLevel::info)};
std::atomic<bool> to_journal{false};

/// systemd.exec(5): $JOURNAL_STREAM holds "DEVICE:INODE" of the stream that was connected to stdout or stderr.
bool stderr_is_the_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat st {};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &st) < 0) return false;
    return fmt::format("{}:{}", st.st_dev, st.st_ino) == stream;
}

const char* label(LogLevel level) noexcept {
    switch (level) {
    case LogLevel::error: return "error: ";
    case LogLevel::warning: return "warning: ";
    case LogLevel::notice:
    case LogLevel::info:
    case LogLevel::debug: return "";
    }
    return "";
}

bool send_to_journal(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    std::vector<std::string> lines{fmt::format("MESSAGE={}", message), fmt::format("PRIORITY={}", static_cast<int>(level)),
                                   "SYSLOG_IDENTIFIER=swathed"};
    for (const LogField& field : fields) lines.push_back(fmt::format("{}={}", field.name, field.value));
    std::vector<iovec> parts;
    parts.reserve(lines.size());
    for (std::string& line : lines) parts.push_back({line.data(), line.size()});
    return sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) >= 0;
}

/// One write(2) a line, so that lines of several processes do not mix.
void write_line(std::string_view label, std::string_view message) {
    std::string line(label);
    for (const char c : message) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        else
            line += c;
    }
    line += '\n';
    for (std::string_view rest = line; !rest.empty();) {
        const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; // nobody listens: there is no one left to tell
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
}

void emit(LogLevel level, std::string_view label, std::string_view message, std::initializer_list<LogField> fields) {
    if (static_cast<int>(level) > ceiling) return;
    if (to_journal && send_to_journal(level, message, fields)) return;
    write_line(label, message);
}

} // namespace

void open_log(LogLevel highest) {
    ceiling = static_cast<int>(highest);
    to_journal = stderr_is_the_journal();
}

bool log_is_the_journal() noexcept { return to_journal; }

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) { emit(level, label(level), message, fields); }

void log(const Diagnostic& diagnostic) {
    const LogLevel level = diagnostic.severity == Diagnostic::Severity::error     ? LogLevel::error
                           : diagnostic.severity == Diagnostic::Severity::warning ? LogLevel::warning
                                                                                  : LogLevel::info;
    const SourcePos where = diagnostic.error.pos.value_or(SourcePos{});
    // the place comes first, where editors and people look for it; what has none is labelled as any other line
    const std::string message = diagnostic.to_string();
    emit(level, diagnostic.error.pos ? "" : label(level), diagnostic.error.pos ? message : diagnostic.error.to_string(),
         {{"CONFIG_FILE", where.file.name()}, {"CONFIG_LINE", std::to_string(where.line)}});
}

} // namespace swathe
