#include "base/rate_limit.h"

#include <doctest/doctest.h>

using namespace swathe;
using namespace std::chrono_literals;

TEST_CASE("rate limit: the first event opens a window, event number burst + 1 inside it is refused") {
    RateLimit limit(10s, 2);
    const Monotonic start = Monotonic{} + 1h;
    CHECK(limit.allow(start));
    CHECK(limit.allow(start + 1s));
    CHECK_FALSE(limit.allow(start + 2s));
    CHECK_FALSE(limit.allow(start + 10s)); // the end still belongs to the window
    CHECK(limit.window_end() == start + 10s);
    CHECK(limit.allow(start + 10s + 1us));
    CHECK(limit.allow(start + 11s));
    CHECK_FALSE(limit.allow(start + 12s));
}

TEST_CASE("rate limit: an interval or a burst of zero never refuses") {
    for (RateLimit limit : {RateLimit(0s, 5), RateLimit(10s, 0), RateLimit()})
        for (int i = 0; i < 100; ++i) CHECK(limit.allow(Monotonic{} + 1h));
}

TEST_CASE("rate limit: a window of any length, even an infinite one, does not overflow") {
    for (const Duration interval : {kInfinity, kInfinity - 1us, Duration(24h * 365 * 1000)}) {
        RateLimit limit(interval, 1);
        const Monotonic start = Monotonic{} + 1h;
        CHECK(limit.allow(start));
        CHECK_FALSE(limit.allow(start + 24h * 365 * 100));
        CHECK(limit.window_end() == Monotonic::max());
    }
}
