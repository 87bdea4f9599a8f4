#include "socket/directory.h"

#include "base/text.h"

#include <cerrno>
#include <climits>
#include <deque>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr int kMostLinks = 40; // as the kernel (namei.h, MAXSYMLINKS)

Result<struct stat> status_of(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) < 0) return system_failure("fstat");
    return status;
}

class Walk {
public:
    explicit Walk(std::optional<mode_t> make_mode) : make_mode_(make_mode) {}

    Result<Location> to(const std::string& path) {
        const std::size_t slash = path.rfind('/');
        push_front(path.substr(0, slash));
        if (auto begun = begin(); !begun) return Failure(std::move(begun).error());
        while (!rest_.empty()) {
            const std::string next = std::move(rest_.front());
            rest_.pop_front();
            if (next.empty() || next == ".") continue;
            if (auto gone = step(next); !gone) return Failure(std::move(gone).error().within(quoted(next)));
        }
        return Location{std::move(at_), path.substr(slash + 1)};
    }

private:
    void push_front(std::string_view path) {
        const auto parts = split(path, '/');
        rest_.insert(rest_.begin(), parts.begin(), parts.end());
    }

    Status begin() {
        at_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!at_) return system_failure("/");
        return {};
    }

    Status step(const std::string& name) {
        UniqueFd next{::openat(at_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
        if (!next && errno == ENOENT && make_mode_) return make(name);
        if (!next) return system_failure("directory");
        const auto status = status_of(next.get());
        if (!status) return Failure(status.error());
        if (S_ISLNK(status->st_mode)) return follow(next.get());
        if (!S_ISDIR(status->st_mode)) return failure("directory", ENOTDIR);
        at_ = std::move(next);
        return {};
    }

    /// By mkdir(2) alone it would have the mode that the umask leaves.
    Status make(const std::string& name) {
        if (::mkdirat(at_.get(), name.c_str(), S_IRWXU) < 0 && errno != EEXIST) return system_failure("mkdir");
        UniqueFd made{::openat(at_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC)};
        if (!made) return system_failure("directory");
        const auto status = status_of(made.get());
        if (!status) return Failure(status.error());
        if (status->st_uid == ::geteuid()) // else somebody was faster, and it is theirs
            if (auto set = set_mode(made.get(), *make_mode_); !set) return set;
        at_ = std::move(made);
        return {};
    }

    Status follow(int link) {
        const auto status = status_of(at_.get());
        if (!status) return Failure(status.error());
        const bool ours = status->st_uid == 0 || status->st_uid == ::geteuid();
        if (!ours || (status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
            return failure("a symbolic link where others may write is not followed", ELOOP);
        if (++links_ > kMostLinks) return failure("symbolic links", ELOOP);
        char target[PATH_MAX];
        const ssize_t size = ::readlinkat(link, "", target, sizeof target);
        if (size < 0) return system_failure("readlink");
        const std::string_view where(target, static_cast<std::size_t>(size));
        push_front(where);
        return where.starts_with('/') ? begin() : Status{};
    }

    std::optional<mode_t> make_mode_;
    UniqueFd at_;
    std::deque<std::string> rest_;
    int links_ = 0;
};

} // namespace

Result<Location> locate(const std::string& path, std::optional<mode_t> make_mode) { return Walk(make_mode).to(path); }

/// fchmod(2) takes no O_PATH descriptor.
Status set_mode(int fd, mode_t mode) {
    if (::chmod(fmt::format("/proc/self/fd/{}", fd).c_str(), mode) < 0) return system_failure("chmod");
    return {};
}

} // namespace swathe
