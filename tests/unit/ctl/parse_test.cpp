#include "ctl/parse.h"

#include <set>

#include <doctest/doctest.h>

using namespace swathe::ctl;

namespace {

std::variant<Invocation, Message> parsed(std::vector<const char*> words) {
    words.insert(words.begin(), "swathectl");
    return parse(static_cast<int>(words.size()), words.data());
}

Invocation good(const std::vector<const char*>& words) {
    auto result = parsed(words);
    const auto* message = std::get_if<Message>(&result);
    REQUIRE_MESSAGE(message == nullptr, message->text);
    return std::get<Invocation>(result);
}

std::string refusal(const std::vector<const char*>& words) {
    auto result = parsed(words);
    const auto* message = std::get_if<Message>(&result);
    REQUIRE(message != nullptr);
    CHECK(message->exit == Exit::usage);
    return message->text;
}

using Words = std::vector<std::string>;

} // namespace

TEST_CASE("parse: every verb of the table is understood, with as many words as it takes") {
    for (const Command& command : commands()) {
        CAPTURE(std::string(command.name));
        std::vector<const char*> words{command.name.data()};
        if (command.verb == Verb::explain) words.insert(words.end(), {"tcp", "192.0.2.9", "443"});
        if (command.verb == Verb::import) words.insert(words.end(), {"xinetd", "/etc/xinetd.d"});
        if (command.verb == Verb::completion) words.push_back("bash");
        else if (command.max_words == 1 && command.min_words == 1) words.push_back("web");
        if (command.max_words == kMany) words.insert(words.end(), {"a", "b"});
        CHECK(good(words).verb == command.verb);
        CHECK(good(words).words.size() == words.size() - 1);
        if (command.max_words == kMany) continue;
        words.insert(words.end(), {"too", "many", "words", "here"});
        CHECK(refusal(words).find("unexpected argument") != std::string::npos);
    }
}

TEST_CASE("parse: import knows three formats") {
    CHECK(good({"import", "inetd", "/etc/inetd.conf", "--output", "x"}).words == Words{"inetd", "/etc/inetd.conf"});
    CHECK(refusal({"import", "init", "x"}).find("import: the formats are inetd, xinetd and tubular") != std::string::npos);
    CHECK(refusal({"import", "inetd"}).find("inetd|xinetd|tubular FILE expected") != std::string::npos);
}

