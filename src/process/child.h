#pragma once

#include "base/error.h"
#include "base/shared_fd.h"
#include "process/exit.h"

#include <optional>
#include <sys/types.h>

namespace swathe {

/// A running child, leader of its own session and process group. Signals go through the pidfd, so never to a stranger with a
/// recycled pid. Copies are the same child, with one pidfd.
struct Child {
    pid_t pid = 0;
    SharedFd pidfd;

    [[nodiscard]] Status signal(int number) const; ///< a child that is gone is no error

    /// To its whole process group: what KillMode=control-group does, as far as it can be done without a cgroup. Whoever left the group
    /// (setsid: a session of sshd, say) is left alone. A group that is gone is no error. From Linux 6.9 on it works when the child itself
    /// was reaped, too; before, such a group is taken for gone.
    [[nodiscard]] Status signal_group(int number) const;
    [[nodiscard]] bool has_group() const noexcept; ///< is anybody in its process group, if only a zombie?
};

/// Can the process group of a child that was reaped still be found? From Linux 6.9 on.
[[nodiscard]] bool groups_outlive_leaders() noexcept;

/// A process that may be a child of ours, or become one. Errors: there is none with this pid.
[[nodiscard]] Result<Child> find_process(pid_t pid);

[[nodiscard]] Result<pid_t> pid_of(int pidfd);        ///< errors: it is none, or the process is gone
[[nodiscard]] bool is_zombie(const Child& process);   ///< or gone
[[nodiscard]] pid_t parent_of(const Child& process);  ///< 0 = it is gone

/// Waits for the end of `child` and reaps it. Errors: it is no child of this process, or reaped already (ECHILD).
[[nodiscard]] Result<Exit> reap(const Child& child);
/// Waits for nothing. Without an exit: it has not ended, or who traces it has not seen its end (ptrace(2)). Errors: as reap().
[[nodiscard]] Result<std::optional<Exit>> reap_if_ended(const Child& child);

} // namespace swathe
