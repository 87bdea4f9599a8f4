#include "ctl/text.h"

#include <cstdlib>
#include <ctime>

#include <doctest/doctest.h>

using namespace swathe::ctl;

TEST_CASE("text: columns are as wide as their widest cell, in characters") {
    Table table;
    table.add({"NAME", "STATE", "X"});
    table.add({"caf\xc3\xa9-de-flore", "idle", ""});
    table.add({"a", "running", "last"});
    table.add({"short"});
    CHECK(table.to_string() == "NAME           STATE    X\n"
                               "caf\xc3\xa9-de-flore  idle\n"
                               "a              running  last\n"
                               "short\n");
    CHECK(Table{}.to_string().empty());
}

TEST_CASE("text: colours are used where wanted and nowhere else") {
    CHECK(paint({.colour = true}, Colour::red, "x") == "\x1b[31mx\x1b[0m");
    CHECK(paint({.colour = true}, Colour::none, "x") == "x");
    CHECK(paint({}, Colour::red, "x") == "x");
    CHECK_FALSE(look_of(-1).colour); // no terminal
}

TEST_CASE("text: spans show their two largest units") {
    constexpr std::int64_t kSecond = 1'000'000;
    CHECK(span_text(0) == "0s");
    CHECK(span_text(-5 * kSecond) == "0s"); // the clock was set back
    CHECK(span_text(59 * kSecond + 999'999) == "59s");
    CHECK(span_text(60 * kSecond) == "1min");
    CHECK(span_text(61 * kSecond) == "1min 1s");
    CHECK(span_text(3600 * kSecond + 59 * kSecond) == "1h");
    CHECK(span_text((3600 * 25 + 61) * kSecond) == "1d 1h");
    CHECK(span_text((86400 * 400LL) * kSecond) == "400d");
}

TEST_CASE("text: times are those of the calendar") {
    (void)::setenv("TZ", "UTC", 1);
    ::tzset();
    CHECK(calendar(1'740'996'672'000'000) == "Mon 2025-03-03 10:11:12 UTC");
}
