#pragma once

#include <cassert>
#include <cerrno>
#include <unistd.h>
#include <utility>

namespace swathe {

/// Owns one open file descriptor and closes it exactly once.
class UniqueFd {
public:
    UniqueFd() noexcept = default;
    explicit UniqueFd(int fd) noexcept : fd_(fd) {} ///< adopts `fd`; -1 = empty
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    explicit operator bool() const noexcept { return fd_ >= 0; }

    /// Closes the current descriptor, then adopts `fd`. Leaves errno untouched.
    void reset(int fd = -1) noexcept {
        assert(fd < 0 || fd != fd_);
        const int saved = errno;
        if (fd_ >= 0) (void)::close(fd_);
        fd_ = fd;
        errno = saved;
    }

private:
    int fd_ = -1; // explicit constructor, no conversion to int, no copy: ownership is always visible
};

} // namespace swathe
