#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

#include <chrono>
#include <string_view>
#include <vector>

namespace swathe::ctl {

/// Standard output of a command that runs until it is interrupted: whatever it waits for, SIGINT, SIGTERM and a reader that has
/// gone end it. It writes past stdio, a whole text at a time, so that nothing stays in a buffer.
class Outlet {
public:
    /// Takes the two signals out of asynchronous delivery, and ignores SIGPIPE.
    [[nodiscard]] static Result<Outlet> open();

    enum class Outcome {
        done,
        over, ///< interrupted, or nobody reads any more: not an error
    };
    [[nodiscard]] Result<Outcome> write(std::string_view text) const;
    [[nodiscard]] Outcome pause(std::chrono::milliseconds span) const;

    /// Descriptors that become readable, or closed at their other end, when it is over.
    [[nodiscard]] const std::vector<int>& ends() const noexcept { return ends_; }

private:
    UniqueFd signals_;
    std::vector<int> ends_;
};

} // namespace swathe::ctl
