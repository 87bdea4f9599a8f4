#pragma once

#include "base/unique_fd.h"
#include "tools/services.h"

#include <cstdlib>

namespace swathe::tools {

/// One connection of one service. Never waits, whatever the flags of its socket are.
class Connection {
public:
    enum class Next : std::uint8_t { read, write, both, end }; ///< what it has to wait for

    /// Owns `fd` from now on.
    Connection(Service service, UniqueFd fd) noexcept;

    /// Does what can be done now, but not for so long that others starve. `end`: the client has all that it will get.
    [[nodiscard]] Next go_on() noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// `new` gives nullptr where there is no memory.
    static void* operator new(std::size_t size) noexcept { return std::malloc(size); }
    static void operator delete(void* at) noexcept { std::free(at); }

private:
    enum class Step : std::uint8_t { done, must_wait, over };
    [[nodiscard]] Step send_pending() noexcept;
    [[nodiscard]] Step receive() noexcept; ///< into the buffer
    [[nodiscard]] Next echo() noexcept;
    [[nodiscard]] Next generate() noexcept;
    [[nodiscard]] Next tell_once() noexcept;
    [[nodiscard]] Next discard() noexcept;

    UniqueFd fd_;
    const char* pending_; ///< what is to be sent
    std::size_t left_ = 0;
    Service service_;
    bool told_ = false, heard_all_ = false;
    char buffer_[16 * 1024];
};

} // namespace swathe::tools
