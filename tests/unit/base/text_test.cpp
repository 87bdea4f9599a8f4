#include "base/error.h"
#include "base/text.h"

#include <array>
#include <cerrno>

#include <doctest/doctest.h>

using namespace swathe;

TEST_CASE("text: the nearest known name is one or a few slips away") {
    static constexpr std::array<std::string_view, 4> known{"addresses", "ports", "exec_start", "backlog"};
    CHECK(nearest_name("adresses", known) == "addresses");
    CHECK(nearest_name("prots", known) == "ports");
    CHECK(nearest_name("execstart", known) == "exec_start");
    CHECK_FALSE(nearest_name("colour", known));
    CHECK_FALSE(nearest_name(std::string(10000, 'a'), known));
}

TEST_CASE("text: quoting leaves nothing that moves a cursor or breaks a line") {
    CHECK(quoted("plain") == "\"plain\"");
    CHECK(quoted("a\nb\x1b[2J\"\\") == "\"a\\x0ab\\x1b[2J\\\"\\\\\"");
    CHECK(quoted("\xc3\xa9\xff") == "\"\xc3\xa9\\xff\"");
    CHECK(quoted("abcdef", 3) == "\"abc...\"");
    CHECK(escaped("a\tb\x7f\xff \xe2\x82\xac\\\"") == "a\\x09b\\x7f\\xff \xe2\x82\xac\\\"");
    CHECK(escaped("\xc2\x9b" "2J\xc2\xa0\xc2") == "\\xc2\\x9b2J\xc2\xa0\\xc2"); // U+009B is CSI
}

TEST_CASE("error: prints its place, its message and its errno, each where known") {
    Error error{"bind", EADDRINUSE, SourcePos{SourceFile("a.toml"), 3, 9}};
    CHECK(error.to_string() == "a.toml:3:9: bind: Address already in use");
    CHECK(std::move(error).within("listener web").to_string() == "a.toml:3:9: listener web: bind: Address already in use");
    CHECK(Error{"no such key", 0, {}}.to_string() == "no such key");
}

TEST_CASE("error: diagnostics are sorted by place and said once") {
    const SourceFile file("a.toml");
    Diagnostics all{{Diagnostic::Severity::error, {"second", 0, SourcePos{file, 2, 1}}},
                    {Diagnostic::Severity::warning, {"first", 0, SourcePos{file, 1, 7}}},
                    {Diagnostic::Severity::error, {"second", 0, SourcePos{file, 2, 1}}}};
    sort_by_place(all);
    REQUIRE(all.size() == 2);
    CHECK(all[0].to_string() == "a.toml:1:7: warning: first");
    CHECK(all[1].to_string() == "a.toml:2:1: second");
    CHECK(has_errors(all));
}

TEST_CASE("text: a line that somebody wrote keeps its tabs, and nothing else that moves a cursor") {
    CHECK(escaped_line("") == "");
    CHECK(escaped_line("\ta\t\tb\t") == "\ta\t\tb\t");
    CHECK(escaped_line(std::string_view("a\0\x1b[2J\r\xff", 8)) == "a\\x00\\x1b[2J\\x0d\\xff");
}
