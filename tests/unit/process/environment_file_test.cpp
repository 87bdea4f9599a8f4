#include "process/environment_file.h"

#include "model/service.h"
#include "support.h"

#include <fmt/format.h>

using namespace swathe;
using namespace swathe::test;

namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

Variables variables_of(std::string_view text) {
    FileVariables out;
    CHECK(parse_environment_file(text, out));
    CHECK(out.warnings.empty());
    return out.variables;
}

std::string refusal_of(std::string_view text) {
    FileVariables out;
    auto ok = parse_environment_file(text, out);
    return ok ? "" : ok.error().to_string();
}

EnvironmentFile named(std::string path, bool optional = false) { return {std::move(path), optional, {}}; }

} // namespace

TEST_CASE("environment file: quoting is systemd's") {
    struct Case { const char* text; Variables expected; };
    const Case cases[] = {
        {"", {}},
        {"A=1", {{"A", "1"}}},
        {"A=1\nB=2\n", {{"A", "1"}, {"B", "2"}}},
        {"A=1\r\nB=2\r\n", {{"A", "1"}, {"B", "2"}}},
        {"A=\nB=", {{"A", ""}, {"B", ""}}},
        {"  A = one two  \n", {{"A", "one two"}}},
        {"A=\"one  two \" \n", {{"A", "one  two "}}},
        {"A='one $x \\n \"'\n", {{"A", "one $x \\n \""}}},
        {"A='one'\"two\"three\n", {{"A", "onetwothree"}}},
        {"A=one\"two\"\n", {{"A", "one\"two\""}}}, // a quote inside of plain characters is one of them
        {"A=one\\\ntwo\n", {{"A", "onetwo"}}},
        {"A=one\\ \n", {{"A", "one "}}}, // an escaped blank stays
        {"A=a\\b\\\\c\n", {{"A", "ab\\c"}}},
        {"A=\"a\\\"b\\\\c\\$d\\`e\\nf\"\n", {{"A", "a\"b\\c$d`e\\nf"}}},
        {"A=\"one\\\ntwo\"\n", {{"A", "onetwo"}}},
        {"A=\"one\ntwo\"\nB=2", {{"A", "one\ntwo"}, {"B", "2"}}},
        {"# A=1\n; B=2\n   # C=3\nD=4 # no comment\n", {{"D", "4 # no comment"}}},
        {"# goes on \\\nA=1\n", {{"A", "1"}}}, // since systemd 254
        {"no assignment\nA=1\n", {{"A", "1"}}},
        {"A=1\nA=2\n", {{"A", "1"}, {"A", "2"}}},
        {"A=b=c\n", {{"A", "b=c"}}},
        {"A='not closed", {{"A", "not closed"}}},
        {"A=$HOME ${X} %i\n", {{"A", "$HOME ${X} %i"}}}, // nothing is replaced
        {"A=\tb\tc\t\n", {{"A", "b\tc"}}},
        {"A=\xc3\xa4\n", {{"A", "\xc3\xa4"}}},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(variables_of(c.text) == c.expected);
    }
}

TEST_CASE("environment file: what is no variable is left out, and told with its line") {
    FileVariables out;
    CHECK(parse_environment_file("export A=1\n\n=2 says nothing\n1B=3\nC='a\x01'\nD=4\n", out));
    CHECK(out.variables == Variables{{"D", "4"}});
    CHECK(out.warnings == std::vector<std::string>{
                              "line 1: \"export A\" is no name of an environment variable; it is left out",
                              "line 4: \"1B\" is no name of an environment variable; it is left out",
                              "line 5: C has a control character; it is left out",
                          });
}

TEST_CASE("environment file: NUL, other encodings and too many variables are refused") {
    CHECK(refusal_of(std::string_view("A=1\0", 4)) == "NUL character");
    CHECK(refusal_of("A=\xff\n") == "not UTF-8");
    std::string text;
    for (std::size_t i = 0; i < kEnvironmentFileVariables; ++i) text += fmt::format("A{}=1\n", i);
    CHECK(variables_of(text).size() == kEnvironmentFileVariables);
    CHECK(refusal_of(text + "B=1\n") == "line 1025: more than 1024 variables");
}

TEST_CASE("environment file: one that cannot be read is an error, if it is optional a warning, and nothing if it is only not there") {
    const TempDir dir;
    FileVariables out;
    const auto refusal = [&](const EnvironmentFile& file) {
        auto ok = read_environment_file(file, out);
        return ok ? "" : ok.error().to_string();
    };
    CHECK(refusal(named(dir / "none")) == "\"" + dir / "none" + "\": No such file or directory");
    CHECK(refusal(named(dir / "*.env")) == "\"" + dir / "*.env" + "\": No such file or directory");
    CHECK(refusal(named(dir / "none", true)).empty());
    CHECK(refusal(named(dir / "*.env", true)).empty());
    CHECK(out.warnings.empty());

    CHECK(refusal(named(dir.path())) == "\"" + dir.path() + "\" is not a regular file");
    REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0); // would hang whoever opens it
    CHECK(refusal(named(dir / "fifo")) == "\"" + dir / "fifo" + "\" is not a regular file");
    CHECK(refusal(named(dir / "fifo", true)).empty());
    CHECK(out.warnings == std::vector<std::string>{"\"" + dir / "fifo" + "\" is not a regular file; it is optional, and ignored"});

    out = {};
    std::ofstream(dir / "bad") << "A=1\nB=\xff\n";
    CHECK(refusal(named(dir / "bad")) == "\"" + dir / "bad" + "\": not UTF-8");
    CHECK(refusal(named(dir / "bad", true)).empty());
    CHECK(out.variables.empty());
}

TEST_CASE("environment file: a pattern reads all that match, in the order of their names") {
    const TempDir dir;
    std::ofstream(dir / "2.env") << "A=2\n";
    std::ofstream(dir / "1.env") << "A=1\nB=1\nbad name=1\n";
    std::ofstream(dir / "3.txt") << "A=3\n";
    FileVariables out;
    CHECK(read_environment_file(named(dir / "*.env"), out));
    CHECK(out.variables == Variables{{"A", "1"}, {"B", "1"}, {"A", "2"}});
    CHECK(out.warnings ==
          std::vector<std::string>{"\"" + dir / "1.env" + "\": line 3: \"bad name\" is no name of an environment variable; "
                                   "it is left out"});
}

TEST_CASE("environment file: a mebibyte is read, one byte more is not") {
    const TempDir dir;
    const std::string path = dir / "large";
    const std::string most = "A=1\n#" + std::string(kEnvironmentFileBytes - 5, 'x');
    std::ofstream(path) << most;
    FileVariables out;
    CHECK(read_environment_file(named(path), out));
    CHECK(out.variables == Variables{{"A", "1"}});
    std::ofstream(path) << most << 'x';
    auto ok = read_environment_file(named(path), out);
    REQUIRE_FALSE(ok);
    CHECK(ok.error().to_string() == "\"" + path + "\" is larger than 1048576 bytes");
}
