// Tables of what systemd's manual pages and COMPAT say: systemd.time(7), systemd.syntax(7), systemd.service(5), systemd.socket(5).

#include "config/endpoint.h"
#include "config/exec_line.h"
#include "config/time_span.h"
#include "config/unit_lexer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

constexpr std::int64_t kMs = 1000;
constexpr std::int64_t kS = 1000 * kMs;
constexpr std::int64_t kMin = 60 * kS;
constexpr std::int64_t kH = 60 * kMin;
constexpr std::int64_t kD = 24 * kH;
constexpr std::int64_t kW = 7 * kD;
constexpr std::int64_t kMonth = 2629800 * kS;
constexpr std::int64_t kYear = 31557600 * kS;

/// "key=value; ..." of each section, and in angle brackets what was warned of (w) or refused (e).
std::string lexed(std::string_view text) {
    Report report;
    std::string out;
    for (const UnitSection& section : lex_unit(text, SourceFile("u"), report)) {
        out += fmt::format("[{}]", section.name);
        for (const UnitLine& line : section.lines) out += fmt::format("{}={};", line.key, line.value);
    }
    for (const Diagnostic& diagnostic : report.take())
        out += fmt::format("<{}{}>", diagnostic.severity == Diagnostic::Severity::error ? 'e' : 'w', diagnostic.error.pos->line);
    return out;
}

/// "-+!:" as far as they were given, path, words in brackets; commands apart by " ; ".
std::string command_text(const Command& command) {
    return fmt::format("{}{}{}{}{} [{}]", command.ignore_failure ? "-" : "", command.privileged ? "+" : "", command.keep_user ? "!" : "",
                       command.expand ? "" : ":", command.path, fmt::join(command.argv, "|"));
}

std::string parsed(std::string_view line) {
    const auto exec = parse_exec_line(line, "web@a-b.service");
    if (!exec) return "refused";
    std::vector<std::string> commands;
    for (const Command& command : exec->commands) commands.push_back(command_text(command));
    return fmt::format("{}{}", fmt::join(commands, " ; "), exec->warnings.empty() ? "" : " warned");
}

std::string endpoint_text(std::string_view text) {
    const auto endpoint = parse_endpoint(text, {SourceFile("u"), 1, 1}, EndpointUse::listen);
    if (!endpoint) return "refused";
    std::string out;
    for (const auto& address : endpoint->addresses) out += address.value.to_string() + " ";
    return out + ": " + to_string(endpoint->ports);
}

} // namespace

