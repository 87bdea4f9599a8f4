#include "dump.h"
#include "model/condition_name.h"
#include "scratch.h"

#include <fmt/format.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

constexpr const char* kSocket = "[Socket]\nListenStream=192.0.2.1:80\n";

std::string conditions_of(const Scratch& scratch) {
    const Loaded loaded = scratch.load();
    std::string text = lines_of(loaded.diagnostics, scratch.path());
    for (const Service& service : loaded.config.services)
        for (const Condition& condition : service.conditions) text += to_string(condition) + "\n";
    return text;
}

std::string of_units(std::string_view socket, std::string_view service, std::string_view drop_in = {}) {
    const Scratch scratch;
    scratch.write("units/web.socket", fmt::format("[Unit]\n{}{}", socket, kSocket));
    scratch.write("units/web.service", fmt::format("[Unit]\n{}[Service]\nExecStart=/bin/true\n", service));
    if (!drop_in.empty()) scratch.write("units/web.service.d/10.conf", fmt::format("[Unit]\n{}", drop_in));
    return conditions_of(scratch);
}

} // namespace

TEST_CASE("conditions: both files of a unit may have them; they stand by their kinds, assertions last") {
    CHECK(of_units("ConditionPathExists=/a\nAssertUser=root\n", "ConditionHost=www\nAssertPathExists=/b\nConditionPathExists=|!/c\n") ==
          "ConditionPathExists=/a\nConditionPathExists=|!/c\nConditionHost=www\nAssertPathExists=/b\nAssertUser=root\n");
}

TEST_CASE("conditions: marks may have white space behind them, and specifiers are replaced") {
    CHECK(of_units("", "ConditionPathExists=| ! /etc/%p\nConditionMemory= >= 1G 512M\nConditionCPUs=4\nConditionVirtualization=on\n") ==
          "ConditionPathExists=|!/etc/web\nConditionVirtualization=yes\nConditionMemory=>=1610612736\nConditionCPUs=>=4\n");
    CHECK(of_units("", "ConditionKernelVersion=\" >= 5.17\" <7\nConditionOSRelease=ID=debian \"NAME=Debian GNU/Linux\"\n") ==
          "ConditionKernelVersion= >= 5.17 <7\nConditionOSRelease=ID=debian NAME=Debian GNU/Linux\n");
}

TEST_CASE("conditions: an empty one takes back all of its file, and an empty assertion all assertions") {
    const std::string all = "ConditionPathExists=/a\nConditionHost=www\nConditionVersion=systemd >=1\nAssertPathExists=/b\n";
    CHECK(of_units("ConditionUser=root\n", all, "ConditionMemory=\n") == "ConditionUser=root\nAssertPathExists=/b\n");
    CHECK(of_units("", all, "ConditionVersion=\nConditionGroup=adm\nAssertHost=\n") == "ConditionGroup=adm\n");
}

TEST_CASE("conditions: a file of TOML replaces or appends them, kind by kind") {
    const Scratch scratch;
    scratch.write("services.d/a.toml",
                  small_service() + "condition_path_exists = [\"/a\", \"|!/b\"]\ncondition_host = \"www\"\nassert_cpus = \"<8\"\n");
    scratch.write("services.d/a.toml.d/10.toml", "[service]\n\"+condition_path_exists\" = \"/c\"\ncondition_host = []\n");
    CHECK(conditions_of(scratch) == "ConditionPathExists=/a\nConditionPathExists=|!/b\nConditionPathExists=/c\nAssertCPUs=<8\n");
}
