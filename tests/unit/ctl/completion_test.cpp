#include "ctl/commands.h"
#include "ctl/help.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

#include <unistd.h>

using namespace swathe::ctl;

namespace {

/// What bash offers for the last of `words`; `services` is what "swathectl list" prints below its headings.
std::set<std::string> offers(const std::string& words, const std::string& services = "") {
    char path[] = "/tmp/swathectl-completion-XXXXXX";
    const int fd = ::mkstemp(path);
    REQUIRE(fd >= 0);
    std::string script = bash_completion();
    script += "swathectl() { printf '%s\\n' 'NAME STATE' " + services + "; }\n";
    script += "COMP_WORDS=(swathectl " + words + ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_swathectl\necho \"${COMPREPLY[@]}\"\n";
    REQUIRE(::write(fd, script.data(), script.size()) == static_cast<ssize_t>(script.size()));
    FILE* bash = ::popen(("bash --norc " + std::string(path) + " 2>&1").c_str(), "r");
    REQUIRE(bash != nullptr);
    std::string output;
    std::array<char, 4096> chunk{};
    while (const std::size_t n = std::fread(chunk.data(), 1, chunk.size(), bash)) output.append(chunk.data(), n);
    CHECK(::pclose(bash) == 0);
    (void)::close(fd);
    (void)::unlink(path);
    std::istringstream in(output);
    std::set<std::string> all;
    for (std::string word; in >> word;) all.insert(word);
    return all;
}

using Set = std::set<std::string>;

} // namespace

TEST_CASE("completion: verbs and global options first") {
    const Set first = offers("''");
    for (const Command& command : commands()) CHECK(first.count(std::string(command.name)) == 1);
    for (const Option& option : global_options()) CHECK(first.count(std::string(option.name)) == 1);
    CHECK(offers("st") == Set{"status", "start", "stop"});
    CHECK(offers("--runtime-dir /run/x rel") == Set{"reload"});
    CHECK(offers("ed") == Set{"edit"});
}

TEST_CASE("completion: after a verb its own options and words") {
    CHECK(offers("explain --k") == Set{"--kernel"});
    CHECK(offers("explain ''") == Set{"tcp", "udp"});
    CHECK(offers("explain tcp ''").empty());
    CHECK(offers("check --k").empty());
    CHECK(offers("reload ''").empty());
    CHECK(offers("completion ''") == Set{"bash"});
    CHECK(offers("schema ''") == Set{"service", "drop-in", "daemon"});
    CHECK(offers("keys re", "restart restart_sec user") == Set{"restart", "restart_sec"});
    CHECK(offers("rules --sort ''") == Set{"hits"});
    CHECK(offers("logs --f") == Set{"--follow"});
    CHECK(offers("logs -n ''").empty());
    CHECK(offers("rules --n") == Set{"--never-hit"});
    CHECK(offers("rules --config /usr/loc") == Set{"/usr/local"});
    CHECK(offers("explain --interface l").count("lo") == 1);
}

TEST_CASE("completion: services by name, for as many as the verb takes") {
    CHECK(offers("start ''", "'edge running' 'dns idle'") == Set{"dns", "edge"});
    CHECK(offers("start edge d", "'edge running' 'dns idle'") == Set{"dns"});
    CHECK(offers("status e", "'edge running'") == Set{"edge"});
    CHECK(offers("status edge ''", "'edge running'").empty());
}
