// Instance: which process is the main one, and what is believed of whom.

#include "base/text.h"
#include "supervise/instance.h"

#include <array>
#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr Duration kPidFilePause = std::chrono::milliseconds(20); ///< some write it only after their parent has ended
constexpr std::size_t kLongestPidFile = 64;

/// The number in a pid file. False: it is not there yet, or half written. Whoever may write to it names a process, no more.
Result<std::optional<pid_t>> read_pid_file(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) return errno == ENOENT ? Result<std::optional<pid_t>>(std::nullopt) : Result<std::optional<pid_t>>(system_failure(path));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return system_failure(path);
    if (!S_ISREG(status.st_mode)) return failure(path + " is not a regular file");
    std::array<char, kLongestPidFile> buffer{};
    const ssize_t length = ::read(file.get(), buffer.data(), buffer.size());
    if (length < 0) return system_failure(path);
    const std::string_view text = trim({buffer.data(), static_cast<std::size_t>(length)});
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::optional<pid_t>();
    return std::optional(pid);
}

} // namespace

/// The parent of a forking service has ended well: who is the main process?
void Instance::find_main() {
    const auto& file = host_.service().pid_file;
    if (!file) return post(MainMissing{}); // the group counts
    auto found = adopt_from_pid_file();
    const std::string trouble = found ? "" : found.error().to_string();
    if (!trouble.empty() && trouble != pid_file_trouble_) say(LogLevel::warning, trouble); // not at each look
    pid_file_trouble_ = trouble;
    if (found && *found) return post(MainFound{});
    if (!pid_file_look_) {
        auto look = TimerSource::create(loop_, [this] {
            if (run_.phase == Phase::start && !main_) find_main();
        });
        if (!look) return say(LogLevel::error, look.error().to_string());
        pid_file_look_ = std::move(*look);
    }
    (void)pid_file_look_->arm(later(now(), kPidFilePause)); // timeout_start ends it
}

Result<bool> Instance::adopt_from_pid_file() {
    auto pid = read_pid_file(host_.service().pid_file->value);
    if (!pid) return Failure(std::move(pid).error().within("pid_file"));
    if (!*pid) return false;
    if (auto adopted = adopt_main(**pid, false); !adopted) return Failure(std::move(adopted).error().within("pid_file"));
    return true;
}

/// `trusted`: root says so. Anybody else may only name a process of this instance: it will be signalled, and its end is this one's.
Status Instance::adopt_main(pid_t pid, bool trusted) {
    if (pid <= 1 || pid == ::getpid()) return failure(fmt::format("pid {} is no process of a service", pid));
    if (control_ && control_->child().pid == pid) return failure(fmt::format("pid {} is its control process", pid));
    if (pid == main_pid()) return {};
    auto process = find_process(pid);
    if (!process) return Failure(std::move(process).error());
    if (!trusted && !members_.has(pid) && !may_be_orphan(*process))
        return failure(fmt::format("pid {} is no process of this service", pid));
    if (is_zombie(*process)) return failure(fmt::format("pid {} has ended already", pid));
    members_.add(*process);
    return watch_process(true, std::move(*process));
}

/// Without control groups a process that has left its process group is known by nothing but that the daemon has adopted it.
bool Instance::may_be_orphan(const Child& process) const {
    return !members_.has_cgroup() && parent_of(process) == ::getpid() && !host_.is_waited_for(process.pid);
}

bool Instance::believes(const NotifySocket::Sender& sender) const {
    switch (notify_access_.value_or(host_.service().effective_notify_access())) {
    case NotifyAccess::none: return false;
    case NotifyAccess::main: return main_ && main_->child().pid == sender.pid;
    case NotifyAccess::exec: return owns(sender.pid);
    case NotifyAccess::all: return owns(sender.pid) || members_.has(sender.pid, sender.cgroups);
    }
    return false;
}

void Instance::notified(const NotifySocket::Sender& sender, const Notification& message, std::vector<UniqueFd> fds) {
    if (message.status) status_text_ = *message.status;
    if (message.notify_access) notify_access_ = message.notify_access;
    if (message.main_pid) said_main_pid(sender, *message.main_pid);
    if (message.main_pidfd && fds.size() == 1)
        if (auto pid = pid_of(fds.front().get()); pid) said_main_pid(sender, *pid);
    if (message.fdstore || message.fdstore_remove) host_.store(*this, std::move(fds), message);
    if (message.restart_reset) host_.forget_restarts(*this);
    Said said;
    said.ready = message.ready;
    said.stopping = message.stopping;
    said.reloading = message.reloading;
    said.reloading_at = message.monotonic_usec;
    said.watchdog_ping = message.watchdog == Notification::Watchdog::ping;
    said.watchdog_trigger = message.watchdog == Notification::Watchdog::trigger;
    said.watchdog = message.watchdog_usec;
    said.extend = message.extend_timeout_usec;
    post(said);
}

void Instance::said_main_pid(const NotifySocket::Sender& sender, pid_t pid) {
    if (pid == main_pid()) return;
    if (auto adopted = adopt_main(pid, sender.uid == 0); !adopted)
        return say(LogLevel::warning, std::move(adopted).error().within("MAINPID").to_string());
    say(LogLevel::info, fmt::format("pid {} is its main process now", pid));
    post(MainFound{});
}

} // namespace swathe
