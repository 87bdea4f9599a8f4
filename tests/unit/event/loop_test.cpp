#include "event/loop.h"

#include "base/unique_fd.h"

#include <csignal>
#include <memory>
#include <optional>
#include <vector>

#include <doctest/doctest.h>
#include <sys/eventfd.h>

using namespace swathe;
using namespace std::chrono_literals;

namespace {

Loop make_loop() {
    auto loop = Loop::create();
    REQUIRE(loop);
    return std::move(*loop);
}

/// Runs until `done` or half a minute has passed.
template <class Done> bool run_until(Loop& loop, Done done) {
    const Monotonic deadline = now() + 30s;
    while (!done() && now() < deadline)
        if (!loop.run_once(10ms)) return false;
    return done();
}

/// Runs long enough for whatever is due to happen.
void settle(Loop& loop) {
    for (int i = 0; i < 5; ++i) REQUIRE(loop.run_once(2ms));
}

UniqueFd make_eventfd(unsigned value) {
    UniqueFd fd(::eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK));
    REQUIRE(fd);
    return fd;
}

} // namespace

TEST_CASE("io: a readable descriptor calls its handler as long as it is readable, and not while it is disabled") {
    Loop loop = make_loop();
    const UniqueFd fd = make_eventfd(1);
    int calls = 0;
    std::uint32_t seen = 0;
    auto source = IoSource::watch(loop, fd.get(), EPOLLIN, [&](std::uint32_t revents) {
        ++calls;
        seen = revents;
    });
    REQUIRE(source);
    CHECK(run_until(loop, [&] { return calls >= 3; })); // level-triggered: nobody read it
    CHECK(seen == EPOLLIN);

    REQUIRE(source->set_enabled(false));
    const int before = calls;
    settle(loop);
    CHECK(calls == before);
    REQUIRE(source->set_enabled(true));
    CHECK(run_until(loop, [&] { return calls > before; }));
}

TEST_CASE("io: a source that is moved still calls its handler, one that is destroyed does not") {
    Loop loop = make_loop();
    const UniqueFd fd = make_eventfd(1);
    int calls = 0;
    auto first = IoSource::watch(loop, fd.get(), EPOLLIN, [&](std::uint32_t) { ++calls; });
    REQUIRE(first);
    std::optional<IoSource> moved(std::move(*first));
    CHECK(run_until(loop, [&] { return calls > 0; }));
    moved.reset();
    const int before = calls;
    settle(loop);
    CHECK(calls == before);
}

TEST_CASE("io: watching what cannot be watched is an error with the errno") {
    Loop loop = make_loop();
    auto source = IoSource::watch(loop, 1'000'000, EPOLLIN, [](std::uint32_t) {});
    REQUIRE_FALSE(source);
    CHECK(source.error().errno_value == EBADF);
}

TEST_CASE("every kind of source: a handler may destroy its own source and still use what it captured") {
    Loop loop = make_loop();
    const UniqueFd fd = make_eventfd(1);
    const auto witness = std::make_shared<std::vector<int>>(1000, 7);
    int sum = 0;
    std::unique_ptr<IoSource> io;
    std::unique_ptr<TimerSource> timer;
    std::unique_ptr<DeferSource> defer;
    std::unique_ptr<SignalSource> signal;
    const auto use = [&sum](const std::vector<int>& values) {
        for (const int v : values) sum += v;
    };

    io = std::make_unique<IoSource>(std::move(*IoSource::watch(loop, fd.get(), EPOLLIN, [&, kept = witness](std::uint32_t) {
        io.reset();
        use(*kept); // lives in the handler, which must outlast this line
    })));
    timer = std::make_unique<TimerSource>(std::move(*TimerSource::create(loop, [&, kept = witness] {
        timer.reset();
        use(*kept);
    })));
    defer = std::make_unique<DeferSource>(std::move(*DeferSource::create(loop, [&, kept = witness] {
        defer.reset();
        use(*kept);
    })));
    signal = std::make_unique<SignalSource>(std::move(*SignalSource::watch(loop, SIGUSR1, [&, kept = witness] {
        signal.reset();
        use(*kept);
    })));
    REQUIRE(timer->arm(now()));
    REQUIRE(defer->trigger());
    REQUIRE(::raise(SIGUSR1) == 0);

    CHECK(run_until(loop, [&] { return !io && !timer && !defer && !signal; }));
    CHECK(sum == 4 * 7000);
    CHECK(witness.use_count() == 1); // the handlers are gone with their sources
}

