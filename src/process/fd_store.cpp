#include "process/fd_store.h"

#include <algorithm>

#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace swathe {
namespace {

/// Two descriptors of one open file description, or, where kcmp(2) is not to be had, of one file.
bool is_same(int a, int b) noexcept {
    const pid_t self = ::getpid();
    const long order = ::syscall(SYS_kcmp, self, self, KCMP_FILE, a, b);
    if (order >= 0) return order == 0;
    struct stat first {}, second {};
    return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

} // namespace

std::size_t FdStore::add(std::vector<UniqueFd> fds, const std::string& name, bool poll, std::size_t max) {
    std::size_t refused = 0;
    for (UniqueFd& fd : fds) {
        if (has(fd.get())) continue;
        if (entries_.size() >= max) {
            ++refused;
            continue;
        }
        entries_.push_front({name, std::move(fd), std::nullopt});
        if (poll) watch(entries_.begin());
    }
    return refused;
}

/// What epoll does not take (a regular file) never hangs up.
void FdStore::watch(std::list<Entry>::iterator entry) {
    // EPOLLHUP and ERR come unasked
    auto source = IoSource::watch(loop_, entry->fd.get(), 0, [this, entry](std::uint32_t) { entries_.erase(entry); });
    if (source) entry->source = std::move(*source);
}

void FdStore::remove(const std::string& name) {
    entries_.remove_if([&](const Entry& entry) { return entry.name == name; });
}

std::vector<PassedFd> FdStore::all() const {
    std::vector<PassedFd> fds;
    for (const Entry& entry : entries_) fds.push_back({entry.fd.get(), entry.name});
    return fds;
}

bool FdStore::has(int fd) const noexcept {
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return is_same(entry.fd.get(), fd); });
}

} // namespace swathe
