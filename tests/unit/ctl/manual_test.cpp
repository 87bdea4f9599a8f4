#include "control/access.h"
#include "ctl/batch.h"
#include "ctl/commands.h"

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

using namespace swathe::ctl;

namespace {

/// Verb -> its options with "=" where they take a value; "" -> those of all verbs.
using Entries = std::map<std::string, std::set<std::string>>;

std::string manual() {
    std::ifstream in(SWATHE_TEST_DATA "/../man/swathectl.1");
    std::stringstream text;
    text << in.rdbuf();
    REQUIRE_FALSE(text.str().empty());
    return text.str();
}

/// The entries of the lists between DESCRIPTION and JSON.
Entries entries_of_manual() {
    static const std::regex verb("^\\.It Cm ([a-z]+).*|^\\.Cm ([a-z]+)$");
    static const std::regex option("^\\.It Fl (-[a-z-]+)( Ar .*)?(| , Fl h)$");
    Entries entries;
    std::string current;
    bool inside = false;
    bool heading = false; // of a verb, over several lines
    std::istringstream lines(manual());
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(".Sh ")) inside = line == ".Sh DESCRIPTION";
        if (!inside) continue;
        std::smatch match;
        if (line == ".It Xo") heading = true;
        if (line == ".Xc") heading = false;
        if (std::regex_match(line, match, verb) && (match[1].matched || heading)) {
            current = match[1].matched ? match[1] : match[2];
            (void)entries[current];
        }
        if (std::regex_match(line, match, option)) entries[current].insert("-" + match[1].str() + (match[2].matched ? "=" : ""));
    }
    return entries;
}

Entries entries_of_table() {
    Entries entries;
    const auto add = [&](const std::string& verb, std::span<const Option> options) {
        for (const Option& option : options) entries[verb].insert(std::string(option.name) + (option.value.empty() ? "" : "="));
    };
    add("", global_options());
    for (const Command& command : commands()) {
        (void)entries[std::string(command.name)];
        add(std::string(command.name), command.options);
    }
    return entries;
}

} // namespace

TEST_CASE("manual: every verb and option has its entry, and every entry its verb or option") {
    const Entries table = entries_of_table();
    const Entries page = entries_of_manual();
    for (const auto& entry : table) {
        CAPTURE(entry.first);
        REQUIRE(page.count(entry.first) == 1);
        CHECK(page.at(entry.first) == entry.second);
    }
    for (const auto& entry : page) {
        CAPTURE(entry.first);
        CHECK(table.count(entry.first) == 1);
    }
}

TEST_CASE("manual: the limits are those of the code") {
    std::string text = manual();
    for (char& c : text)
        if (c == '\n') c = ' ';
    const auto says = [&](const std::string& words) { return text.find(words) != text.npos; };
    CHECK(says("longer than " + std::to_string(kLongestBatchLine) + " bytes"));
    CHECK(says("At most " + std::to_string(swathe::kMaxConnections) + " connections are served at a time, " +
               std::to_string(swathe::kMaxLookers) + " of them to members of the group and " +
               std::to_string(swathe::kMaxLookersPerUser) + " to any one"));
}

TEST_CASE("manual: every exit status has its entry") {
    const std::string text = manual();
    for (const Exit exit : {Exit::ok, Exit::failure, Exit::usage, Exit::not_running, Exit::no_such_service})
        CHECK(text.find("\n.It " + std::to_string(static_cast<int>(exit)) + "\n") != text.npos);
}
