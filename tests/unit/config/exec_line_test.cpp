#include "config/exec_line.h"
#include "config/limits.h"
#include "config/words.h"

#include <doctest/doctest.h>

using namespace swathe;
using Words = std::vector<std::string>;

TEST_CASE("words: quotes hold spaces together, C escapes are resolved") {
    struct Case { const char* line; Words words; };
    const Case cases[] = {
        {"", {}}, {"  \t ", {}}, {"a", {"a"}}, {" a  b\tc ", {"a", "b", "c"}}, {"'a b' \"c d\"", {"a b", "c d"}}, {"'' \"\"", {"", ""}},
        {"\"it's\" 'say \"x\"'", {"it's", "say \"x\""}}, {"a'b c'd", {"ab cd"}},
        {"\\x41\\102\\u00e9\\U0001f600", {"AB\xc3\xa9\xf0\x9f\x98\x80"}},
        {"a\\sb \\t \"\\n\" '\\\\'", {"a b", "\t", "\n", "\\"}}, {"\\\"q\\' \\a\\b\\f\\r\\v", {"\"q'", "\a\b\f\r\v"}},
        {"a\\ b c", {"a\\ b", "c"}},
        {"\\q \\x4 \\xzz \\08", {"\\q", "\\x4", "\\xzz", "\\08"}}, {"x=\"1 2\"", {"x=1 2"}}, {"\\377", {"\xff"}},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.line));
        const auto words = split_words(c.line);
        REQUIRE(words);
        Words texts;
        for (const Word& word : *words) texts.push_back(word.text);
        CHECK(texts == c.words);
    }
    for (const char* line :
         {"\"open", "'open", "a 'b", "end\\", "\"a\\\"", "\\x00", "\\000", "\\u0000", "\\ud800", "\\U00110000", "\\400"}) {
        CAPTURE(std::string(line));
        CHECK_FALSE(split_words(line));
    }
}

TEST_CASE("exec line: words, prefixes and specifiers") {
    struct Case { const char* line; const char* path; Words argv; bool expand; };
    const Case cases[] = {
        {"/bin/true", "/bin/true", {"/bin/true"}, true},
        {"true a 'b c'", "true", {"true", "a", "b c"}, true},
        {":/bin/true $A", "/bin/true", {"/bin/true", "$A"}, false},
        {"@/bin/sh -sh -c x", "/bin/sh", {"-sh", "-c", "x"}, true},
        {"@:/bin/sh sh", "/bin/sh", {"sh"}, false},
        {":@/bin/sh sh", "/bin/sh", {"sh"}, false},
        {"\"/opt/my prog\" x", "/opt/my prog", {"/opt/my prog", "x"}, true},
        {"/bin/%p %n %N %i %I %%", "/bin/web", {"/bin/web", "web@a-b.service", "web@a-b", "a-b", "a/b", "%"}, true},
        {"/bin/x \\; ';' a;b", "/bin/x", {"/bin/x", ";", ";", "a;b"}, true},
        {"/bin/x \"\\\\;\" '\\\\;'", "/bin/x", {"/bin/x", "\\;", "\\;"}, true}, // in quotes it is no semicolon
        {"/bin/x $$ ${A} $B", "/bin/x", {"/bin/x", "$$", "${A}", "$B"}, true},
        {"/bin/x ;", "/bin/x", {"/bin/x"}, true},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.line));
        const auto line = parse_exec_line(c.line, "web@a-b.service");
        REQUIRE(line);
        REQUIRE(line->commands.size() == 1);
        CHECK(line->commands[0].path == c.path);
        CHECK(line->commands[0].argv == c.argv);
        CHECK(line->commands[0].expand == c.expand);
        CHECK(line->warnings.empty());
    }
}

TEST_CASE("exec line: prefixes stand in any order and say what they say") {
    struct Case { const char* line; bool ignore_failure, privileged, keep_user, expand; };
    const Case cases[] = {
        {"/bin/x y", false, false, false, true}, {"-/bin/x y", true, false, false, true},  {"+/bin/x y", false, true, false, true},
        {"!/bin/x y", false, false, true, true}, {"!!/bin/x y", false, false, false, true}, {":-+@/bin/x y", true, true, false, false},
        {"@!-:/bin/x y", true, false, true, false}, {"-!!:/bin/x y", true, false, false, false},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.line));
        const auto line = parse_exec_line(c.line, "x.service");
        REQUIRE(line);
        const Command& command = line->commands.at(0);
        CHECK(command.path == "/bin/x");
        CHECK(command.argv == (std::string_view(c.line).find('@') == std::string_view::npos ? Words{"/bin/x", "y"} : Words{"y"}));
        CHECK(command.ignore_failure == c.ignore_failure);
        CHECK(command.privileged == c.privileged);
        CHECK(command.keep_user == c.keep_user);
        CHECK(command.expand == c.expand);
    }
}

TEST_CASE("exec line: a word \";\" separates commands, each with its own prefixes") {
    const auto line = parse_exec_line("-/bin/a 1 ; :/bin/b \\; ';' ; +/bin/c;d", "x.service");
    REQUIRE(line);
    REQUIRE(line->commands.size() == 3);
    CHECK(line->commands[0].argv == Words{"/bin/a", "1"});
    CHECK(line->commands[0].ignore_failure);
    CHECK(line->commands[1].argv == Words{"/bin/b", ";", ";"});
    CHECK_FALSE(line->commands[1].ignore_failure);
    CHECK_FALSE(line->commands[1].expand);
    CHECK(line->commands[2].path == "/bin/c;d");
    CHECK(line->commands[2].privileged);
}

TEST_CASE("exec line: what could not be run as asked is refused, what can is warned of") {
    for (const char* line : {"", " ", "-", "@", "@/bin/true", "--/bin/true", "::/bin/true", "++/bin/true", "+!/bin/true", "!!+/bin/true",
                             "!!!/bin/true", "!-!/bin/true", "|/bin/true", "-|/bin/true", "bin/true", "./true", "/bin/",
                             "$PROG", "${PROG} x", "; /bin/b", "/bin/a ; ; /bin/b", "/bin/a ; -", ";", "; ;", "'/bin/a", "/bin/a %x",
                             "/bin/\\n", "\"\""}) {
        CAPTURE(std::string(line));
        CHECK_FALSE(parse_exec_line(line, "x.service"));
    }
    CHECK(parse_exec_line("/bin/x \\q", "x.service")->warnings == Words{"unknown escape sequence; the backslash is kept"});
}

TEST_CASE("exec line: as many words, and as long, as execve(2) takes") {
    Words words(limits::kArguments, "x");
    CHECK(command_of(words));
    words.emplace_back("x");
    CHECK_FALSE(command_of(words));
    CHECK(command_of({"x", std::string(limits::kWordBytes, 'a')}));
    CHECK_FALSE(command_of({"x", std::string(limits::kWordBytes + 1, 'a')}));
    CHECK(command_of({"/" + std::string(limits::kPathBytes - 1, 'a')}));
    CHECK_FALSE(command_of({"/" + std::string(limits::kPathBytes, 'a')}));
    CHECK_FALSE(command_of({std::string("a\0b", 3)}));
    CHECK_FALSE(command_of({"x", std::string("\0", 1)}));
    CHECK_FALSE(command_of({}));
}
