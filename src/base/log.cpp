#include "base/log.h"

#include "base/journal.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

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

/// Entries that journald could not take: who waits for it holds up all services, and it may have been stopped for good.
class OwnEntries {
public:
    /// False: it is not there, or refuses the entry.
    bool send(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
        const std::lock_guard lock(mutex_);
        if (lost_ > 0 &&
            put(LogLevel::warning, fmt::format("{} lines of this log were lost: journald did not take them", lost_), {}) == Outcome::taken)
            lost_ = 0;
        const Outcome outcome = put(level, message, fields);
        lost_ += outcome == Outcome::busy ? 1 : 0;
        return outcome != Outcome::refused;
    }

private:
    enum class Outcome { taken, busy, refused };

    Outcome put(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
        const std::string priority = std::to_string(static_cast<int>(level));
        std::vector<LogField> all{{"MESSAGE", message}, {"PRIORITY", priority}, {"SYSLOG_IDENTIFIER", "swathed"}};
        all.insert(all.end(), fields);
        const Result<bool> sent = journal_.send(all);
        return !sent ? Outcome::refused : *sent ? Outcome::taken : Outcome::busy;
    }

    std::mutex mutex_;
    Journal journal_;
    std::uint64_t lost_ = 0; ///< not told yet
};

bool send_to_journal(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    static OwnEntries entries;
    return entries.send(level, message, fields);
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
