#include "model/expand.h"

#include <map>

#include <doctest/doctest.h>

using namespace swathe;
using Words = std::vector<std::string>;

TEST_CASE("expand: variables in command lines, as systemd replaces them") {
    const std::map<std::string, std::string, std::less<>> environment{
        {"ONE", "one"}, {"TWO", "two two"}, {"QUOTED", "'a b' \"c\"d \\'"}, {"EMPTY", ""}, {"SPACE", " \t"}};
    const auto lookup = [&](std::string_view name) {
        const auto found = environment.find(name);
        return found == environment.end() ? std::nullopt : std::optional(found->second);
    };
    struct Case { const char* word; Words words; };
    const Case cases[] = {
        {"plain", {"plain"}}, {"", {""}}, {"$ONE", {"one"}}, {"${ONE}", {"one"}}, {"$TWO", {"two", "two"}}, {"${TWO}", {"two two"}},
        {"-x${TWO}y", {"-xtwo twoy"}}, {"-x$ONE", {"-x$ONE"}}, {"$EMPTY", {}}, {"${EMPTY}", {""}}, {"$SPACE", {}},
        {"$QUOTED", {"a b", "cd", "'"}},
        {"$$", {"$"}}, {"$$ONE", {"$ONE"}}, {"$${ONE}", {"${ONE}"}}, {"a$$b${ONE}${ONE}", {"a$boneone"}}, {"$", {"$"}}, {"${", {"${"}},
        {"${ONE", {"${ONE"}},
        {"${1}", {"${1}"}}, {"$1", {"$1"}}, {"${}", {"${}"}}, {"$ONE/x", {"$ONE/x"}}, {"$NONE", {}}, {"a${NONE}b", {"ab"}},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.word));
        Command command{"/bin/x", {"$ONE", c.word, "end"}, true, false, false, false, {}};
        Words expected{"$ONE"}; // the program's own name is never replaced
        expected.insert(expected.end(), c.words.begin(), c.words.end());
        expected.emplace_back("end");
        CHECK(expand_words(command, lookup) == expected);
        command.expand = false;
        CHECK(expand_words(command, lookup) == command.argv);
    }
    Words unset;
    CHECK(expand_words(Command{"/x", {"x", "$A", "${B}", "$ONE"}, true, false, false, false, {}}, lookup, &unset) == Words{"x", "", "one"});
    CHECK(unset == Words{"A", "B"});
}
