#include "config/limits.h"
#include "config/unit_lexer.h"

#include <fmt/format.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

/// "[Section] key=<value>@LINE:COLUMN of key/LINE:COLUMN of value" for each line; then the diagnostics.
std::string lexed(std::string_view text) {
    Report report;
    std::string out;
    for (const UnitSection& section : lex_unit(text, SourceFile("u"), report)) {
        out += fmt::format("[{}]", section.name);
        for (const UnitLine& line : section.lines) {
            const SourcePos value = line.place(0);
            out += fmt::format(" {}=<{}>@{}:{}/{}:{}", line.key, line.value, line.pos.line, line.pos.column, value.line, value.column);
        }
        out += "\n";
    }
    for (const Diagnostic& diagnostic : report.take()) out += diagnostic.to_string() + "\n";
    return out;
}

} // namespace

TEST_CASE("unit lexer: sections, comments, white space and line ends") {
    struct Case { const char* text; const char* out; };
    const Case cases[] = {
        {"", ""},
        {"[A]", "[A]\n"},
        {"[A]\nk=v", "[A] k=<v>@2:1/2:3\n"},
        {"  [A]  \n\t k \t= \t v w \t\n", "[A] k=<v w>@2:3/2:10\n"},
        {"\xef\xbb\xbf[A]\r\nk=v\r\n\r\n", "[A] k=<v>@2:1/2:3\n"},
        {"# a\n ; b\n[A]\n#k=v\n  ;k=v\nk=v # no comment\n", "[A] k=<v # no comment>@6:1/6:3\n"},
        {"[A]\nk=\nk =", "[A] k=<>@2:1/2:3 k=<>@3:1/3:4\n"},
        {"[A]\nk=a=b\n", "[A] k=<a=b>@2:1/2:3\n"},
        {"[A]\nk=1\n[B]\nk=2\n[A]\nk=3\n", "[A] k=<1>@2:1/2:3\n[B] k=<2>@4:1/4:3\n[A] k=<3>@6:1/6:3\n"},
        {"[A]\nk=\xc3\xa9\n", "[A] k=<\xc3\xa9>@2:1/2:3\n"},
        {"# \xff is fine here\n[A]\n", "[A]\n"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(lexed(c.text) == c.out);
    }
}

TEST_CASE("unit lexer: a backslash joins lines with a space, over comments, and counts only when it is not escaped") {
    struct Case { const char* text; const char* out; };
    const Case cases[] = {
        {"[A]\nk=a\\\nb\n", "[A] k=<a b>@2:1/2:3\n"},
        {"[A]\nk=a\\\n  b\\\n c\n", "[A] k=<a   b  c>@2:1/2:3\n"},
        {"[A]\nk=a\\\n# comment\n; another \\\nb\n", "[A] k=<a b>@2:1/2:3\n"},
        {"[A]\nk=a\\\n\nj=b\n", "[A] k=<a>@2:1/2:3 j=<b>@4:1/4:3\n"},
        {"[A]\nk=a\\\\\nj=b\n", "[A] k=<a\\\\>@2:1/2:3 j=<b>@3:1/3:3\n"},
        {"[A]\nk=a\\\\\\\nb\n", "[A] k=<a\\\\ b>@2:1/2:3\n"},
        {"[A]\nk=a\\", "[A] k=<a>@2:1/2:3\n"},
        {"[A]\nk\\\n=\\\n v\n", "[A] k=<v>@2:1/4:2\n"},
        {"[A]\r\nk=a\\\r\nb\r\n", "[A] k=<a b>@2:1/2:3\n"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(lexed(c.text) == c.out);
    }
}

TEST_CASE("unit lexer: the place of every part of a continued value") {
    Report report;
    const auto sections = lex_unit("[A]\nkey=ab \\\n  cd\\\n#x\nef", SourceFile("u"), report);
    const UnitLine& line = sections.at(0).lines.at(0);
    REQUIRE(line.value == "ab    cd ef");
    CHECK(line.place(line.value.find("ab")).to_string() == "u:2:5");
    CHECK(line.place(line.value.find("cd")).to_string() == "u:3:3");
    CHECK(line.place(line.value.find("ef")).to_string() == "u:5:1");
}

TEST_CASE("unit lexer: what is ignored is warned of, what is broken is refused") {
    struct Case { const char* text; const char* out; };
    const Case cases[] = {
        {"k=v\n[A]\n", "[A]\nu:1:1: warning: \"k\": stands in no section; the line is ignored\n"},
        {"[A]\n  word\n=v\n",
         "[A]\nu:2:3: warning: no \"=\" in \"word\"; the line is ignored\nu:3:1: warning: no key in front of \"=\"; the line is ignored\n"},
        {"[A]\nk=\xff\nj=v", "[A] j=<v>@3:1/3:3\nu:2:1: warning: not UTF-8; the line is ignored\n"},
        {"[A\nk=v\n", "u:1:1: broken section header \"[A\"\n"},
        {"[A]\nj=v\n[]\nk=v\n", "[A] j=<v>@2:1/2:3\nu:3:1: broken section header \"[]\"\n"},
        {"[A] x\n", "u:1:1: broken section header \"[A] x\"\n"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(lexed(c.text) == c.out);
    }
    CHECK(lexed(std::string_view("[A]\nk=\0\n", 8)).find("NUL") != std::string::npos);
}

TEST_CASE("unit lexer: a line of 1 MiB is read, one byte more is refused, joined or not") {
    const std::string full = "k=" + std::string(limits::kLineBytes - 2, 'x');
    Report report;
    CHECK(lex_unit("[A]\n" + full + "\nj=v\n", SourceFile("u"), report).at(0).lines.size() == 2);
    CHECK(report.take().empty());
    CHECK(lex_unit("[A]\n" + full + "x\nj=v\n", SourceFile("u"), report).at(0).lines.empty());
    CHECK(report.take().at(0).to_string() == "u:2:1: a line of more than 1048576 bytes");
    const std::string half = std::string(limits::kLineBytes / 2, 'x');
    CHECK(lex_unit("[A]\nk=" + half + "\\\n" + half, SourceFile("u"), report).at(0).lines.empty());
    CHECK(report.take().at(0).to_string() == "u:3:1: a line of more than 1048576 bytes");
}
