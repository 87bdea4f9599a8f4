#include "supervise/arming.h"

#include <doctest/doctest.h>

#include <array>

using namespace swathe;
using namespace std::chrono_literals;

namespace {

const Monotonic kStart = Monotonic{} + 1000h;

Listener listener_with(EventLimit poll, EventLimit trigger, bool fails = false) {
    Listener listener;
    listener.poll_limit = poll;
    listener.trigger_limit = trigger;
    listener.trigger_limit_fails = fails;
    return listener;
}

Arming wanted(std::vector<Listener> listeners) {
    Arming arming = begin_arming(listeners);
    arming.wanted = true;
    return arming;
}

constexpr EventLimit kNone{};

} // namespace

TEST_CASE("arming: the poll limit holds wake-up number burst + 1 and its listener until the window has passed; the others go on") {
    Arming arming = wanted({listener_with({2s, 3}, kNone), listener_with({2s, 3}, kNone)});
    for (const auto at : {0s, 1s, 1s}) CHECK(wake(arming, 0, kStart + at) == Waking::start);
    CHECK(arming.next_change(kStart + 1s) == Monotonic::max()); // used up is not over it: nothing is held yet
    CHECK(wake(arming, 0, kStart + 1500ms) == Waking::poll_limit);
    CHECK_FALSE(arming.watches(0, kStart + 1500ms));
    CHECK(arming.watches(1, kStart + 1500ms));
    CHECK(wake(arming, 1, kStart + 1500ms) == Waking::start);
    CHECK(wake(arming, 0, kStart + 1600ms) == Waking::ignored);

    const Monotonic reopens = kStart + 2s + 1us; // the end belongs to the window
    CHECK(arming.next_change(kStart + 1600ms) == reopens);
    CHECK_FALSE(arming.watches(0, reopens - 1us));
    CHECK(arming.watches(0, reopens));
    CHECK(arming.next_change(reopens) == Monotonic::max());
    CHECK(wake(arming, 0, reopens) == Waking::start); // and a new window begins with it
    CHECK(wake(arming, 0, reopens + 1s) == Waking::start);
}

TEST_CASE("arming: the trigger limit pauses and resumes by itself, or fails; it counts what the poll limit lets through") {
    for (const bool fails : {false, true}) {
        CAPTURE(fails);
        Arming arming = wanted({listener_with({1s, 2}, {10s, 3}, fails)});
        CHECK(wake(arming, 0, kStart) == Waking::start);
        CHECK(wake(arming, 0, kStart) == Waking::start);
        CHECK(wake(arming, 0, kStart) == Waking::poll_limit); // no start, so not counted
        CHECK(wake(arming, 0, kStart + 2s) == Waking::start);
        CHECK(wake(arming, 0, kStart + 2s) == (fails ? Waking::fail : Waking::trigger_limit));
        if (fails) continue;
        CHECK(arming.next_change(kStart + 2s) == kStart + 10s + 1us);
        CHECK(wake(arming, 0, kStart + 10s + 1us) == Waking::start);
    }
}

TEST_CASE("arming: as configured by default 15 wake-ups in 2 s start something, and of a connection a second all do") {
    Arming arming = wanted({Listener{}});
    int starts = 0;
    for (int i = 0; i < 2000; ++i) starts += wake(arming, 0, kStart + i * 1ms) == Waking::start;
    CHECK(starts == 15);
    for (int i = 3; i < 1000; ++i) CHECK(wake(arming, 0, kStart + i * 1s) == Waking::start);
}

TEST_CASE("arming: a limit with an interval or a burst of 0 never holds") {
    for (const EventLimit limit : {EventLimit{0s, 5}, EventLimit{5s, 0}}) {
        Arming arming = wanted({listener_with(limit, limit, true)});
        for (int i = 0; i < 1000; ++i) CHECK(wake(arming, 0, kStart) == Waking::start);
    }
}

TEST_CASE("arming: paused by hand nothing is watched until the deadline, a resume, or for ever") {
    Arming arming = wanted({Listener{}, Listener{}});
    pause(arming, 5s, kStart);
    CHECK(arming.held(kStart + 5s - 1us));
    CHECK(wake(arming, 1, kStart + 1s) == Waking::ignored);
    CHECK(arming.next_change(kStart + 1s) == kStart + 5s);
    CHECK(arming.watches(0, kStart + 5s));
    CHECK_FALSE(resume(arming, kStart + 6s)); // it had ended by itself

    pause(arming, kInfinity, kStart);
    CHECK(arming.next_change(kStart) == Monotonic::max());
    CHECK_FALSE(arming.watches(0, kStart + 24h * 365 * 100));
    pause(arming, 1s, kStart); // the later word counts
    CHECK(arming.watches(0, kStart + 1s));
    pause(arming, kInfinity, kStart);
    CHECK(resume(arming, kStart + 1us));
    CHECK(arming.watches(0, kStart + 1us));
}

TEST_CASE("arming: a window that ends while paused is no reason to wake up, and a pause does not end one") {
    Arming arming = wanted({listener_with({2s, 1}, kNone)});
    CHECK(wake(arming, 0, kStart) == Waking::start);
    CHECK(wake(arming, 0, kStart) == Waking::poll_limit);
    pause(arming, 10s, kStart);
    CHECK(arming.next_change(kStart) == kStart + 10s);
    CHECK(resume(arming, kStart + 1s));
    CHECK_FALSE(arming.watches(0, kStart + 1s));
    CHECK(arming.next_change(kStart + 1s) == kStart + 2s + 1us);
}

