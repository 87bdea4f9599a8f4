#include "../config/scratch.h"
#include "config/texts.h"
#include "ctl/values.h"

#include <algorithm>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::ctl;

namespace {

/// What is shown of one key of the service "web", a line each, without `root` in the places.
std::string shown(const Scratch& files, const std::vector<std::string>& keys, Format names = Format::toml) {
    Texts seen;
    (void)load_config(SearchPath::only(files.path().string()), &seen);
    Report report;
    const auto service = find_written(seen, "web", report);
    REQUIRE(service.has_value());
    std::string unknown;
    const auto values =
        only_keys(names == Format::toml ? values_in_toml(*service) : values_in_units(*service, report), keys, unknown);
    CHECK(unknown.empty());
    std::string text = values_table(values, names);
    const std::string root = files.path().string() + "/";
    for (std::size_t at; (at = text.find(root)) != text.npos;) text.erase(at, root.size());
    return text;
}

Scratch& with_drop_ins(Scratch& files) {
    files.write("services.d/web.toml",
                "[[listen]]\nname = \"http\"\nprotocol = \"tcp\"\naddresses = \"192.0.2.1\"\nports = 80\n\n"
                "[service]\nexec_start = [\"/bin/web\", \"a b\"]\nrestart_sec = 90\nenvironment = { A = \"1\" }\n");
    files.write("services.d/web.toml.d/10-site.toml",
                "[service]\nrestart = \"always\"\nenvironment = { B = \"2\" }\nlog_ring_bytes = 1048576\n");
    return files;
}

} // namespace

TEST_CASE("values: each value has the place that it comes from, in one form, and defaults are said to be such") {
    Scratch files;
    CHECK(shown(with_drop_ins(files), {"restart", "restart_sec", "log_ring_bytes", "kill_mode", "exec_start"}) ==
          "# service\n"
          "exec_start = [\"/bin/web\", \"a b\"]  services.d/web.toml:8\n"
          "restart = \"always\"                services.d/web.toml.d/10-site.toml:2\n"
          "restart_sec = \"1min 30s\"          services.d/web.toml:9\n"
          "kill_mode = control-group         default\n"
          "log_ring_bytes = \"1M\"             services.d/web.toml.d/10-site.toml:4\n");
}

TEST_CASE("values: timeout_sec is shown as what it sets, too, and what is set by itself is that") {
    const auto service = [](const std::string& lines) {
        return "[[listen]]\nprotocol = \"tcp\"\naddresses = \"192.0.2.1\"\nports = 80\n[service]\nexec_start = \"/bin/web\"\n" + lines;
    };
    const std::vector<std::string> keys{"timeout_sec", "timeout_start_sec", "timeout_stop_sec"};
    Scratch toml;
    toml.write("services.d/web.toml", service("timeout_stop_sec = 7\ntimeout_sec = 30\n"));
    CHECK(shown(toml, keys) == "# service\n"
                               "timeout_sec = \"30s\"        services.d/web.toml:8\n"
                               "timeout_start_sec = \"30s\"  services.d/web.toml:8\n"
                               "timeout_stop_sec = \"7s\"    services.d/web.toml:7\n");
    Scratch unset;
    unset.write("services.d/web.toml", service("timeout_stop_sec = 7\n"));
    CHECK(shown(unset, {"timeout_start_sec"}) == "# service\ntimeout_start_sec = 90s; infinity with type oneshot  default\n");
    Scratch units;
    units.write("units/web.socket", "[Socket]\nListenStream=192.0.2.1:80\n");
    units.write("units/web.service", "[Service]\nExecStart=/bin/web\nTimeoutStopSec=7\nTimeoutSec=30\n");
    CHECK(shown(units, keys, Format::unit) == "# web.service [Service]\n"
                                              "TimeoutSec = 30s       units/web.service:4\n"
                                              "TimeoutStartSec = 30s  units/web.service:4\n"
                                              "TimeoutStopSec = 30s   units/web.service:4\n");
}

