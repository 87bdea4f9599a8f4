#include "config/number.h"

#include <limits>
#include <string>

#include <doctest/doctest.h>

using namespace swathe;

// systemd 252 has shown each of these in `systemctl show`; what is refused it has warned of and ignored.
TEST_CASE("numbers: the beginning says which base, as systemd has it") {
    struct Case { const char* text; std::optional<std::uint64_t> value; };
    const Case cases[] = {
        {"0", 0}, {"7", 7}, {"10", 10}, {"+7", 7}, {"00", 0}, {"007", 7}, {"010", 8}, {"+010", 8}, {"0o17", 15}, {"0O17", 15}, {"0b11", 3}, {"0B11", 3},
        {"0x10", 16}, {"0X1f", 31}, {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()},
        {"", std::nullopt}, {"+", std::nullopt}, {"-1", std::nullopt}, {"+-1", std::nullopt}, {"++1", std::nullopt}, {"08", std::nullopt},
        {"0x", std::nullopt}, {"0b2", std::nullopt}, {"0xg", std::nullopt}, {"x10", std::nullopt}, {"1K", std::nullopt},
        {"1.5", std::nullopt}, {" 1", std::nullopt}, {"1 ", std::nullopt}, {"0x-1", std::nullopt}, {"18446744073709551616", std::nullopt},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(parse_unsigned(c.text) == c.value);
    }
}

TEST_CASE("numbers: digits of one base alone") {
    CHECK(parse_digits("010") == 10);
    CHECK(parse_digits("010", 8) == 8);
    CHECK(parse_digits("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
    for (const char* text : {"", "+1", "-1", "0x1", "1 ", "18446744073709551616"}) CHECK_FALSE(parse_digits(text));
    CHECK_FALSE(parse_digits("8", 8));
    CHECK_FALSE(parse_digits("7777777777777777777777777", 8));
}

TEST_CASE("numbers: with a sign, from end to end") {
    struct Case { const char* text; std::optional<std::int64_t> value; };
    const Case cases[] = {
        {"-5", -5}, {"+5", 5}, {"5", 5}, {"-010", -8}, {"-0x10", -16}, {"-0", 0},
        {"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
        {"-9223372036854775807", -std::numeric_limits<std::int64_t>::max()},
        {"9223372036854775808", std::nullopt}, {"--5", std::nullopt}, {"-+5", std::nullopt}, {"+-5", std::nullopt}, {"-", std::nullopt},
        {"", std::nullopt},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(parse_signed(c.text) == c.value);
    }
}
