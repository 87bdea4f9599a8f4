#pragma once

#include "base/unique_fd.h"

#include <memory>

namespace swathe {

/// An open file descriptor whose copies share it; the last one closes it. A second owner costs no second descriptor.
class SharedFd {
public:
    SharedFd() noexcept = default;
    SharedFd(UniqueFd fd) : fd_(fd ? std::make_shared<const UniqueFd>(std::move(fd)) : nullptr) {} // NOLINT(google-explicit-constructor)

    [[nodiscard]] int get() const noexcept { return fd_ ? fd_->get() : -1; }
    explicit operator bool() const noexcept { return fd_ != nullptr; }

private:
    std::shared_ptr<const UniqueFd> fd_;
};

} // namespace swathe
