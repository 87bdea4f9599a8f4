#include "event/loop.h"

#include <csignal>
#include <utility>

#include <systemd/sd-event.h>

namespace swathe {
namespace {

constexpr std::uint64_t kTimerAccuracyUsec = 1000; // sd-event's own default is 250 ms

using Thunk = std::function<void()>;

template <class Handler> void destroy(void* handler) noexcept {
    delete static_cast<Handler*>(handler);
}

/// Makes `source` the owner of `handler`, which is its userdata already. sd-event puts off the end of a source that is being
/// dispatched (sd_event_source_unref(3)), so a handler outlives its call.
template <class Handler> Status own(sd_event_source* source, std::unique_ptr<Handler> handler) {
    if (const int r = sd_event_source_set_destroy_callback(source, &destroy<Handler>); r < 0)
        return failure("sd_event_source_set_destroy_callback", -r);
    (void)handler.release();
    return {};
}

// A negative return would silently disable the source.
int on_io(sd_event_source*, int, std::uint32_t revents, void* userdata) noexcept {
    (*static_cast<IoSource::Handler*>(userdata))(revents);
    return 0;
}
int on_time(sd_event_source*, std::uint64_t, void* userdata) noexcept {
    (*static_cast<Thunk*>(userdata))();
    return 0;
}
int on_signal(sd_event_source*, const signalfd_siginfo*, void* userdata) noexcept {
    (*static_cast<Thunk*>(userdata))();
    return 0;
}

std::uint64_t to_usec(Monotonic at) noexcept {
    const auto since_boot = std::chrono::duration_cast<Duration>(at.time_since_epoch()).count();
    return since_boot < 0 ? 0 : static_cast<std::uint64_t>(since_boot);
}

} // namespace

void DisableUnref::operator()(sd_event_source* source) const noexcept {
    sd_event_source_disable_unref(source);
}

void Loop::Unref::operator()(sd_event* event) const noexcept {
    sd_event_unref(event);
}

Result<Loop> Loop::create() {
    sd_event* raw = nullptr;
    if (const int r = sd_event_new(&raw); r < 0) return failure("sd_event_new", -r);
    Loop loop;
    loop.event_.reset(raw);
    return loop;
}

Status Loop::run() {
    if (const int r = sd_event_loop(native()); r < 0) return failure("sd_event_loop", -r);
    return {};
}

void Loop::quit() noexcept {
    (void)sd_event_exit(native(), 0); // fails only when the loop is finished already
}

Status Loop::run_once(Duration timeout) {
    const std::uint64_t usec = timeout == kInfinity ? UINT64_MAX : static_cast<std::uint64_t>(timeout.count());
    if (const int r = sd_event_run(native(), usec); r < 0) return failure("sd_event_run", -r);
    return {};
}

Result<IoSource> IoSource::watch(Loop& loop, int fd, std::uint32_t events, Handler handler) {
    auto boxed = std::make_unique<Handler>(std::move(handler));
    IoSource source;
    sd_event_source* raw = nullptr;
    if (const int r = sd_event_add_io(loop.native(), &raw, fd, events, &on_io, boxed.get()); r < 0) return failure("sd_event_add_io", -r);
    source.source_.reset(raw);
    if (auto owned = own(raw, std::move(boxed)); !owned) return Failure(std::move(owned).error());
    return source;
}

Status IoSource::set_enabled(bool on) {
    if (const int r = sd_event_source_set_enabled(source_.get(), on ? SD_EVENT_ON : SD_EVENT_OFF); r < 0)
        return failure("sd_event_source_set_enabled", -r);
    return {};
}

Status IoSource::give_way() {
    if (const int r = sd_event_source_set_priority(source_.get(), SD_EVENT_PRIORITY_IDLE); r < 0)
        return failure("sd_event_source_set_priority", -r);
    return {};
}

Result<TimerSource> TimerSource::create(Loop& loop, std::function<void()> handler) {
    auto boxed = std::make_unique<Thunk>(std::move(handler));
    TimerSource source;
    sd_event_source* raw = nullptr;
    if (const int r = sd_event_add_time(loop.native(), &raw, CLOCK_MONOTONIC, UINT64_MAX, kTimerAccuracyUsec, &on_time, boxed.get()); r < 0)
        return failure("sd_event_add_time", -r);
    source.source_.reset(raw);
    source.disarm();
    if (auto owned = own(raw, std::move(boxed)); !owned) return Failure(std::move(owned).error());
    return source;
}

Status TimerSource::arm(Monotonic at) {
    if (const int r = sd_event_source_set_time(source_.get(), to_usec(at)); r < 0) return failure("sd_event_source_set_time", -r);
    if (const int r = sd_event_source_set_enabled(source_.get(), SD_EVENT_ONESHOT); r < 0)
        return failure("sd_event_source_set_enabled", -r);
    return {};
}

void TimerSource::disarm() noexcept {
    (void)sd_event_source_set_enabled(source_.get(), SD_EVENT_OFF); // cannot fail for a timer of a living loop
}

Result<SignalSource> SignalSource::watch(Loop& loop, int signal, std::function<void()> handler) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    if (const int r = pthread_sigmask(SIG_BLOCK, &set, nullptr); r != 0) return failure("pthread_sigmask", r);

    auto boxed = std::make_unique<Thunk>(std::move(handler));
    SignalSource source;
    sd_event_source* raw = nullptr;
    if (const int r = sd_event_add_signal(loop.native(), &raw, signal, &on_signal, boxed.get()); r < 0)
        return failure("sd_event_add_signal", -r);
    source.source_.reset(raw);
    if (auto owned = own(raw, std::move(boxed)); !owned) return Failure(std::move(owned).error());
    return source;
}

Result<DeferSource> DeferSource::create(Loop& loop, std::function<void()> handler) {
    return TimerSource::create(loop, std::move(handler)).map([](TimerSource&& timer) { return DeferSource(std::move(timer)); });
}

} // namespace swathe
