#include "supervise/log_sinks.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr mode_t kFileMode = 0640;
constexpr std::string_view kFacility = "3"; // LOG_DAEMON, as systemd's SyslogFacility=

/// The directory of `path`, once it is clear that not everyone can change what stands in it.
Result<UniqueFd> open_directory(const std::string& path) {
    const std::string name = path.substr(0, std::max<std::size_t>(1, path.rfind('/')));
    UniqueFd directory(::open(name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return system_failure(name);
    struct stat status {};
    if (::fstat(directory.get(), &status) < 0) return system_failure(name);
    if ((status.st_mode & S_IWOTH) != 0) return failure(name + ": everyone may write to this directory", EPERM);
    return directory;
}

Result<UniqueFd> open_log_file(const std::string& path) {
    auto directory = open_directory(path);
    if (!directory) return directory;
    const std::string name = path.substr(path.rfind('/') + 1);
    // NONBLOCK: a FIFO is refused, not waited for
    constexpr int kHow = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    UniqueFd file(::openat(directory->get(), name.c_str(), kHow, kFileMode));
    if (!file) return errno == ELOOP ? Result<UniqueFd>(failure(path + " is a symbolic link", ELOOP)) : system_failure(path);
    struct stat status {};
    if (::fstat(file.get(), &status) < 0) return system_failure(path);
    if (!S_ISREG(status.st_mode)) return failure(path + " is not a regular file");
    if (status.st_nlink > 1) return failure(path + " has more than one name");
    return file;
}

/// Can it take PIPE_BUF bytes without waiting (pipe(7))? True also where it can take none ever again.
bool has_room(int fd) noexcept {
    pollfd polled{fd, POLLOUT, 0};
    return ::poll(&polled, 1, 0) != 0;
}

} // namespace

Result<bool> JournalSink::take(const LogSource& source, const LogLine& line, std::string_view) {
    const std::string pid = std::to_string(line.pid);
    const std::string priority = std::to_string(line.priority);
    const std::array fields{LogField{"MESSAGE", line.text},           LogField{"PRIORITY", priority},
                            LogField{"SYSLOG_FACILITY", kFacility},   LogField{"SYSLOG_IDENTIFIER", source.identifier},
                            LogField{"SYSLOG_PID", pid},              LogField{"SWATHE_SERVICE", source.service}};
    return journal_.send(fields);
}

Result<bool> StreamSink::take(const LogSource& source, const LogLine& line, std::string_view) {
    if (!flush()) return false;
    pending_ = fmt::format("{}[{}]: {}\n", source.service, line.pid, escaped_line(line.text));
    (void)flush();
    return true;
}

/// False: there is more to write, and no room for it.
bool StreamSink::flush() {
    while (!pending_.empty()) {
        if (!has_room(fd_)) return false;
        const ssize_t written = ::write(fd_, pending_.data(), std::min<std::size_t>(pending_.size(), PIPE_BUF));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EAGAIN) return false;
        if (written <= 0) pending_.clear(); // nobody listens: there is no one left to tell
        else pending_.erase(0, static_cast<std::size_t>(written));
    }
    return true;
}

Result<std::shared_ptr<FileSink>> FileSink::open(std::string path) {
    auto file = open_log_file(path);
    if (!file) return Failure(std::move(file).error());
    return std::shared_ptr<FileSink>(new FileSink(std::move(path), std::move(*file)));
}

Status FileSink::reopen() {
    auto file = open_log_file(path_);
    if (!file) return Failure(std::move(file).error());
    fd_ = std::move(*file);
    torn_ = false;
    return {};
}

Result<bool> FileSink::take(const LogSource&, const LogLine&, std::string_view raw) {
    const std::string line = fmt::format("{}{}\n", torn_ ? "\n" : "", raw);
    const std::size_t unharmed = torn_ ? 1 : 0; // bytes after which the file ends with a whole line
    for (std::size_t done = 0; done < line.size();) {
        const ssize_t written = ::write(fd_.get(), line.data() + done, line.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            if (done > 0) torn_ = done > unharmed;
            return system_failure(path_);
        }
        done += static_cast<std::size_t>(written);
    }
    torn_ = false;
    return true;
}

} // namespace swathe
