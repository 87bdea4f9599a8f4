#pragma once

#include "base/error.h"

#include <initializer_list>
#include <string>
#include <string_view>

namespace swathe {

/// Priorities of syslog(3).
enum class LogLevel { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// One journal field besides MESSAGE and PRIORITY, e.g. {"SWATHE_SERVICE", "edge"}.
struct LogField {
    std::string_view name;
    std::string_view value;
};

/// Chooses where the log goes: the journal if stderr is the journal ($JOURNAL_STREAM names its device and inode,
/// systemd.exec(5)), else readable lines on stderr. `ceiling`: nothing less important is written. Call once.
void open_log(LogLevel ceiling);

/// Does the log go to the journal? Where it goes, the output of services goes, too.
[[nodiscard]] bool log_is_the_journal() noexcept;

/// Writes one line. Never fails, and never waits for a journald that is behind: it is told of the loss when it takes entries again.
/// Control characters in `message` are escaped on stderr.
void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

/// Writes a diagnostic of a configuration, with CODE_FILE-like fields CONFIG_FILE and CONFIG_LINE.
void log(const Diagnostic& diagnostic);

} // namespace swathe