TEST_CASE("systemd's tables: time spans") {
    struct Case { const char* text; std::int64_t usec; };
    const Case cases[] = {
        // every unit, with and without a space
        {"3us", 3}, {"3 us", 3}, {"3usec", 3}, {"3 usec", 3}, {"3\xce\xbcs", 3}, {"3 \xce\xbcs", 3}, {"3\xc2\xb5s", 3}, {"3ms", 3 * kMs},
        {"3 ms", 3 * kMs},
        {"3msec", 3 * kMs}, {"3 msec", 3 * kMs}, {"3s", 3 * kS}, {"3 s", 3 * kS}, {"3sec", 3 * kS}, {"3second", 3 * kS},
        {"3 second", 3 * kS}, {"3seconds", 3 * kS},
        {"3 seconds", 3 * kS}, {"3m", 3 * kMin}, {"3min", 3 * kMin}, {"3 min", 3 * kMin}, {"3minute", 3 * kMin}, {"3minutes", 3 * kMin},
        {"3 minutes", 3 * kMin},
        {"3h", 3 * kH}, {"3hr", 3 * kH}, {"3 hr", 3 * kH}, {"3hour", 3 * kH}, {"3hours", 3 * kH}, {"3 hours", 3 * kH}, {"3d", 3 * kD},
        {"3day", 3 * kD}, {"3days", 3 * kD},
        {"3w", 3 * kW}, {"3week", 3 * kW}, {"3weeks", 3 * kW}, {"3M", 3 * kMonth}, {"3month", 3 * kMonth}, {"3months", 3 * kMonth},
        {"3y", 3 * kYear}, {"3year", 3 * kYear},
        {"3years", 3 * kYear},
        // no unit: seconds
        {"0", 0}, {"1", kS}, {"50", 50 * kS}, {"007", 7 * kS}, {"0s", 0}, {"0us", 0}, {"1.5", kS + 500 * kMs}, {"0.5", 500 * kMs},
        {".5", 500 * kMs}, {"0.000001", 1},
        // the manual's examples
        {"2 h", 2 * kH}, {"2hours", 2 * kH}, {"48hr", 48 * kH}, {"1y 12month", kYear + 12 * kMonth}, {"55s500ms", 55 * kS + 500 * kMs},
        {"300ms20s 5day", 5 * kD + 20 * kS + 300 * kMs},
        {"1h 30min", kH + 30 * kMin}, {"1h30min", kH + 30 * kMin}, {"2min 200ms", 2 * kMin + 200 * kMs}, {"5min 20s", 5 * kMin + 20 * kS},
        {"1.5s", kS + 500 * kMs},
        // sums, fractions, white space
        {"1s1s1s", 3 * kS}, {"1s 1s", 2 * kS}, {"1s\t1s", 2 * kS}, {" 1s ", kS}, {"1min1", kMin + kS}, {"1 1", 2 * kS},
        {"5 20ms", 5 * kS + 20 * kMs}, {"1ms 1h", kH + kMs},
        {"0.5min", 30 * kS}, {"1.25h", kH + 15 * kMin}, {"0.1s", 100 * kMs}, {"0.001s", kMs}, {"1.000001s", kS + 1}, {"1.0000019s", kS + 1},
        {"0.1us", 0}, {"3.5ms", 3500},
        {"1.5d", 36 * kH}, {"0.5w", 84 * kH}, {"2M", 2 * kMonth}, {"2m", 2 * kMin}, {"2M2m2ms", 2 * kMonth + 2 * kMin + 2 * kMs},
        {"100y", 100 * kYear}, {"36525d", 36525 * kD}, {"3155760000s", 100 * kYear},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        const auto span = parse_time_span(c.text);
        REQUIRE(span);
        CHECK(span->count() == c.usec);
    }
    CHECK(parse_time_span("infinity") == kInfinity);
    CHECK(parse_time_span(" infinity ") == kInfinity);
    for (const char* text : {"", " ", "s", "ms", ".", ".s", "1.", "1.s", "1..5s", "-1", "- 1", "-1s", "+1", "1s -1s", "1-2", "1s,2s",
                             "1:30", "3x", "3 seks", "3Sec", "3S", "3Min", "3H", "3D",
                             "3Y", "3MS", "3 m s", "Infinity", "infinityx", "inf", "1e3", "1E3s", "0x1", "1_000", "one", "3ns", "3nsec",
                             "101y", "1201month", "1s\n2x",
                             "99999999999999999999", "100y1us"}) {
        CAPTURE(std::string(text));
        CHECK_FALSE(parse_time_span(text));
    }
}

