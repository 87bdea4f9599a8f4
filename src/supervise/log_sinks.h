#pragma once

#include "base/journal.h"
#include "base/unique_fd.h"
#include "supervise/log_ring.h"

#include <memory>
#include <string>

namespace swathe {

/// Whose line it is.
struct LogSource {
    std::string service;
    std::string identifier; ///< SYSLOG_IDENTIFIER=
};

/// Where lines of output go besides the ring. None of them waits.
class LogSink {
public:
    virtual ~LogSink() = default;
    /// `raw` is the line as it was written, `line.text` the same without its level. False: it cannot be taken now, but perhaps soon.
    /// Errors: it is lost.
    [[nodiscard]] virtual Result<bool> take(const LogSource& source, const LogLine& line, std::string_view raw) = 0;
};

/// The journal, with the fields of systemd.journal-fields(7) and SWATHE_SERVICE=.
class JournalSink final : public LogSink {
public:
    explicit JournalSink(Journal journal) : journal_(std::move(journal)) {}
    Result<bool> take(const LogSource& source, const LogLine& line, std::string_view raw) override;

private:
    Journal journal_;
};

/// The daemon's log where that is no journal: "SERVICE[PID]: TEXT" on a terminal, in a pipe or a file, without control characters.
class StreamSink final : public LogSink {
public:
    explicit StreamSink(int fd) noexcept : fd_(fd) {} ///< borrowed; may be one that blocks
    Result<bool> take(const LogSource& source, const LogLine& line, std::string_view raw) override;

private:
    [[nodiscard]] bool flush();

    int fd_;
    std::string pending_; ///< of a line that has been taken
};

/// A file that lines are added to as they are, and which may be moved away and opened anew.
class FileSink final : public LogSink {
public:
    /// Creates the file with mode 0640 if it is not there. Refused are symbolic links, files with more than one name, what is no regular
    /// file, and directories that all may write to: the daemon writes as root, so nobody else may choose what it writes to.
    [[nodiscard]] static Result<std::shared_ptr<FileSink>> open(std::string path);
    Result<bool> take(const LogSource& source, const LogLine& line, std::string_view raw) override;
    [[nodiscard]] Status reopen(); ///< on an error it goes on with the file that it has

private:
    FileSink(std::string path, UniqueFd fd) noexcept : path_(std::move(path)), fd_(std::move(fd)) {}

    std::string path_;
    UniqueFd fd_;
    bool torn_ = false; ///< the last line was not written to its end
};

} // namespace swathe
