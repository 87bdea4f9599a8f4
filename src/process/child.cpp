#include "process/child.h"

#include "process/child_status.h"

#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1U << 2) // linux/pidfd.h, Linux 6.9
#endif

namespace swathe {
namespace {

int send(const Child& child, int number, unsigned flags) noexcept {
    return static_cast<int>(::syscall(SYS_pidfd_send_signal, child.pidfd.get(), number, nullptr, flags));
}

/// Before Linux 6.9. The pid of a child that is not reaped yet belongs to nobody else, and reaping is done by this very thread.
int send_to_group_by_pid(const Child& child, int number) noexcept {
    siginfo_t info;
    const auto id = static_cast<id_t>(child.pidfd.get());
    if (::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0) return ::kill(-child.pid, number);
    errno = ESRCH;
    return -1;
}

struct ProcessStatus {
    char state = 'Z';
    pid_t parent = 0;
};

/// proc(5), /proc/PID/status. The pid may have another owner by the time that it is read: the pidfd tells afterwards.
ProcessStatus status_of(const Child& process) {
    ProcessStatus found;
    std::ifstream status(fmt::format("/proc/{}/status", process.pid));
    for (std::string word; status >> word;) {
        if (word == "State:") status >> found.state;
        if (word == "PPid:" && status >> found.parent) break;
    }
    return send(process, 0, 0) == 0 ? found : ProcessStatus{};
}

} // namespace

Status Child::signal(int number) const {
    if (send(*this, number, 0) == 0 || errno == ESRCH) return {};
    return system_failure("pidfd_send_signal");
}

bool Child::has_group() const noexcept {
    if (send(*this, 0, PIDFD_SIGNAL_PROCESS_GROUP) == 0) return true;
    return errno == EINVAL && send_to_group_by_pid(*this, 0) == 0;
}

bool groups_outlive_leaders() noexcept {
    static const bool known = [] {
        errno = 0;
        const auto self = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
        const UniqueFd owned(self);
        (void)::syscall(SYS_pidfd_send_signal, self, 0, nullptr, PIDFD_SIGNAL_PROCESS_GROUP);
        return errno != EINVAL;
    }();
    return known;
}

Result<Child> find_process(pid_t pid) {
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) return system_failure(fmt::format("pid {}", pid));
    return Child{pid, std::move(pidfd)};
}

/// proc(5), /proc/PID/fdinfo: of a pidfd, the line "Pid:".
Result<pid_t> pid_of(int pidfd) {
    std::ifstream info(fmt::format("/proc/self/fdinfo/{}", pidfd));
    for (std::string word; info >> word;)
        if (pid_t pid = 0; word == "Pid:" && info >> pid && pid > 0) return pid;
    return failure("no pidfd of a process that is there", EBADF);
}

bool is_zombie(const Child& process) { return status_of(process).state == 'Z'; }

pid_t parent_of(const Child& process) { return status_of(process).parent; }

Status Child::signal_group(int number) const {
    if (send(*this, number, PIDFD_SIGNAL_PROCESS_GROUP) == 0) return {};
    if (errno == EINVAL && send_to_group_by_pid(*this, number) == 0) return {};
    if (errno == ESRCH) return {};
    return system_failure("pidfd_send_signal");
}

namespace {

/// Nothing: with WNOHANG, it has not ended, or its end is kept from us.
Result<std::optional<Exit>> wait_for(const Child& child, int options) {
    siginfo_t info{};
    int r = 0;
    do
        r = ::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED | options);
    while (r != 0 && errno == EINTR);
    if (r != 0) return system_failure("waitid");
    return info.si_pid == 0 ? std::nullopt : std::optional(exit_of(info));
}

} // namespace

Result<Exit> reap(const Child& child) {
    auto exit = wait_for(child, 0);
    if (!exit) return Failure(std::move(exit).error());
    return exit->value();
}

Result<std::optional<Exit>> reap_if_ended(const Child& child) { return wait_for(child, WNOHANG); }

Exit exit_of(const siginfo_t& info) noexcept {
    switch (info.si_code) {
    case CLD_KILLED: return {Exit::Kind::signal, info.si_status};
    case CLD_DUMPED: return {Exit::Kind::core, info.si_status};
    default: return {Exit::Kind::code, info.si_status}; // CLD_EXITED: waitid(2) with WEXITED alone knows no other
    }
}

} // namespace swathe
