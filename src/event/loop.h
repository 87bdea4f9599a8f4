#pragma once

#include "base/clock.h"
#include "base/error.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

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

    [[nodiscard]] Status run();      ///< until quit(); after that the loop is finished for good
    void quit() noexcept;
    [[nodiscard]] Status run_once(Duration timeout); ///< at most one handler is called; for tests
    [[nodiscard]] sd_event* native() const noexcept { return event_.get(); } ///< for libraries that attach themselves (sd-bus)

private:
    struct Unref { void operator()(sd_event* event) const noexcept; };
    std::unique_ptr<sd_event, Unref> event_;
};

// Of all sources: destroying one unregisters it. A handler must not throw; it may destroy its own source, since sd-event frees a
// source, and with it the handler, only when its call is over. All have the same priority but those that give way: none can starve another.

/// One I/O registration.
class IoSource {
public:
    using Handler = std::function<void(std::uint32_t revents)>;

    /// Watches `fd` for `events` (EPOLLIN, ...), level-triggered. `fd` is borrowed: it must stay open longer than this object.
    [[nodiscard]] static Result<IoSource> watch(Loop& loop, int fd, std::uint32_t events, Handler handler);
    [[nodiscard]] Status set_enabled(bool on);
    /// From now on it waits until no other source has anything to do. For one that may be ready all the time: sd-bus sets its timer anew in
    /// each turn, and so never becomes older than such a source, which would always be first.
    [[nodiscard]] Status give_way();

private:
    SourcePtr source_; // owns its handler
};

/// One timer. Fires once each time it is armed.
class TimerSource {
public:
    [[nodiscard]] static Result<TimerSource> create(Loop& loop, std::function<void()> handler);
    [[nodiscard]] Status arm(Monotonic at); ///< replaces an earlier time; a time that is past fires at once. Up to 1 ms late.
    void disarm() noexcept;

private:
    SourcePtr source_;
};

/// One signal, taken out of asynchronous delivery: it is blocked in the calling thread, and stays so when the source is gone, lest one
/// that is pending ends the process (children get an empty mask). Two sources for one signal are an error.
class SignalSource {
public:
    [[nodiscard]] static Result<SignalSource> watch(Loop& loop, int signal, std::function<void()> handler);

private:
    SourcePtr source_;
};

/// Work to be done once, in the next iteration, outside whatever call stack asked for it. A timer that is due at once: sd-event's own
/// defer sources count as pending since their creation, so one that triggers itself starves all others.
class DeferSource {
public:
    DeferSource() noexcept = default; ///< never fires
    [[nodiscard]] static Result<DeferSource> create(Loop& loop, std::function<void()> handler);
    [[nodiscard]] Status trigger() { return timer_.arm(Monotonic{}); } ///< again before it ran: runs once

private:
    explicit DeferSource(TimerSource timer) noexcept : timer_(std::move(timer)) {}
    TimerSource timer_;
};

} // namespace swathe
