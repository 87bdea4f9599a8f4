#include "process/child.h"

#include "process/child_status.h"

#include <cerrno>
#include <csignal>

#include <sys/syscall.h>
#include <sys/wait.h>

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
    if (::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return send(child, number, 0);
    return ::kill(-child.pid, number);
}

} // namespace

Status Child::signal(int number) const {
    if (send(*this, number, PIDFD_SIGNAL_PROCESS_GROUP) == 0) return {};
    if (errno == EINVAL && send_to_group_by_pid(*this, number) == 0) return {};
    if (errno == ESRCH) return {};
    return system_failure("pidfd_send_signal");
}

Result<Exit> reap(const Child& child) {
    siginfo_t info{};
    int r = 0;
    do
        r = ::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED);
    while (r != 0 && errno == EINTR);
    if (r != 0) return system_failure("waitid");
    return exit_of(info);
}

Exit exit_of(const siginfo_t& info) noexcept {
    switch (info.si_code) {
    case CLD_KILLED: return {Exit::Kind::signal, info.si_status};
    case CLD_DUMPED: return {Exit::Kind::core, info.si_status};
    default: return {Exit::Kind::code, info.si_status}; // CLD_EXITED: waitid(2) with WEXITED alone knows no other
    }
}

} // namespace swathe