TEST_CASE("arming: a start by hand begins all windows anew") {
    Arming arming = wanted({listener_with({2s, 1}, {9s, 1})});
    CHECK(wake(arming, 0, kStart) == Waking::start);
    CHECK(wake(arming, 0, kStart + 3s) == Waking::trigger_limit);
    clear_limits(arming);
    CHECK(wake(arming, 0, kStart + 3s) == Waking::start);
}

TEST_CASE("arming: over a reload a pause stays, a window goes on while its limits are the same, and new listeners are fresh") {
    const Listener one = listener_with({2s, 1}, kNone), two = listener_with({5s, 1}, kNone);
    Arming arming = wanted({one, two});
    pause(arming, 1s, kStart - 1s);
    for (const std::size_t listener : {0U, 1U}) {
        CHECK(wake(arming, listener, kStart) == Waking::start);
        CHECK(wake(arming, listener, kStart) == Waking::poll_limit);
    }
    Listener changed = one;
    changed.poll_limit.burst = 2;
    const std::array<std::optional<std::size_t>, 3> former{1, std::nullopt, 0};
    Arming next = carry_arming(arming, std::array{two, one, changed}, former);
    CHECK(next.wanted);
    CHECK(next.held_until == arming.held_until);
    CHECK_FALSE(next.watches(0, kStart + 5s));
    CHECK(next.watches(1, kStart));
    CHECK(next.watches(2, kStart));
    CHECK(wake(next, 0, kStart + 5s + 1us) == Waking::start);
}

// Every sequence of six out of eight events, a second apart: what holds whatever happens, against a count of our own.

namespace {

struct Walk {
    Arming arming = begin_arming(std::array{listener_with({2s, 2}, {4s, 2}), listener_with({3s, 1}, kNone)});
    Monotonic clock = kStart;
    std::vector<Monotonic> started[2];

    void give(int event) {
        clock += 1s;
        switch (event) {
        case 0:
        case 1: woken(static_cast<std::size_t>(event)); break;
        case 2: arming.wanted = true; break;
        case 3: arming.wanted = false; break;
        case 4: pause(arming, 2s, clock); break;
        case 5: pause(arming, kInfinity, clock); break;
        case 6: (void)resume(arming, clock); break;
        default: clock += 2s;
        }
        check_timer();
    }

    void woken(std::size_t listener) {
        const bool watched = arming.watches(listener, clock);
        const Waking waking = wake(arming, listener, clock);
        REQUIRE((waking == Waking::ignored) == !watched);
        if (waking == Waking::start) started[listener].push_back(clock);
        if (waking == Waking::start) check_rate(listener, listener == 0 ? 4s : 3s, listener == 0 ? 2 : 1);
        if (waking == Waking::poll_limit || waking == Waking::trigger_limit) REQUIRE_FALSE(arming.watches(listener, clock));
    }

    /// A tumbling window lets at most twice its burst through in any span of its length.
    void check_rate(std::size_t listener, Duration interval, std::size_t burst) const {
        std::size_t recent = 0;
        for (const Monotonic at : started[listener]) recent += clock - at < interval;
        REQUIRE(recent <= 2 * burst);
    }

    /// Between now and next_change() nothing changes, and there something does.
    void check_timer() const {
        const Monotonic next = arming.next_change(clock);
        REQUIRE(next > clock);
        const auto watched = [&](Monotonic at) { return std::pair(arming.watches(0, at), arming.watches(1, at)); };
        const Monotonic until = std::min(next, clock + 12s);
        for (Monotonic at = clock; at < until; at += 1500ms) REQUIRE(watched(at) == watched(clock));
        if (next == Monotonic::max()) return;
        REQUIRE(watched(next - 1us) == watched(clock));
        REQUIRE((watched(next) != watched(clock) || arming.held(next) != arming.held(clock)));
    }
};

void walk(const Walk& from, int depth) {
    if (depth == 0) return;
    for (int event = 0; event < 8; ++event) {
        Walk next = from;
        next.give(event);
        walk(next, depth - 1);
    }
}

} // namespace

TEST_CASE("arming: in every sequence of events nothing is watched that should not be, and the timer misses nothing") { walk({}, 6); }

TEST_CASE("arming: connections that are taken in one turn count against the trigger limit, each of them") {
    Arming arming = wanted({listener_with(kNone, {2s, 3}), listener_with(kNone, kNone)});
    CHECK(wake(arming, 0, kStart) == Waking::start); // the first
    for (int more = 0; more < 2; ++more) {
        CHECK(may_take_another(arming, 0, kStart));
        took_another(arming, 0, kStart);
    }
    CHECK_FALSE(may_take_another(arming, 0, kStart));
    CHECK(arming.watches(0, kStart)); // nobody may have come in vain yet
    CHECK(may_take_another(arming, 1, kStart));
    CHECK(wake(arming, 0, kStart + 1s) == Waking::trigger_limit);
    CHECK_FALSE(arming.watches(0, kStart + 1s));
    CHECK(may_take_another(arming, 0, kStart + 2s + 1us));
}

TEST_CASE("arming: a listener that nothing can be accepted from is held back for a moment, and no other one") {
    Arming arming = wanted({listener_with(kNone, kNone), listener_with(kNone, kNone)});
    hold_back(arming, 0, kStart + 100ms);
    CHECK_FALSE(arming.watches(0, kStart));
    CHECK(arming.watches(1, kStart));
    CHECK(arming.next_change(kStart) == kStart + 100ms);
    CHECK(arming.watches(0, kStart + 100ms));
}
