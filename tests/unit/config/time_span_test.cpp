#include "config/time_span.h"

#include <random>

#include <doctest/doctest.h>

using namespace swathe;
using namespace std::chrono_literals;

TEST_CASE("time span: systemd.time(7)'s units, sums and fractions") {
    struct Case { const char* text; Duration span; };
    const Case cases[] = {
        {"0", 0s}, {"5", 5s}, {"2 h", 2h}, {"2hours", 2h}, {"48hr", 48h}, {"1y 12month", 2 * 31557600s}, {"55s500ms", 55500ms},
        {"300ms20s 5day", 5 * 24h + 20s + 300ms},
        {"5s", 5s}, {"5sec", 5s}, {"5second", 5s}, {"5seconds", 5s}, {"5m", 5min}, {"5min", 5min}, {"5minute", 5min}, {"5minutes", 5min},
        {"5M", 5 * 2629800s}, {"5month", 5 * 2629800s}, {"5months", 5 * 2629800s}, {"7ms", 7ms}, {"7msec", 7ms}, {"7us", 7us},
        {"7usec", 7us},
        {"7\xce\xbcs", 7us}, {"7\xc2\xb5s", 7us}, {"1h", 1h}, {"1hour", 1h}, {"1d", 24h}, {"1days", 24h}, {"1w", 168h}, {"1week", 168h},
        {"1weeks", 168h}, {"1years", 31557600s},
        {"1.5s", 1500ms}, {".5", 500ms}, {"0.000001", 1us}, {"0.0000019", 1us}, {"1.5h", 90min}, {"0.1ms", 100us}, {"1.9us", 1us},
        {"5 20ms", 5020ms}, {"  1min\t30s  ", 90s}, {"1min 30", 90s}, {"infinity", kInfinity}, {"100y", kTimeSpanMax},
        {"3155760000", kTimeSpanMax},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        const auto span = parse_time_span(c.text);
        REQUIRE(span);
        CHECK(span->count() == c.span.count());
    }
}

TEST_CASE("time span: what is none is refused, and so is what would overflow") {
    for (const char* text : {"", " ", "s", "-5", "+5", "-5s", "5.", "5.s", "1..5", "5 parsecs", "5 S", "5 MS", "infinity 5", "5 infinity",
                             "1h-30min", "0x10", "1e3", "5,5", "5s!",
                             "100y 1us", "3155760001", "999999999999999999999999", "99999999999999999999y", "1e400"}) {
        CAPTURE(std::string(text));
        CHECK_FALSE(parse_time_span(text));
    }
}

TEST_CASE("time span: what is printed is read back the same") {
    const std::uint32_t seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 5000; ++round) {
        const Duration span(static_cast<std::int64_t>((random() >> (random() % 60)) % static_cast<std::uint64_t>(kTimeSpanMax.count())));
        CAPTURE(span.count());
        CHECK(parse_time_span(format_time_span(span)) == span);
    }
    CHECK(format_time_span(kInfinity) == "infinity");
    CHECK(format_time_span(90s) == "1min 30s");
}