TEST_CASE("systemd's tables: the syntax of units") {
    struct Case { const char* text; const char* out; };
    const Case cases[] = {
        {"", ""}, {"\n\n\n", ""}, {" \t \n", ""}, {"[A]", "[A]"}, {"[A]\n", "[A]"}, {"\t[A]\t\n", "[A]"}, {"[A B]\n", "[A B]"},
        {"[a.b-c]\n", "[a.b-c]"}, {"[A][B]\n", "[A][B]"},
        {"[A]\nk=v", "[A]k=v;"}, {"[A]\nk = v", "[A]k=v;"}, {"[A]\n  k\t=\tv  ", "[A]k=v;"}, {"[A]\nk=", "[A]k=;"},
        {"[A]\nk=   ", "[A]k=;"}, {"[A]\nk==v", "[A]k==v;"},
        {"[A]\nk=a=b", "[A]k=a=b;"}, {"[A]\nk=[B]", "[A]k=[B];"}, {"[A]\nk=\"a b\"", "[A]k=\"a b\";"}, {"[A]\nk=v\nk=w", "[A]k=v;k=w;"},
        {"[A]\nk=v\n[B]\nk=w\n[A]\nl=x", "[A]k=v;[B]k=w;[A]l=x;"},
        {"[A]\nk v=w", "[A]k v=w;"}, {"[A]\nK=v", "[A]K=v;"},
        // comments: at the start of a line, and nowhere else
        {"#c\n[A]\n;c\nk=v\n  # c\n\t; c\n", "[A]k=v;"}, {"[A]\nk=v # c", "[A]k=v # c;"}, {"[A]\nk=v ; c", "[A]k=v ; c;"},
        {"[A]\nk=#v", "[A]k=#v;"}, {"[A]\n#k=v\\\nl=w", "[A]l=w;"}, {"#", ""}, {";", ""},
        {"[A]\nk=a\\\n#c\nb", "[A]k=a b;"}, {"[A]\nk=a\\\n;c\nb", "[A]k=a b;"}, {"[A]\nk=a\\\n  # c\\\nb", "[A]k=a b;"},
        {"[A]\nk=a\\\n#c\n#d\nb\\\n#e\nc", "[A]k=a b c;"},
        // continued lines
        {"[A]\nk=a\\\nb", "[A]k=a b;"}, {"[A]\nk=a \\\n b", "[A]k=a   b;"}, {"[A]\nk=\\\nv", "[A]k=v;"}, {"[A]\nk\\\n=v", "[A]k=v;"},
        {"[A]\nk=a\\\n\nl=b", "[A]k=a;l=b;"}, {"[A]\nk=a\\", "[A]k=a;"},
        {"[A]\nk=a\\\n", "[A]k=a;"}, {"[A]\nk=a\\\\\nl=b", "[A]k=a\\\\;l=b;"}, {"[A]\nk=a\\\\\\\nb", "[A]k=a\\\\ b;"},
        {"[A]\nk=a\\ \nl=b", "[A]k=a\\;l=b;"}, {"[A]\nk=a\\\n[B]", "[A]k=a [B];"}, {"[A\\\n]", "[A ]"},
        {"[A]\nk=a\\\nb=c", "[A]k=a b=c;"}, {"[A]\nk=a\\b", "[A]k=a\\b;"},
        // line ends and byte order marks
        {"[A]\r\nk=v\r\n", "[A]k=v;"}, {"[A]\r\nk=a\\\r\nb\r\n", "[A]k=a b;"}, {"\xef\xbb\xbf[A]\nk=v", "[A]k=v;"}, {"\xef\xbb\xbf", ""},
        {"\xef\xbb\xbf#c\n[A]", "[A]"}, {"[A]\nk=\xef\xbb\xbfv", "[A]k=\xef\xbb\xbfv;"},
        // UTF-8
        {"[A]\nk=\xc3\xa4", "[A]k=\xc3\xa4;"}, {"[\xc3\xa4]\nk=v", "[\xc3\xa4]k=v;"}, {"[A]\nk=\xff\nl=w", "[A]l=w;<w2>"},
        {"[A]\n\xffk=v\nl=w", "[A]l=w;<w2>"}, {"[A]\nk=a\\\n\xff\nl=w", "[A]l=w;<w2>"},
        {"[A]\nk=\xc3\n", "[A]<w2>"}, {"[A]\nk=\xed\xa0\x80\n", "[A]<w2>"}, {"[A]\nk=\xc0\x80\n", "[A]<w2>"},
        {"#\xff\n[A]\nk=v", "[A]k=v;"},
        // lines that are ignored, and what ends a file
        {"k=v\n[A]\nl=w", "[A]l=w;<w1>"}, {"[A]\nword\nk=v", "[A]k=v;<w2>"}, {"[A]\n=v\nk=v", "[A]k=v;<w2>"}, {"[A]\n  = v\n", "[A]<w2>"},
        {"[A]\nk=v\n[B\nl=w", "[A]k=v;<e3>"}, {"[A]\n[]\nk=v", "[A]<e2>"},
        {"[A] # c\nk=v", "<e1>"}, {"[\xff]\nk=v", "<e1>"}, {"[A]x\nk=v", "<e1>"}, {"[", "<e1>"}, {"word", "<w1>"},
        {".include /x\n[A]\nk=v", "[A]k=v;<w1>"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(lexed(c.text) == c.out);
    }
}

TEST_CASE("systemd's tables: command lines") {
    struct Case { const char* line; const char* out; };
    const Case cases[] = {
        {"/bin/a", "/bin/a [/bin/a]"}, {"  /bin/a  ", "/bin/a [/bin/a]"}, {"a", "a [a]"}, {"/bin/a b c", "/bin/a [/bin/a|b|c]"},
        {"/bin/a\tb", "/bin/a [/bin/a|b]"}, {"/bin/a b  c", "/bin/a [/bin/a|b|c]"},
        // quotes and escapes
        {"/bin/a \"b c\"", "/bin/a [/bin/a|b c]"}, {"/bin/a 'b c'", "/bin/a [/bin/a|b c]"}, {"/bin/a \"\"", "/bin/a [/bin/a|]"},
        {"/bin/a ''", "/bin/a [/bin/a|]"}, {"/bin/a 'it\"s'", "/bin/a [/bin/a|it\"s]"},
        {"/bin/a \"it's\"", "/bin/a [/bin/a|it's]"}, {"/bin/a \\\"", "/bin/a [/bin/a|\"]"}, {"/bin/a \\'", "/bin/a [/bin/a|']"},
        {"/bin/a \\\\", "/bin/a [/bin/a|\\]"}, {"/bin/a \\s", "/bin/a [/bin/a| ]"}, {"/bin/a \\x41", "/bin/a [/bin/a|A]"},
        {"/bin/a \\101", "/bin/a [/bin/a|A]"}, {"/bin/a \\u0041", "/bin/a [/bin/a|A]"}, {"/bin/a \\U00000041", "/bin/a [/bin/a|A]"},
        {"/bin/a \\t", "/bin/a [/bin/a|\t]"}, {"/bin/a \\n", "/bin/a [/bin/a|\n]"}, {"/bin/a '\\x41'", "/bin/a [/bin/a|A]"},
        {"/bin/a \\q", "/bin/a [/bin/a|\\q] warned"}, {"/bin/a \\x4", "/bin/a [/bin/a|\\x4] warned"},
        {"/bin/a b\\ c d", "/bin/a [/bin/a|b\\ c|d] warned"}, {"/bin/a \\\u00e4x", "/bin/a [/bin/a|\\\u00e4x] warned"},
        {"/bin/a 50%", "/bin/a [/bin/a|50%]"},
        {"\"/bin/a b\" c", "/bin/a b [/bin/a b|c]"}, {"'/bin/a'", "/bin/a [/bin/a]"}, {"/bin/\\x61", "/bin/a [/bin/a]"},
        // no shell
        {"/bin/a | b", "/bin/a [/bin/a|||b]"}, {"/bin/a > b", "/bin/a [/bin/a|>|b]"}, {"/bin/a & b", "/bin/a [/bin/a|&|b]"},
        {"/bin/a *", "/bin/a [/bin/a|*]"}, {"/bin/a ~", "/bin/a [/bin/a|~]"}, {"/bin/a `b`", "/bin/a [/bin/a|`b`]"},
        {"/bin/a # b", "/bin/a [/bin/a|#|b]"},
        // variables stay for the start
        {"/bin/a $B ${C} $$D", "/bin/a [/bin/a|$B|${C}|$$D]"}, {"/bin/a x${C}y", "/bin/a [/bin/a|x${C}y]"},
        {":/bin/a $B", ":/bin/a [/bin/a|$B]"},
        // specifiers
        {"/bin/%p %i %I %n %N %%", "/bin/web [/bin/web|a-b|a/b|web@a-b.service|web@a-b|%]"}, {"/bin/a %t/%j", "/bin/a [/bin/a|/run/web]"},
        {"/bin/a '%i x'", "/bin/a [/bin/a|a-b x]"},
        // prefixes
        {"-/bin/a", "-/bin/a [/bin/a]"}, {"+/bin/a", "+/bin/a [/bin/a]"}, {"!/bin/a", "!/bin/a [/bin/a]"}, {"!!/bin/a", "/bin/a [/bin/a]"},
        {":/bin/a", ":/bin/a [/bin/a]"}, {"@/bin/a b", "/bin/a [b]"}, {"@/bin/a b c", "/bin/a [b|c]"},
        {"-:/bin/a", "-:/bin/a [/bin/a]"}, {":-/bin/a", "-:/bin/a [/bin/a]"}, {"-+/bin/a", "-+/bin/a [/bin/a]"},
        {"+-/bin/a", "-+/bin/a [/bin/a]"}, {"@-/bin/a b", "-/bin/a [b]"}, {"-@/bin/a b", "-/bin/a [b]"}, {"@-:+/bin/a b", "-+:/bin/a [b]"},
        {"!-:@/bin/a b", "-!:/bin/a [b]"}, {"-!!/bin/a", "-/bin/a [/bin/a]"}, {"-a", "-a [a]"}, {"'-/bin/a'", "-/bin/a [/bin/a]"},
        // several commands
        {"/bin/a ; /bin/b", "/bin/a [/bin/a] ; /bin/b [/bin/b]"}, {"/bin/a b ; -/bin/c d", "/bin/a [/bin/a|b] ; -/bin/c [/bin/c|d]"},
        {"/bin/a ;", "/bin/a [/bin/a]"}, {"/bin/a \\; b", "/bin/a [/bin/a|;|b]"}, {"/bin/a ';' b", "/bin/a [/bin/a|;|b]"},
        {"/bin/a; /bin/b", "/bin/a; [/bin/a;|/bin/b]"}, {"/bin/a b;c", "/bin/a [/bin/a|b;c]"},
        {"/bin/a ; /bin/b ; /bin/c", "/bin/a [/bin/a] ; /bin/b [/bin/b] ; /bin/c [/bin/c]"},
        // what is refused
        {"", "refused"}, {"-", "refused"}, {"@/bin/a", "refused"}, {"--/bin/a", "refused"}, {"@@/bin/a b", "refused"},
        {"::/bin/a", "refused"}, {"++/bin/a", "refused"}, {"+!/bin/a", "refused"}, {"+!!/bin/a", "refused"}, {"!!!/bin/a", "refused"},
        {"|/bin/a", "refused"}, {"./a", "refused"}, {"../a", "refused"}, {"bin/a", "refused"}, {"/bin/", "refused"}, {"/", "refused"},
        {"$A", "refused"}, {"${A}", "refused"}, {"/bin/a\\n", "refused"}, {"; /bin/a", "refused"}, {"/bin/a ; ; /bin/b", "refused"},
        {"/bin/a 'b", "refused"}, {"/bin/a \"b", "refused"}, {"/bin/a b\\", "refused"}, {"/bin/a \\x00", "refused"},
        {"/bin/a \\000", "refused"}, {"/bin/a \\ud800", "refused"}, {"/bin/a %z", "refused"}, {"/bin/a %", "/bin/a [/bin/a|%]"}, {"\"\"", "refused"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.line));
        CHECK(parsed(c.line) == c.out);
    }
}