TEST_CASE("values: what is said to us of a unit of systemd's, line by line") {
    Scratch files;
    files.write("systemd/web.socket", "[Socket]\nListenStream=80\nListenDatagram=80\n");
    files.write("systemd/web.socket.d/10.conf", "[X-Swathe]\nListen=tcp 192.0.2.0/24:80\nListen=#2 192.0.2.0/24:53\nSteal=off\n");
    files.write("systemd/web.socket.d/20.conf", "[X-Swathe]\nSteal=yes\nExcept=192.0.2.1 192.0.2.2\n");
    Texts seen;
    (void)load_config(SearchPath::only(files.path().string()), &seen);
    REQUIRE(seen.beside.size() == 1);
    std::string unknown;
    const auto values = values_beside(seen.beside.front());
    CHECK(only_keys(values, {"backlog", "workers", "listener_mode", "accept"}, unknown).empty()); // nothing of ours
    const std::vector<std::string> keys{"Listen", "except", "from", "when_down", "steal", "source_prefix_ipv4", "source_prefix_ipv6"};
    std::string text = values_table(only_keys(values, keys, unknown), Format::unit);
    const std::string root = files.path().string() + "/";
    for (std::size_t at; (at = text.find(root)) != text.npos;) text.erase(at, root.size());
    CHECK(text == "# web.socket [X-Swathe]\n"
                  "Except = 192.0.2.1 192.0.2.2  systemd/web.socket.d/20.conf:3\n"
                  "From = any                    default\n"
                  "WhenDown = drop               default\n"
                  "Steal = yes                   systemd/web.socket.d/20.conf:2\n"
                  "Listen = tcp 192.0.2.0/24:80  systemd/web.socket.d/10.conf:2\n"
                  "Listen = #2 192.0.2.0/24:53   systemd/web.socket.d/10.conf:3\n"
                  "SourcePrefixIPv4 = 32         default\n"
                  "SourcePrefixIPv6 = 64         default\n");
}

TEST_CASE("values: of a list each part has its place") {
    Scratch files;
    CHECK(shown(with_drop_ins(files), {"environment"}) ==
          "# service\n"
          "environment = [\"A=1\"]  services.d/web.toml:10\n"
          "environment + [\"B=2\"]  services.d/web.toml.d/10-site.toml:3\n");
}

TEST_CASE("values: units are shown in TOML's names, and TOML in theirs") {
    Scratch toml;
    CHECK(shown(with_drop_ins(toml), {"ListenStream", "RestartSec", "StartLimitHit", "Environment"}, Format::unit) ==
          "# web.socket [Socket]\n"
          "ListenStream = 192.0.2.1:80  services.d/web.toml:4\n"
          "\n"
          "# web.service [Service]\n"
          "RestartSec = 1min 30s  services.d/web.toml:9\n"
          "Environment = A=1      services.d/web.toml:10\n"
          "Environment = B=2      services.d/web.toml.d/10-site.toml:3\n"
          "\n"
          "# web.service [X-Swathe]\n"
          "StartLimitHit = pause  default\n");
    const Scratch units;
    units.write("units/web.socket", "[Socket]\nListenStream=192.0.2.0/24:80,443\n");
    units.write("units/web.service", "[Service]\nExecStart=/bin/web $X\nRestartSec=90\n");
    units.write("units/web.service.d/10.conf", "[Service]\nRestartSec=\nUser=web\n");
    CHECK(shown(units, {"name", "addresses", "ports", "exec_start", "user", "restart_sec", "start_limit_hit"}) ==
          "# listener web.socket\n"
          "name = \"web.socket\"           default\n"
          "addresses = [\"192.0.2.0/24\"]  units/web.socket:2\n"
          "ports = [80, 443]             units/web.socket:2\n"
          "\n"
          "# service\n"
          "exec_start = \"/bin/web $X\"  units/web.service:2\n"
          "restart_sec = 100ms         default\n"
          "start_limit_hit = \"fail\"    default\n"
          "user = \"web\"                units/web.service.d/10.conf:3\n");
}

TEST_CASE("values: a key that no directive has is named") {
    std::string unknown;
    CHECK(only_keys({}, {"restart", "restarts"}, unknown).empty());
    CHECK(unknown == "restarts");
}

TEST_CASE("values: JSON has the parts with file, line and column") {
    Scratch files;
    Texts seen;
    (void)load_config(SearchPath::only(with_drop_ins(files).path().string()), &seen);
    Report report;
    const auto service = find_written(seen, "web", report);
    std::string unknown;
    const std::string json =
        values_json(service->name, service->format, {"f"}, only_keys(values_in_toml(*service), {"restart"}, unknown), Format::toml);
    CHECK(
        json ==
        R"({"service":"web","format":"toml","files":["f"],"values":[{"block":"service","listener":null,"key":"restart","value":"\"always\"",)"
        R"("default":false,"parts":[{"value":"\"always\"","places":[{"file":")" +
            files.path("services.d/web.toml.d/10-site.toml").string() + R"(","line":2,"column":1}]}]}]})");
}
