#include "scratch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

constexpr const char* kBase =
    "[[listen]]\nname = \"http\"\nprotocol = \"tcp\"\naddresses = [\"192.0.2.1\"]\nports = [80]\nfrom = [\"203.0.113.0/24\"]\n"
    "[service]\nexec_start = \"/bin/true\"\nexec_start_pre = [\"/bin/a\", \"1\"]\nenvironment = { A = \"1\", B = \"2\" }\n"
    "supplementary_groups = [\"g\"]\n";

/// "KEY: VALUES" of what a drop-in, and a second one, can change; or the diagnostics.
std::string after(std::string_view drop_in, std::string_view second = "\n") {
    const Scratch scratch;
    scratch.write("services.d/a.toml", kBase);
    scratch.write("services.d/a.toml.d/10.toml", drop_in);
    scratch.write("services.d/a.toml.d/20.toml", second);
    const Loaded loaded = scratch.load();
    if (!loaded.diagnostics.empty()) return lines_of(loaded.diagnostics, scratch.path());
    const Service& a = loaded.config.services.at(0);
    std::vector<std::string> addresses, sources, variables, groups, commands;
    for (const auto& address : a.listeners[0].endpoints[0].addresses) addresses.push_back(address.value.to_string());
    for (const auto& source : a.listeners[0].guard.from) sources.push_back(source.value.to_string());
    for (const auto& [name, value] : a.environment) variables.push_back(name + "=" + value);
    for (const auto& group : a.supplementary_groups) groups.push_back(group.value);
    for (const Command& command : a.exec_start_pre) commands.push_back(fmt::format("{}", fmt::join(command.argv, "+")));
    return fmt::format("{}:{} from {} env {} groups {} pre {}", fmt::join(addresses, ","), to_string(a.listeners[0].endpoints[0].ports),
                       fmt::join(sources, ","), fmt::join(variables, ","), fmt::join(groups, ","), fmt::join(commands, ","));
}

} // namespace

TEST_CASE("TOML drop-ins: tables merge, values and lists replace, and \"+key\" appends") {
    struct Case { const char* drop_in; const char* second; const char* result; };
    const Case cases[] = {
        {"\n", "\n", "192.0.2.1:80 from 203.0.113.0/24 env A=1,B=2 groups g pre /bin/a+1"},
        {"[[listen]]\nports = [81]\n", "\n", "192.0.2.1:81 from 203.0.113.0/24 env A=1,B=2 groups g pre /bin/a+1"},
        {"[[listen]]\n\"+ports\" = [9000]\n", "\n", "192.0.2.1:80,9000 from 203.0.113.0/24 env A=1,B=2 groups g pre /bin/a+1"},
        {"[[listen]]\n\"+ports\" = 81\n", "[[listen]]\n\"+ports\" = \"90-99\"\n",
         "192.0.2.1:80,81,90-99 from 203.0.113.0/24 env A=1,B=2 groups g pre /bin/a+1"},
        {"[[listen]]\n\"+ports\" = 81\n", "[[listen]]\nports = 82\n", "192.0.2.1:82 from 203.0.113.0/24 env A=1,B=2 groups g pre /bin/a+1"},
        {"[[listen]]\n\"+ports\" = 81\nports = 82\n", "\n", "192.0.2.1:81,82 from 203.0.113.0/24 env A=1,B=2 groups g pre /bin/a+1"},
        {"[[listen]]\nname = \"http\"\n\"+addresses\" = \"192.0.2.0/24\"\n", "\n",
         "192.0.2.1,192.0.2.0/24:80 from 203.0.113.0/24 env A=1,B=2 groups g pre /bin/a+1"},
        {"[[listen]]\n\"+from\" = [\"198.51.100.0/24\"]\n", "\n",
         "192.0.2.1:80 from 203.0.113.0/24,198.51.100.0/24 env A=1,B=2 groups g pre /bin/a+1"},
        {"[service]\nenvironment = { B = \"3\" }\n", "\n", "192.0.2.1:80 from 203.0.113.0/24 env A=1,B=3 groups g pre /bin/a+1"},
        {"[service]\n\"+environment\" = [\"C=3\"]\n", "\n", "192.0.2.1:80 from 203.0.113.0/24 env A=1,B=2,C=3 groups g pre /bin/a+1"},
        {"[service]\n\"+environment\" = { C = \"3\" }\n", "\n", "192.0.2.1:80 from 203.0.113.0/24 env A=1,B=2,C=3 groups g pre /bin/a+1"},
        {"[service]\nenvironment = [\"C=3\"]\n", "\n", "192.0.2.1:80 from 203.0.113.0/24 env C=3 groups g pre /bin/a+1"},
        {"[service]\nenvironment = [\"C=3\"]\n", "[service]\nenvironment = { D = \"4\" }\n",
         "192.0.2.1:80 from 203.0.113.0/24 env D=4 groups g pre /bin/a+1"},
        {"[service]\n\"+environment\" = [\"C=3\"]\n", "[service]\nenvironment = { C = \"4\" }\n",
         "192.0.2.1:80 from 203.0.113.0/24 env A=1,B=2,C=3,C=4 groups g pre /bin/a+1"},
        {"[service]\n\"+supplementary_groups\" = [\"h\"]\n", "[service]\n\"+supplementary_groups\" = \"i\"\n",
         "192.0.2.1:80 from 203.0.113.0/24 env A=1,B=2 groups g,h,i pre /bin/a+1"},
        {"[service]\nsupplementary_groups = []\n", "\n", "192.0.2.1:80 from 203.0.113.0/24 env A=1,B=2 groups  pre /bin/a+1"},
        {"[service]\n\"+exec_start_pre\" = [\"/bin/b\", \"2\"]\n", "\n",
         "192.0.2.1:80 from 203.0.113.0/24 env A=1,B=2 groups g pre /bin/a+1,/bin/b+2"},
        {"[service]\n\"+exec_start_pre\" = \"/bin/b 2\"\n", "\n",
         "192.0.2.1:80 from 203.0.113.0/24 env A=1,B=2 groups g pre /bin/a+1,/bin/b+2"},
        {"[service]\nexec_start_pre = \"/bin/b 2\"\n", "\n", "192.0.2.1:80 from 203.0.113.0/24 env A=1,B=2 groups g pre /bin/b+2"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.drop_in));
        CAPTURE(std::string(c.second));
        CHECK(after(c.drop_in, c.second) == c.result);
    }
}

TEST_CASE("TOML drop-ins: what takes one value, or is no key, cannot be appended to") {
    CHECK(after("[service]\n\"+umask\" = \"0022\"\n") ==
          "services.d/a.toml.d/10.toml:2:1: \"+umask\": umask takes one value; nothing can be appended\n");
    CHECK(after("\"+description\" = \"x\"\n") ==
          "services.d/a.toml.d/10.toml:1:1: \"+description\": description takes one value; nothing can be appended\n");
    CHECK(after("[[listen]]\n\"+port\" = 1\n") == "services.d/a.toml.d/10.toml:2:1: \"+port\": unknown key; did you mean \"ports\"?\n");
    CHECK(after("[[listen]]\n\"+protocol\" = \"udp\"\n") ==
          "services.d/a.toml.d/10.toml:2:1: \"+protocol\": protocol takes one value; nothing can be appended\n");
    CHECK(after("[[listen]]\n\"++ports\" = 1\n").find("unknown key") != std::string::npos);
}
