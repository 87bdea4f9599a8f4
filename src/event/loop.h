#pragma once

#include "base/clock.h"
#include "base/error.h"

#include <cstdint>
#include <functional>
#include <memory>

#include <sys/epoll.h>

struct sd_event;        // opaque: sd-event.h is included in this directory only
struct sd_event_source;

namespace swathe {

struct DisableUnref {
    void operator()(sd_event_source* source) const noexcept;
};
using SourcePtr = std::unique_ptr<sd_event_source, DisableUnref>;

/// The event loop. One per process; everything of the daemon runs in it.
class Loop {
public:
    [[nodiscard]] static Result<Loop> create();

    [[nodiscard]] Status run();      ///< until quit()
    void quit() noexcept;
    [[nodiscard]] Status run_once(Duration timeout); ///< one iteration at most; for tests
    [[nodiscard]] sd_event* native() const noexcept { return event_.get(); } ///< for libraries that attach themselves (sd-bus)

private:
    struct Unref { void operator()(sd_event* event) const noexcept; };
    std::unique_ptr<sd_event, Unref> event_;
};

/// One I/O registration; destroying it unregisters. A handler must not throw. It may destroy its own source.
class IoSource {
public:
    using Handler = std::function<void(std::uint32_t revents)>;

    /// Watches `fd` for `events` (EPOLLIN, ...), level-triggered. `fd` is borrowed: it must stay open longer than this object.
    [[nodiscard]] static Result<IoSource> watch(Loop& loop, int fd, std::uint32_t events, Handler handler);
    [[nodiscard]] Status set_enabled(bool on);

private:
    std::shared_ptr<Handler> handler_;
    SourcePtr source_; // declared last: destroyed first
};

/// One timer. Fires once each time it is armed.
class TimerSource {
public:
    [[nodiscard]] static Result<TimerSource> create(Loop& loop, std::function<void()> handler);
    [[nodiscard]] Status arm(Monotonic at); ///< replaces an earlier time
    void disarm() noexcept;

private:
    std::shared_ptr<std::function<void()>> handler_;
    SourcePtr source_;
};

/// One signal, taken out of asynchronous delivery: it is blocked in the calling thread (children get an empty mask).
class SignalSource {
public:
    [[nodiscard]] static Result<SignalSource> watch(Loop& loop, int signal, std::function<void()> handler);

private:
    std::shared_ptr<std::function<void()>> handler_;
    SourcePtr source_;
};

/// Work to be done once, in the next iteration, outside whatever call stack asked for it.
class DeferSource {
public:
    [[nodiscard]] static Result<DeferSource> create(Loop& loop, std::function<void()> handler);
    [[nodiscard]] Status trigger();

private:
    std::shared_ptr<std::function<void()>> handler_;
    SourcePtr source_;
};

} // namespace swathe
