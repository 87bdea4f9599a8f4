#include "config/cgroup_values.h"

#include "config/limits.h"
#include "scratch.h"

#include <utility>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

template <class T> using Reader = bool (*)(const Raw&, const ValueContext&, std::optional<Placed<T>>&);

/// What `value` is read as; nothing if it is refused, which is reported.
template <class T> std::optional<T> read(Reader<T> reader, decltype(Raw::value) value, bool is_unit = false) {
    Report report;
    std::optional<Placed<T>> out;
    const bool ok = reader(Raw{std::move(value), {}}, ValueContext{report, "key", "a.service", is_unit}, out);
    CHECK(ok == report.take().empty());
    CHECK(ok == out.has_value());
    return out ? std::optional(out->value) : std::nullopt;
}

CgroupAmount amount(std::uint64_t value) { return {value, std::nullopt}; }
CgroupAmount share(std::uint32_t hundredths) { return {0, hundredths}; }

} // namespace

TEST_CASE("percentages: two decimal places") {
    struct Case { const char* text; std::optional<std::uint32_t> hundredths; };
    const Case cases[] = {
        {"0%", 0}, {"1%", 100}, {"100%", 10000}, {"12.5%", 1250}, {"12.50%", 1250}, {"12.05%", 1205}, {"0.01%", 1}, {"250%", 25000},
        {"42949671.99%", 4294967199U}, {"42949672%", std::nullopt}, {"18446744073709551616%", std::nullopt},
        {"", std::nullopt}, {"%", std::nullopt}, {"5", std::nullopt}, {"5.%", std::nullopt}, {".5%", std::nullopt},
        {"5.123%", std::nullopt},
        {"-5%", std::nullopt}, {"+5%", std::nullopt}, {"5 %", std::nullopt}, {"5%%", std::nullopt}, {"5.5.5%", std::nullopt},
        {"5.-1%", std::nullopt},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(parse_percentage(c.text) == c.hundredths);
    }
}

TEST_CASE("memory: bytes, a share of the machine, or no limit; nothing at all only for swap") {
    struct Case { decltype(Raw::value) value; std::optional<CgroupAmount> amount; };
    const Case cases[] = {
        {std::int64_t{4096}, amount(4096)}, {std::string("64M"), amount(64U << 20)}, {std::string("1G 512M"), amount(1536UL << 20)},
        {std::string("infinity"), CgroupAmount{}}, {std::string("100%"), share(10000)}, {std::string("0.01%"), share(1)},
        {std::int64_t{1}, amount(1)}, {std::int64_t{-1}, std::nullopt}, {std::string("100.01%"), std::nullopt},
        {std::string("64X"), std::nullopt},
        {std::string("18446744073709551615"), std::nullopt}, {std::string(""), std::nullopt}, {true, std::nullopt}, {1.5, std::nullopt},
    };
    for (const Case& c : cases) {
        CHECK(read<CgroupAmount>(read_memory, c.value) == c.amount);
        CHECK(read<CgroupAmount>(read_swap, c.value) == c.amount);
    }
    for (const char* zero : {"0", "0%", "0B", "0.0%"}) {
        CAPTURE(std::string(zero));
        CHECK_FALSE(read<CgroupAmount>(read_memory, std::string(zero)));
        CHECK_FALSE(read<CgroupAmount>(read_tasks, std::string(zero)).has_value());
        CHECK(read<CgroupAmount>(read_swap, std::string(zero)).has_value());
    }
}

TEST_CASE("tasks: a number without suffix") {
    CHECK(read<CgroupAmount>(read_tasks, std::int64_t{512}) == amount(512));
    CHECK(read<CgroupAmount>(read_tasks, std::string("10%")) == share(1000));
    CHECK(read<CgroupAmount>(read_tasks, std::string("infinity")) == CgroupAmount{});
    CHECK_FALSE(read<CgroupAmount>(read_tasks, std::string("1K")));
}

TEST_CASE("weights and quotas: at their edges") {
    using Number = std::uint32_t;
    CHECK(read<Number>(read_weight, std::int64_t{1}) == 1U);
    CHECK(read<Number>(read_weight, std::string("10000"), true) == limits::kWeight);
    CHECK_FALSE(read<Number>(read_weight, std::int64_t{0}));
    CHECK_FALSE(read<Number>(read_weight, std::int64_t{10001}));
    CHECK_FALSE(read<Number>(read_weight, std::string("idle"), true));
    CHECK(read<Number>(read_cpu_quota, std::string("0.01%")) == 1U);
    CHECK(read<Number>(read_cpu_quota, std::string("1000000%")) == limits::kCpuQuotaPercent * 100);
    CHECK_FALSE(read<Number>(read_cpu_quota, std::string("1000000.01%")));
    CHECK_FALSE(read<Number>(read_cpu_quota, std::string("0%")));
    CHECK_FALSE(read<Number>(read_cpu_quota, std::string("50")));
    CHECK_FALSE(read<Number>(read_cpu_quota, std::int64_t{50}));
}

TEST_CASE("delegation: a unit file's list of controllers is yes, with a warning") {
    struct Case { const char* text; bool is_unit, ok, delegate; std::size_t said; };
    for (const Case& c : {Case{"yes", true, true, true, 0}, Case{"no", true, true, false, 0}, Case{"cpu memory", true, true, true, 1},
                          Case{"pids", true, true, true, 1}, Case{"pids", false, false, false, 1},
                          Case{"everything", true, false, false, 1}}) {
        CAPTURE(std::string(c.text));
        Report report;
        bool out = false;
        CHECK(read_delegate(Raw{std::string(c.text), {}}, ValueContext{report, "Delegate", "a.service", c.is_unit}, out) == c.ok);
        CHECK(out == c.delegate);
        CHECK(report.take().size() == c.said);
    }
}