TEST_CASE("parse: logs takes names, and its options by letter, too") {
    const Invocation invocation = good({"logs", "-f", "-n", "0", "edge", "dns"});
    CHECK(invocation.verb == Verb::logs);
    CHECK(invocation.words == std::vector<std::string>{"edge", "dns"});
    CHECK(invocation.has("--follow"));
    CHECK(invocation.number("--lines", 10) == 0);
    CHECK(good({"logs", "--lines", "1000000000"}).number("--lines", 7) == 1'000'000'000);
    CHECK_FALSE(good({"logs"}).has("--follow"));
    for (const char* bad : {"-1", "1000000001", "", "x"})
        CHECK(refusal({"logs", "--lines", bad}).find("--lines: expected a number in 0-1000000000") != std::string::npos);
}

TEST_CASE("parse: numbers are taken in their ranges and refused beside them") {
    CHECK(good({"trace", "--sample", "1000000", "--count", "1"}).number("--sample", 1) == 1'000'000);
    CHECK(good({"trace"}).number("--sample", 7) == 7);
    for (const auto& words : {std::vector<const char*>{"trace", "--sample", "0"},
                              {"trace", "--sample", "1000001"},
                              {"trace", "--sample", "1x"},
                              {"trace", "--sample", ""},
                              {"trace", "--count", "0"},
                              {"trace", "--count", "1000000001"},
                              {"top", "--count", "+1"},
                              {"top", "--interval", "0.09"},
                              {"top", "--interval", "3600.1"},
                              {"top", "--interval", "nan"},
                              {"top", "--interval", "1e3"},
                              {"top", "--interval", "-1"},
                              {"top", "--interval", "1s"}}) {
        CAPTURE(words[2]);
        CHECK(refusal(words).find(std::string(words[1]) + ": expected") != std::string::npos);
    }
    CHECK(good({"top"}).interval().count() == 2000);
    CHECK(good({"top", "--interval", "0.1"}).interval().count() == 100);
    CHECK(good({"top", "--interval", "3600"}).interval().count() == 3'600'000);
}

TEST_CASE("parse: global options stand before or after the verb") {
    for (const auto& words : {std::vector<const char*>{"--json", "--runtime-dir", "/x", "status", "edge"},
                              std::vector<const char*>{"status", "edge", "--json", "--runtime-dir=/x"},
                              std::vector<const char*>{"--json", "status", "--runtime-dir", "/x", "edge"}}) {
        const Invocation invocation = good(words);
        CHECK(invocation.json);
        CHECK(invocation.runtime_dir == "/x");
        CHECK(invocation.words == Words{"edge"});
    }
    CHECK_FALSE(good({"status"}).json);
    CHECK(good({"status"}).runtime_dir == "/run/swathe");
}

TEST_CASE("parse: explain takes a question, or a batch of them") {
    const Invocation one = good({"explain", "tcp", "2001:db8::9", "443", "--from", "[2001:db8::1]:55", "--interface", "eth0", "--json"});
    CHECK(one.words == Words{"tcp", "2001:db8::9", "443"});
    CHECK(one.value_or_empty("--from") == "[2001:db8::1]:55");
    CHECK(one.value_or_empty("--interface") == "eth0");
    CHECK_FALSE(one.has("--config"));
    CHECK(good({"explain", "--batch", "--kernel", "--config", "d"}).value_or_empty("--config") == "d");

    CHECK(refusal({"explain"}).find("PROTO ADDR PORT expected") != std::string::npos);
    CHECK(refusal({"explain", "tcp", "192.0.2.9"}).find("PROTO ADDR PORT expected") != std::string::npos);
    CHECK(refusal({"explain", "--batch", "tcp", "192.0.2.9", "443"}).find("standard input") != std::string::npos);
    CHECK(refusal({"explain", "--batch", "--from", "192.0.2.9"}).find("standard input") != std::string::npos);
    CHECK(refusal({"explain", "tcp", "192.0.2.9", "443", "--kernel", "--interface", "lo"}).find("test run") != std::string::npos);
    CHECK(good({"explain", "tcp", "192.0.2.9", "443", "--live", "--interface", "lo"}).has("--live"));
    CHECK(refusal({"explain", "tcp", "192.0.2.9", "443", "--live", "--kernel"}).find("leave out --kernel") != std::string::npos);
    CHECK(refusal({"explain", "--batch", "--live", "--config", "d"}).find("leave out --config") != std::string::npos);
}

TEST_CASE("parse: rules may be sorted by hits, and cut") {
    const Invocation top = good({"rules", "--sort", "hits", "--limit", "10"});
    CHECK(top.has("--sort"));
    CHECK(top.number("--limit", 0) == 10U);
    CHECK(good({"rules", "--never-hit"}).number("--limit", 0) == 0U);
    CHECK(good({"rules", "--config", "d", "--limit", "1000000000"}).number("--limit", 0) == 1'000'000'000U);
    for (const char* bad : {"0", "-1", "x", "1x", "1000000001", "99999999999", ""})
        CHECK(refusal({"rules", "--limit", bad}).find("--limit") != std::string::npos);
    CHECK(refusal({"rules", "--sort", "prefix"}).find("--sort hits") != std::string::npos);
    CHECK(refusal({"rules", "--config", "d", "--never-hit"}).find("leave out --config") != std::string::npos);
}

TEST_CASE("parse: a service may be called like a verb") {
    CHECK(good({"start", "list", "status"}).words == Words{"list", "status"});
    CHECK(good({"status", "rules"}).words == Words{"rules"});
}

TEST_CASE("parse: what is not understood is said, with what was meant") {
    CHECK(refusal({}) == "swathectl: command expected\nTry \"swathectl --help\".\n");
    CHECK(refusal({"statsu"}).find("unknown command \"statsu\"; did you mean status?") != std::string::npos);
    CHECK(refusal({"status", "--jsom"}).find("unknown option \"--jsom\"; did you mean --json?") != std::string::npos);
    CHECK(refusal({"status", "--config", "d"}).find("unknown option \"--config\"") != std::string::npos); // is not one of status
    CHECK(refusal({"start"}).find("start: NAME... expected") != std::string::npos);
    CHECK(refusal({"rules", "--config"}).find("--config") != std::string::npos);
    CHECK(refusal({"completion", "tcsh"}).find("bash") != std::string::npos);
    CHECK(refusal({"st\x1b[2J"}).find('\x1b') == std::string::npos);
}

TEST_CASE("parse: help names every verb, and of a verb every option") {
    const auto help_of = [](const std::vector<const char*>& words) {
        auto result = parsed(words);
        const auto* message = std::get_if<Message>(&result);
        REQUIRE(message != nullptr);
        CHECK(message->exit == Exit::ok);
        return message->text;
    };
    const std::string all = help_of({"--help"});
    CHECK(help_of({"-h"}) == all);
    for (const Command& command : commands()) {
        CAPTURE(std::string(command.name));
        CHECK(all.find("\n  " + std::string(command.name)) != std::string::npos);
        const std::string help = help_of({command.name.data(), "--help"});
        CHECK(help.starts_with("Usage: swathectl " + std::string(command.name)));
        for (const Option& option : command.options) CHECK(help.find("\n  " + std::string(option.name)) != std::string::npos);
    }
}

TEST_CASE("parse: schema knows three files, and edit changes a file or a drop-in, not both") {
    for (const char* word : {"service", "drop-in", "daemon"}) CHECK(good({"schema", word}).words == Words{word});
    CHECK(good({"schema"}).words.empty());
    CHECK(refusal({"schema", "units"}).find("the schemas are service, drop-in and daemon") != std::string::npos);
    CHECK(good({"edit", "web", "--full"}).has("--full"));
    CHECK(good({"edit", "--drop-in", "10-site", "web"}).value_or_empty("--drop-in") == "10-site");
    CHECK(refusal({"edit", "--full", "--drop-in", "x", "web"}).find("--full edits no drop-in") != std::string::npos);
    CHECK(good({"show", "web", "restart", "ExecStart"}).words == Words{"web", "restart", "ExecStart"});
    CHECK(refusal({"show"}).find("NAME [KEY...] expected") != std::string::npos);
}
