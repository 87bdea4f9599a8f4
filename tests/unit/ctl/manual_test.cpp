#include "control/access.h"
#include "ctl/batch.h"
#include "ctl/commands.h"
#include "supervise/log_follow.h"
#include "supervise/tracing.h"

#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

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

/// The words of a line behind `macros`; nothing if it does not begin with these. (No std::regex: g++ 12's does not compile with
/// sanitizers and -Werror.)
std::optional<std::vector<std::string>> words_behind(const std::string& line, std::string_view macros) {
    if (!line.starts_with(macros)) return std::nullopt;
    std::istringstream in(line.substr(macros.size()));
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    if (words.empty()) return std::nullopt;
    return words;
}

/// The entries of the lists of DESCRIPTION.
Entries entries_of_manual() {
    Entries entries;
    std::string current;
    bool inside = false;
    bool heading = false; // of a verb, over several lines
    std::istringstream lines(manual());
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(".Sh ")) inside = line == ".Sh DESCRIPTION";
        if (!inside) continue;
        if (line == ".It Xo") heading = true;
        if (line == ".Xc") heading = false;
        auto verb = words_behind(line, ".It Cm ");
        if (!verb && heading) verb = words_behind(line, ".Cm ");
        if (verb) (void)entries[current = verb->front()];
        if (const auto option = words_behind(line, ".It Fl "))
            entries[current].insert("-" + option->front() + (option->size() > 1 && option->at(1) == "Ar" ? "=" : ""));
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
    CHECK(says("At most " + std::to_string(swathe::kMostTraces) + " traces run at a time"));
    CHECK(says("At most " + std::to_string(swathe::kMostFollowers) + " clients read logs at a time"));
    const auto per_second = swathe::kMostTracedPerTick * (std::chrono::seconds(1) / swathe::kTraceTick);
    CHECK(says("At most " + std::to_string(per_second) + " decisions a second are told"));
    CHECK(says("from 1 to " + std::to_string(swathe::kMostSparse)));
    CHECK(says("At most " + std::to_string(swathe::kMaxConnections) + " connections are served at a time, " +
               std::to_string(swathe::kMaxLookers) + " of them to members of the group and " +
               std::to_string(swathe::kMaxLookersPerUser) + " to any one"));
}

TEST_CASE("manual: every exit status has its entry") {
    const std::string text = manual();
    for (const Exit exit : {Exit::ok, Exit::failure, Exit::usage, Exit::not_running, Exit::no_such_service})
        CHECK(text.find("\n.It " + std::to_string(static_cast<int>(exit)) + "\n") != text.npos);
}
