#include "daemon/options.h"

#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

Result<Options> parse(std::vector<std::string> words) {
    words.insert(words.begin(), "swathed");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    return parse_options(static_cast<int>(argv.size()), argv.data());
}

/// The NAMEs of all ".It Fl -NAME" of a manual page.
std::set<std::string> options_of_manual(const std::string& path) {
    std::ifstream page(path);
    REQUIRE(page);
    std::set<std::string> written;
    for (std::string line; std::getline(page, line);) {
        std::istringstream words(line);
        std::string macro, flag, name;
        if (words >> macro >> flag >> name && macro == ".It" && flag == "Fl" && name.starts_with("-")) written.insert(name.substr(1));
    }
    return written;
}

} // namespace

TEST_CASE("options: each is taken as one word or two") {
    const auto options = parse({"--config", "/etc/a", "--runtime-dir=/run/b", "--bpffs", "/c", "--netns=edge", "--check"});
    REQUIRE(options);
    CHECK(options->config == "/etc/a");
    CHECK(options->runtime_dir == "/run/b");
    CHECK(options->bpffs == "/c");
    CHECK(options->netns == "edge");
    CHECK(options->check);
}

TEST_CASE("options: the defaults are those of the manual") {
    const auto options = parse({});
    REQUIRE(options);
    CHECK_FALSE(options->config);
    CHECK(options->runtime_dir == "/run/swathe");
    CHECK(options->bpffs == "/sys/fs/bpf");
    CHECK(options->netns.empty());
    CHECK_FALSE(options->check);
}

TEST_CASE("options: what cannot be meant is refused in one line") {
    struct Case { std::vector<std::string> words; const char* message; };
    const Case cases[] = {
        {{"--confg", "/a"}, "unknown option \"--confg\"; did you mean --config?"},
        {{"--config"}, "--config needs DIR"},
        {{"--config="}, "--config needs DIR"},
        {{"--check=yes"}, "--check takes no argument"},
        {{"start"}, "unexpected argument \"start\""},
        {{"-c"}, "unexpected argument \"-c\""},
    };
    for (const Case& c : cases) {
        CAPTURE(c.message);
        const auto options = parse(c.words);
        REQUIRE_FALSE(options);
        CHECK(options.error().message == c.message);
    }
}

TEST_CASE("options: swathed(8) has an entry for each, and no other") {
    std::set<std::string> known;
    for (const OptionSpec& spec : option_specs()) known.insert(spec.name);
    CHECK(options_of_manual(std::string(SWATHE_TEST_DATA) + "/../man/swathed.8") == known);
}