TEST_CASE("timer: fires once for each time it is armed, not early, and a later time replaces an earlier one") {
    Loop loop = make_loop();
    int fired = 0;
    auto timer = TimerSource::create(loop, [&] { ++fired; });
    REQUIRE(timer);
    settle(loop);
    CHECK(fired == 0); // not armed yet

    const Monotonic due = now() + 30ms;
    REQUIRE(timer->arm(now()));
    REQUIRE(timer->arm(due));
    CHECK(run_until(loop, [&] { return fired > 0; }));
    CHECK(now() >= due);
    settle(loop);
    CHECK(fired == 1);

    REQUIRE(timer->arm(now() - 1h)); // long past: at once
    CHECK(run_until(loop, [&] { return fired == 2; }));
    REQUIRE(timer->arm(Monotonic::max())); // never
    settle(loop);
    CHECK(fired == 2);
}

TEST_CASE("timer: disarmed it does not fire, and a handler may arm it anew") {
    Loop loop = make_loop();
    int fired = 0;
    std::optional<TimerSource> timer;
    timer.emplace(std::move(*TimerSource::create(loop, [&] {
        if (++fired < 3) CHECK(timer->arm(now()));
    })));
    REQUIRE(timer->arm(now()));
    timer->disarm();
    settle(loop);
    CHECK(fired == 0);
    REQUIRE(timer->arm(now()));
    CHECK(run_until(loop, [&] { return fired == 3; }));
    settle(loop);
    CHECK(fired == 3);
}

TEST_CASE("signal: arrives in the loop, and two sources for one signal are refused") {
    Loop loop = make_loop();
    int hups = 0;
    auto source = SignalSource::watch(loop, SIGHUP, [&] { ++hups; });
    REQUIRE(source);
    CHECK_FALSE(SignalSource::watch(loop, SIGHUP, [] {}));
    REQUIRE(::raise(SIGHUP) == 0);
    CHECK(hups == 0);
    CHECK(run_until(loop, [&] { return hups == 1; }));
}

TEST_CASE("defer: runs once per trigger, outside the stack that asked for it, and may trigger itself again") {
    Loop loop = make_loop();
    int runs = 0;
    std::optional<DeferSource> defer;
    defer.emplace(std::move(*DeferSource::create(loop, [&] {
        if (++runs == 1) CHECK(defer->trigger());
    })));
    settle(loop);
    CHECK(runs == 0);
    REQUIRE(defer->trigger());
    REQUIRE(defer->trigger()); // still one
    CHECK(runs == 0);
    CHECK(run_until(loop, [&] { return runs == 2; }));
    settle(loop);
    CHECK(runs == 2);
}

TEST_CASE("a source that is always ready does not starve the others") {
    Loop loop = make_loop();
    const UniqueFd busy = make_eventfd(1);
    const UniqueFd other = make_eventfd(1);
    int busy_calls = 0;
    int other_calls = 0;
    auto first = IoSource::watch(loop, busy.get(), EPOLLIN, [&](std::uint32_t) { ++busy_calls; });
    auto second = IoSource::watch(loop, other.get(), EPOLLIN, [&](std::uint32_t) { ++other_calls; });
    REQUIRE(first);
    REQUIRE(second);
    int deferred = 0;
    std::optional<DeferSource> again;
    again.emplace(std::move(*DeferSource::create(loop, [&] {
        ++deferred;
        CHECK(again->trigger()); // for ever
    })));
    REQUIRE(again->trigger());
    for (int i = 0; i < 120; ++i) REQUIRE(loop.run_once(0ms));
    CHECK(busy_calls > 20);
    CHECK(other_calls > 20);
    CHECK(deferred > 20);
}

TEST_CASE("loop: quit ends run, also when it is called by a handler") {
    Loop loop = make_loop();
    auto defer = DeferSource::create(loop, [&] { loop.quit(); });
    REQUIRE(defer);
    REQUIRE(defer->trigger());
    CHECK(loop.run());
    CHECK_FALSE(loop.run_once(0ms)); // finished for good
}
