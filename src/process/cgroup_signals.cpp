#include "process/cgroup_files.h"

#include <algorithm>
#include <csignal>
#include <set>
#include <span>

#include <sys/syscall.h>

namespace swathe {
namespace {

constexpr int kMostPasses = 64;      // a fork bomb may outrun them; cgroup.kill does not depend on that
constexpr std::size_t kAtATime = 64; // descriptors

struct Candidate {
    pid_t pid = 0;
    UniqueFd pidfd;
};

/// Who of them is still there.
Result<std::vector<Candidate>> open_candidates(std::span<const pid_t> pids) {
    std::vector<Candidate> candidates;
    for (const pid_t pid : pids) {
        UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        if (pidfd) candidates.push_back({pid, std::move(pidfd)});
        else if (errno != ESRCH) return system_failure("pidfd_open");
    }
    return candidates;
}

bool send(const Candidate& candidate, int signal) noexcept { // one that has ended needs none
    return ::syscall(SYS_pidfd_send_signal, candidate.pidfd.get(), signal, nullptr, 0) == 0 || errno == ESRCH;
}

/// A pid that is listed again after its pidfd was opened was a member's at that moment: the pidfd is that member's, or that of one who is
/// gone by now and cannot be signalled. The pid of a stranger, who got it between the first list and the pidfd, is not listed again.
Status signal_some(int dir, std::span<const pid_t> pids, int signal) {
    auto candidates = open_candidates(pids);
    if (!candidates) return Failure(std::move(candidates).error());
    auto members = processes_below(dir);
    if (!members) return Failure(std::move(members).error());
    const std::set<pid_t> still(members->begin(), members->end());
    Status status;
    for (const Candidate& candidate : *candidates)
        if (still.contains(candidate.pid) && !send(candidate, signal)) status = system_failure("pidfd_send_signal");
    return status;
}

/// Who is in the group and was not signalled yet.
Result<std::vector<pid_t>> newcomers(int dir, const std::set<pid_t>& known) {
    auto pids = processes_below(dir);
    if (!pids) return pids;
    std::erase_if(*pids, [&](pid_t pid) { return known.contains(pid); });
    return pids;
}

} // namespace

Status signal_cgroup(int dir, int signal) {
    std::set<pid_t> signalled;
    Status status;
    for (int pass = 0; pass < kMostPasses; ++pass) {
        const auto pids = newcomers(dir, signalled);
        if (!pids) return Failure(pids.error());
        if (pids->empty()) return status;
        for (std::span<const pid_t> rest = *pids; !rest.empty(); rest = rest.subspan(std::min(kAtATime, rest.size())))
            if (auto ok = signal_some(dir, rest.first(std::min(kAtATime, rest.size())), signal); !ok) status = std::move(ok);
        signalled.insert(pids->begin(), pids->end());
    }
    return status;
}

Status kill_cgroup_by_signals(int dir) {
    (void)write_cgroup_file(dir, "cgroup.freeze", "1"); // Linux 5.2; without it the passes have to do
    Status status = signal_cgroup(dir, SIGKILL);        // a frozen process dies of it, too
    (void)write_cgroup_file(dir, "cgroup.freeze", "0");
    return status;
}

} // namespace swathe
