#include "tools/services.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include <doctest/doctest.h>

using namespace swathe::tools;

namespace {

std::string told(Service service, std::time_t now) {
    char text[64];
    return {text, tell(service, now, text)};
}

struct LocalTime { ///< TZ of this process
    explicit LocalTime(const char* zone) { set(zone); }
    LocalTime(const LocalTime&) = delete;
    LocalTime& operator=(const LocalTime&) = delete;
    ~LocalTime() { set("UTC0"); }
    static void set(const char* zone) {
        ::setenv("TZ", zone, 1);
        ::tzset();
    }
};

} // namespace

TEST_CASE("tools: the service is the program's name, wherever it lies and with or without our prefix") {
    CHECK(service_named("/usr/sbin/swathe-echo") == Service::echo);
    CHECK(service_named("swathe-discard") == Service::discard);
    CHECK(service_named("chargen") == Service::chargen);
    CHECK(service_named("./swathe-daytime") == Service::daytime);
    CHECK(service_named("/time") == Service::time);
    for (const char* other : {"", "/", "swathe-", "swathe-echo/", "echod", "swathe-swathe-echo", "Echo", "sh"}) {
        CAPTURE(other);
        CHECK(service_named(other) == std::nullopt);
    }
}

TEST_CASE("tools: chargen's lines have 72 characters, and each begins one further") {
    const std::string stream(kPattern.begin(), kPattern.end());
    CHECK(stream.substr(0, 74) == " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n");
    CHECK(stream.substr(74, 3) == "!\"#");
    CHECK(stream.substr(74 * 94, 3) == "~ !"); // the last line; then the first one again
    for (std::size_t line = 0; line < kPrintable; ++line) CHECK(stream.substr(line * 74 + 72, 2) == "\r\n");
    CHECK(std::all_of(stream.begin(), stream.end(), [](char c) { return c == '\r' || c == '\n' || (c >= ' ' && c <= '~'); }));
}

TEST_CASE("tools: daytime is one line in local time") {
    {
        const LocalTime utc("UTC0");
        CHECK(told(Service::daytime, 0) == "Thu Jan  1 00:00:00 1970\r\n");
        CHECK(told(Service::daytime, 1795649455) == "Wed Nov 25 23:30:55 2026\r\n");
    }
    const LocalTime east("XXX-2");
    CHECK(told(Service::daytime, 1795649455) == "Thu Nov 26 01:30:55 2026\r\n");
}

TEST_CASE("tools: time is seconds since 1900 in four bytes, most significant first, and goes over in 2036") {
    const auto bytes = [](std::initializer_list<int> values) {
        std::string text;
        for (const int value : values) text += static_cast<char>(value);
        return text;
    };
    CHECK(told(Service::time, 0) == bytes({0x83, 0xAA, 0x7E, 0x80})); // RFC 868: 2,208,988,800 is 1970
    CHECK(told(Service::time, 2085978495) == bytes({0xFF, 0xFF, 0xFF, 0xFF}));
    CHECK(told(Service::time, 2085978496) == bytes({0, 0, 0, 0}));
}

TEST_CASE("tools: who might answer an answer gets none") {
    CHECK(may_answer(1024, 7));
    CHECK(may_answer(65535, 0));
    CHECK(may_answer(5001, 5000));
    CHECK_FALSE(may_answer(5000, 5000)); // another address of the same service
    for (const std::uint16_t port : std::initializer_list<std::uint16_t>{0, 7, 13, 19, 37, 53, 1023}) {
        CAPTURE(port);
        CHECK_FALSE(may_answer(port, 5000));
    }
}
