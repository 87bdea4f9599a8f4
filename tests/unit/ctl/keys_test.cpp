#include "ctl/keys.h"
#include "ctl/since.h"

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::ctl;

namespace {

const Directive& called(std::string_view key) {
    const auto found = directives_called(key);
    REQUIRE(found.size() == 1);
    return *found.front();
}

bool says(const std::string& text, std::string_view words) { return text.find(words) != text.npos; }

} // namespace

TEST_CASE("keys: a directive is found by either of its names, systemd's in any case and with its equals sign") {
    CHECK(called("restart_sec").unit_key == "RestartSec");
    CHECK(&called("RestartSec") == &called("restart_sec"));
    CHECK(&called("restartsec=") == &called("restart_sec"));
    CHECK(directives_called("").size() == directives().size());
    CHECK(directives_called("addresses").size() == 2); // of a listener and of a rule
    CHECK(directives_called("restart_se").empty());
    CHECK(nearest_key("restart_se") == "restart_sec");
    CHECK(nearest_key("RestartSek") == "RestartSec");
    CHECK(nearest_key("entirely_else").empty());
}

TEST_CASE("keys: every directive has a line in the table and all its facts in full") {
    const std::string table = keys_table(directives_called(""));
    for (const Directive& d : directives()) {
        CAPTURE(std::string(d.name()));
        CHECK(says(table, "\n" + std::string(d.name()) + " "));
        const std::string full = keys_in_full({&d});
        CHECK(says(full, d.summary));
        CHECK(says(full, to_string(d.type)));
        if (!d.unit_key.empty()) CHECK(says(full, std::string(d.unit_key) + "="));
    }
    const std::string restart = keys_in_full(directives_called("restart"));
    CHECK(says(restart, "restart in [service]"));
    CHECK(says(restart, "[Service] Restart="));
    CHECK(says(restart, "no, always, on-success"));
    CHECK(says(keys_in_full(directives_called("log_level")), "the top level of swathe.toml"));
}

TEST_CASE("keys: since when there is a key is systemd's version, swathe, or not known") {
    CHECK(since_of(called("runtime_max_sec")) == "systemd 229");
    CHECK(since_of(called("poll_limit_burst")) == "systemd 255");
    CHECK(since_of(called("ambient_capabilities")) == "systemd 229"); // the table's first
    CHECK(since_of(called("watchdog_signal")) == "systemd 240");      // and its last
    CHECK(since_of(called("workers")) == "swathe");
    CHECK(since_of(called("log_level")) == "swathe");
    CHECK(since_of(called("exec_start")).empty());
}

TEST_CASE("keys: JSON has null for what there is none of") {
    const std::string json = keys_json(directives_called("workers"));
    CHECK(
        json ==
        R"([{"key":"workers","table":"[service]","section":"X-Swathe","unit_key":"Workers","type":"number","choices":[],"default":"1",)"
        R"("adds_up":false,"since":"swathe","summary":"Instances that run side by side"}])");
    CHECK(says(keys_json(directives_called("log_level")), R"("section":null,"unit_key":null)"));
}
