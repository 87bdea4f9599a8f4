#include "daemon/instance_lock.h"

#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr const char* kLockDir = "/run/swathe-netns"; // not a runtime directory, which systemd removes

std::string holder(int fd) {
    char text[32] = "";
    const ssize_t n = ::pread(fd, text, sizeof text - 1, 0);
    std::string pid(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    while (!pid.empty() && pid.back() == '\n') pid.pop_back();
    return pid.empty() ? "unknown" : pid;
}

} // namespace

Status make_own_directory(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) == 0) return {};
    if (errno != EEXIST) return system_failure(fmt::format("mkdir {}", path));
    struct stat st {};
    if (::lstat(path.c_str(), &st) < 0) return system_failure(path);
    if (!S_ISDIR(st.st_mode)) return failure(fmt::format("{} is not a directory", path));
    if (st.st_uid != ::geteuid()) return failure(fmt::format("{} belongs to another user (uid {})", path, st.st_uid));
    if ((st.st_mode & 022) != 0) return failure(fmt::format("{} is writable by others (mode {:o})", path, st.st_mode & 07777));
    return {};
}

Result<InstanceLock> InstanceLock::take(const NetNamespace& ns) {
    if (auto made = make_own_directory(kLockDir, 0755); !made) return Failure(std::move(made).error());
    const std::string path = fmt::format("{}/netns-{}-{}.lock", kLockDir, ns.device(), ns.inode());
    InstanceLock lock;
    lock.fd_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock.fd_) return system_failure(fmt::format("open {}", path));
    if (::flock(lock.fd_.get(), LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK) return system_failure(fmt::format("flock {}", path));
        return failure(fmt::format("another swathed (pid {}) already steers in this network namespace{}", holder(lock.fd_.get()),
                                   ns.name().empty() ? "" : fmt::format(" ({})", ns.name())));
    }
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(lock.fd_.get(), 0) < 0 || ::pwrite(lock.fd_.get(), pid.data(), pid.size(), 0) < 0)
        return system_failure(fmt::format("write {}", path));
    return lock;
}

} // namespace swathe