TEST_CASE("systemd's tables: addresses of sockets") {
    struct Case { const char* text; const char* out; };
    const Case cases[] = {
        {"1", "0.0.0.0/0 ::/0 : 1"}, {"80", "0.0.0.0/0 ::/0 : 80"}, {"8888", "0.0.0.0/0 ::/0 : 8888"}, {"65535", "0.0.0.0/0 ::/0 : 65535"},
        {"0", "refused"}, {"65536", "refused"}, {"-1", "refused"}, {"+1", "refused"}, {"80x", "refused"}, {"http", "refused"},
        {"1.2.3.4:80", "1.2.3.4 : 80"}, {"0.0.0.0:80", "0.0.0.0/0 : 80"}, {"127.0.0.1:1", "127.0.0.1 : 1"},
        {"255.255.255.254:65535", "255.255.255.254 : 65535"}, {"1.2.3.4", "refused"}, {"1.2.3.4:", "refused"}, {"1.2.3.4:0", "refused"},
        {"1.2.3.4:65536", "refused"}, {"1.2.3.4:http", "refused"}, {"1.2.3:80", "refused"}, {"1.2.3.4.5:80", "refused"},
        {"256.1.1.1:80", "refused"}, {"01.2.3.4:80", "refused"}, {"1.2.3.4 :80", "refused"}, {"localhost:80", "refused"},
        {"example.org:80", "refused"},
        {"[::1]:80", "::1 : 80"}, {"[::]:80", "0.0.0.0/0 ::/0 : 80"}, {"[2001:db8::1]:443", "2001:db8::1 : 443"},
        {"[2001:0db8:0:0:0:0:0:1]:443", "2001:db8::1 : 443"}, {"[::1]", "refused"}, {"[::1]:", "refused"}, {"[::1]:0", "refused"},
        {"[::1]80", "refused"},
        {"::1:80", "refused"}, {"[::1", "refused"}, {"::1]:80", "refused"}, {"[]:80", "refused"}, {"[1.2.3.4]:80", "refused"},
        {"[::g]:80", "refused"}, {"[1::2::3]:80", "refused"}, {"[12345::]:80", "refused"}, {"[::ffff:1.2.3.4]:80", "refused"},
        {"[fe80::1%lo]:80", "refused"},
        // ours
        {"1.2.3.0/24:80", "1.2.3.0/24 : 80"}, {"1.2.3.0/24:80,443", "1.2.3.0/24 : 80,443"}, {"1.2.3.0/24:1-1024", "1.2.3.0/24 : 1-1024"},
        {"1.2.3.0/24:*", "1.2.3.0/24 : all"}, {"0.0.0.0/0:80", "0.0.0.0/0 : 80"}, {"[::/0]:80", "::/0 : 80"},
        {"[2001:db8::/32]:80", "2001:db8::/32 : 80"},
        {"1.2.3.4-1.2.3.6:80", "1.2.3.4-1.2.3.6 : 80"}, {"[2001:db8::1-2001:db8::3]:80", "2001:db8::1-2001:db8::3 : 80"},
        {"1.2.3.4/24:80", "refused"}, {"1.2.3.0/33:80", "refused"}, {"1.2.3.0/:80", "refused"}, {"1.2.3.6-1.2.3.4:80", "refused"},
        {"1.2.3.4-[::1]:80", "refused"},
        {"1.2.3.4:80-", "refused"}, {"1.2.3.4:-80", "refused"}, {"1.2.3.4:90-80", "refused"}, {"1.2.3.4:80,80", "refused"},
        {"1.2.3.4:80,,81", "refused"}, {"1.2.3.4:*,1", "refused"}, {"1.2.3.4:all", "1.2.3.4 : all"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(endpoint_text(c.text) == c.out);
    }
}
