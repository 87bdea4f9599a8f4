#include "config/limit_values.h"
#include "config/limits.h"

#include "scratch.h"

#include <utility>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

/// What `text` is read as; nothing if it is refused, which is reported.
std::optional<std::pair<rlim_t, rlim_t>> limit(LimitUnit unit, decltype(Raw::value) value) {
    Report report;
    std::optional<rlimit> out;
    const bool ok = read_limit(Raw{std::move(value), {}}, ValueContext{report, "limit", "a.service", false}, unit, out);
    CHECK(ok == report.take().empty());
    CHECK(ok == out.has_value());
    if (!out) return std::nullopt;
    return std::pair(out->rlim_cur, out->rlim_max);
}

std::optional<rlim_t> single(LimitUnit unit, const char* text) {
    const auto read = limit(unit, std::string(text));
    if (!read) return std::nullopt;
    CHECK(read->first == read->second);
    return read->first;
}

constexpr std::uint64_t kMost = 18446744073709551614U; // one more is RLIM_INFINITY

} // namespace

TEST_CASE("limits: sizes have systemd's suffixes, and fractions") {
    struct Case { const char* text; std::optional<std::uint64_t> bytes; };
    const Case cases[] = {
        {"0", 0}, {"4096", 4096}, {"1B", 1}, {"1K", 1024}, {"64M", 64U << 20}, {"1 G", 1U << 30}, {"1T", 1UL << 40}, {"1P", 1UL << 50},
        {"15E", 15UL << 60}, {"1.5K", 1536}, {"0.1K", 102}, {"1.999999999999999999999999999999999K", 2047}, {"1G 512M", 1536UL << 20},
        {"1G512M", 1536UL << 20}, {"1K 1", 1025}, {"18446744073709551614", kMost}, {" 7 ", 7},
        {"18446744073709551615", std::nullopt}, {"16E", std::nullopt}, {"15.99999999999999999999E 1P", std::nullopt},
        {"1M 1G", std::nullopt}, {"1K 1K", std::nullopt},
        {"1 1", std::nullopt}, {"", std::nullopt}, {" ", std::nullopt}, {"K", std::nullopt}, {"-1", std::nullopt}, {"+1", std::nullopt},
        {"1k", std::nullopt}, {"1.K", std::nullopt}, {".5K", std::nullopt}, {"1KB", std::nullopt},
        {"0x10", std::nullopt}, {"1X", std::nullopt},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(parse_size(c.text) == c.bytes);
    }
}

TEST_CASE("limits: times are rounded up to the unit of the limit") {
    CHECK(single(LimitUnit::seconds, "5") == 5U);
    CHECK(single(LimitUnit::seconds, "1min 1us") == 61U);
    CHECK(single(LimitUnit::seconds, "0") == 0U);
    CHECK(single(LimitUnit::microseconds, "5") == 5U);
    CHECK(single(LimitUnit::microseconds, "5s") == 5'000'000U);
    CHECK(single(LimitUnit::seconds, "infinity") == RLIM_INFINITY);
    for (const char* bad : {"", "-1", "5 parsec", "200y", "infinity "}) {
        CAPTURE(std::string(bad));
        CHECK(single(LimitUnit::seconds, bad).value_or(RLIM_INFINITY) == RLIM_INFINITY);
    }
    CHECK_FALSE(single(LimitUnit::seconds, "-1"));
    CHECK_FALSE(single(LimitUnit::seconds, "200y"));
}

TEST_CASE("limits: a nice value has a sign; without one it is the kernel's number") {
    struct Case { const char* text; std::optional<rlim_t> raw; };
    const Case cases[] = {
        {"+0", 20}, {"-0", 20}, {"+19", 1}, {"-20", 40}, {"+5", 15}, {"-5", 25}, {"0", 1}, {"1", 1}, {"40", 40}, {"010", 8}, {"-010", 28},
        {"infinity", RLIM_INFINITY},
        {"+20", std::nullopt}, {"-21", std::nullopt}, {"41", std::nullopt}, {"+", std::nullopt}, {"", std::nullopt}, {"--5", std::nullopt},
        {"++5", std::nullopt},
        {"5s", std::nullopt},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(single(LimitUnit::nice, c.text) == c.raw);
    }
    CHECK(limit(LimitUnit::nice, std::int64_t{25}) == std::pair<rlim_t, rlim_t>(25, 25));
    CHECK_FALSE(limit(LimitUnit::nice, std::int64_t{-5}));
}

TEST_CASE("limits: soft and hard, in this order and not crossed") {
    CHECK(limit(LimitUnit::count, std::string("10:20")) == std::pair<rlim_t, rlim_t>(10, 20));
    CHECK(limit(LimitUnit::bytes, std::string("4G:16G")) == std::pair<rlim_t, rlim_t>(4UL << 30, 16UL << 30));
    CHECK(limit(LimitUnit::seconds, std::string("1min:infinity")) == std::pair<rlim_t, rlim_t>(60, RLIM_INFINITY));
    for (const char* bad : {"20:10", "infinity:1", ":", "1:", ":1", "1:2:3", "18446744073709551615"}) {
        CAPTURE(std::string(bad));
        CHECK_FALSE(limit(LimitUnit::count, std::string(bad)));
    }
    CHECK_FALSE(limit(LimitUnit::count, true));
    CHECK_FALSE(limit(LimitUnit::count, 1.5));
}

TEST_CASE("limits: a ring takes bytes, as a number or with a suffix, up to its limit") {
    const auto ring = [](decltype(Raw::value) value) -> std::optional<std::uint32_t> {
        Report report;
        std::uint32_t out = 0;
        const bool ok = read_ring_bytes(Raw{std::move(value), {}}, ValueContext{report, "log_ring_bytes", "a.service", false}, out);
        CHECK(ok == report.take().empty());
        return ok ? std::optional(out) : std::nullopt;
    };
    CHECK(ring(std::int64_t{0}) == 0U);
    CHECK(ring(std::int64_t{limits::kLogRingBytes}) == limits::kLogRingBytes);
    CHECK(ring(std::string("1.5K")) == 1536U);
    CHECK(ring(std::string("64M")) == limits::kLogRingBytes);
    CHECK_FALSE(ring(std::int64_t{limits::kLogRingBytes + 1}));
    CHECK_FALSE(ring(std::string("64M 1")));
    CHECK_FALSE(ring(std::int64_t{-1}));
    CHECK_FALSE(ring(std::string("infinity")));
    CHECK_FALSE(ring(true));
}
