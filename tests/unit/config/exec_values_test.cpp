#include "model/capabilities.h"
#include "scratch.h"

#include <fmt/format.h>
#include <linux/capability.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

/// A service from a unit whose [Service] has these lines, too.
Service unit_service(std::string_view lines) {
    const Scratch scratch;
    scratch.write("units/web.socket", "[Socket]\nListenStream=192.0.2.1:80\n");
    scratch.write("units/web.service", fmt::format("[Service]\nExecStart=/bin/true\n{}", lines));
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    REQUIRE(loaded.config.services.size() == 1);
    return loaded.config.services[0];
}

constexpr CapabilitySet bit(unsigned capability) { return CapabilitySet{1} << capability; }

} // namespace

TEST_CASE("capabilities: every name is the kernel's number, in whatever case, and numbers stand for themselves") {
    CHECK(capability_of("CAP_CHOWN") == CAP_CHOWN);
    CHECK(capability_of("cap_net_admin") == CAP_NET_ADMIN);
    CHECK(capability_of("CAP_SYS_RESOURCE") == CAP_SYS_RESOURCE);
    CHECK(capability_of("CAP_SETFCAP") == CAP_SETFCAP);
    CHECK(capability_of("CAP_BPF") == CAP_BPF);
    CHECK(capability_of("CAP_CHECKPOINT_RESTORE") == CAP_LAST_CAP);
    CHECK(kCapabilityNames.size() == CAP_LAST_CAP + 1);
    CHECK(capability_of("62") == 62U);
    for (const char* bad : {"", "63", "-1", "4294967296", "CAP_", "CHOWN", "CAP_CHOWN "}) CHECK_FALSE(capability_of(bad));
    CHECK(capability_name(CAP_KILL) == "CAP_KILL");
    CHECK(capability_name(62) == "62");
}

TEST_CASE("units: lines of a bounding set are merged as systemd merges them") {
    struct Case {
        const char* lines;
        std::optional<CapabilitySet> expected;
    };
    const CapabilitySet chown = bit(CAP_CHOWN), kill = bit(CAP_KILL);
    const Case cases[] = {
        {"", std::nullopt},
        {"CapabilityBoundingSet=CAP_CHOWN\n", chown},
        {"CapabilityBoundingSet=CAP_CHOWN\nCapabilityBoundingSet=CAP_KILL\n", chown | kill},
        {"CapabilityBoundingSet=~CAP_CHOWN\n", ~chown},
        {"CapabilityBoundingSet=~CAP_CHOWN\nCapabilityBoundingSet=~CAP_KILL\n", ~(chown | kill)},
        {"CapabilityBoundingSet=~CAP_CHOWN CAP_KILL\nCapabilityBoundingSet=CAP_KILL\n", ~chown},
        {"CapabilityBoundingSet=CAP_CHOWN CAP_KILL\nCapabilityBoundingSet=~CAP_KILL\n", chown},
        {"CapabilityBoundingSet=\n", CapabilitySet{0}},
        {"CapabilityBoundingSet=CAP_CHOWN\nCapabilityBoundingSet=\n", CapabilitySet{0}},
        {"CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_KILL\n", kill},
        {"CapabilityBoundingSet=CAP_CHOWN\nCapabilityBoundingSet=~\n", std::nullopt},
        {"CapabilityBoundingSet=CAP_CHOWN\nCapabilityBoundingSet=~\nCapabilityBoundingSet=CAP_KILL\n", kill},
    };
    for (const Case& c : cases) {
        CAPTURE(c.lines);
        CHECK(unit_service(c.lines).capability_bounding_set == c.expected);
    }
}

TEST_CASE("units: ambient capabilities begin with none") {
    constexpr CapabilitySet kNamed = bit(CAP_LAST_CAP + 1) - 1; // nobody could have more
    CHECK(unit_service("AmbientCapabilities=CAP_CHOWN\nAmbientCapabilities=CAP_KILL\n").ambient_capabilities ==
          (bit(CAP_CHOWN) | bit(CAP_KILL)));
    CHECK(unit_service("AmbientCapabilities=CAP_CHOWN\nAmbientCapabilities=\n").ambient_capabilities == 0);
    CHECK(unit_service("AmbientCapabilities=~CAP_CHOWN\n").ambient_capabilities == (kNamed & ~bit(CAP_CHOWN)));
    CHECK(unit_service("AmbientCapabilities=~\n").ambient_capabilities == kNamed);
}

TEST_CASE("units: an empty line takes back what a list had, and each stream's own name is what fd alone means") {
    const Service service = unit_service("PassEnvironment=TZ\nPassEnvironment=\nRuntimeDirectory=a\nRuntimeDirectory=\nCPUAffinity=1\n"
                                         "CPUAffinity=\nStandardInput=fd\nStandardOutput=fd\nStandardError=fd\n"
                                         "RuntimeDirectoryPreserve=yes\n");
    CHECK(service.pass_environment.empty());
    CHECK(service.runtime_directory.names.empty());
    CHECK(service.cpu_affinity.empty());
    CHECK(service.standard_input.target == "stdin");
    CHECK(service.standard_output.target == "stdout");
    CHECK(service.standard_error.target == "stderr");
    CHECK(service.runtime_directory_preserve == PreserveMode::yes);
    CHECK(unit_service("RuntimeDirectoryPreserve=off\n").runtime_directory_preserve == PreserveMode::no);
}

TEST_CASE("toml: an empty list of capabilities is none, and a string of several is read like a line") {
    const auto bounding_set = [](std::string_view value) {
        const Scratch scratch;
        scratch.write("services.d/a.toml", fmt::format("{}capability_bounding_set = {}\n", small_service(), value));
        const Loaded loaded = scratch.load();
        CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
        REQUIRE(loaded.config.services.size() == 1);
        return loaded.config.services[0].capability_bounding_set;
    };
    CHECK(bounding_set("[]") == CapabilitySet{0});
    CHECK(bounding_set("\"\"") == CapabilitySet{0});
    CHECK(bounding_set("\"~\"") == std::nullopt);
    CHECK(bounding_set("\"CAP_CHOWN CAP_KILL\"") == (bit(CAP_CHOWN) | bit(CAP_KILL)));
    CHECK(bounding_set("[\"~CAP_CHOWN\", \"~CAP_KILL\"]") == ~(bit(CAP_CHOWN) | bit(CAP_KILL)));
}
