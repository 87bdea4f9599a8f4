#include "ctl/rates.h"
#include "ctl/show.h"

#include <cstdlib>
#include <ctime>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::ctl;
using namespace std::chrono_literals;

namespace {

ListenerView listener(const char* name, std::vector<std::array<std::uint64_t, 4>> sockets) {
    ListenerView view;
    view.name = name;
    view.protocol = "tcp";
    for (const auto& [lookups, steered, no_socket, errors] : sockets)
        view.sockets.push_back({"", 0, lookups, steered, no_socket, errors, 0, 0, ""});
    return view;
}

StatusView status(const char* service, std::vector<ListenerView> listeners) {
    StatusView view;
    view.services.emplace_back().name = service;
    view.services.back().state = "running";
    view.services.back().listeners = std::move(listeners);
    return view;
}

} // namespace

TEST_CASE("rates: what all sockets of a listener counted, by the time between the looks") {
    const auto rates = rates_between(status("edge", {listener("http", {{100, 90, 8, 2}, {10, 10, 0, 0}})}),
                                     status("edge", {listener("http", {{140, 120, 16, 4}, {20, 20, 0, 0}})}), 2s);
    REQUIRE(rates.size() == 1);
    CHECK(rates[0].lookups == doctest::Approx(25));
    CHECK(rates[0].steered == doctest::Approx(20));
    CHECK(rates[0].no_socket == doctest::Approx(4));
    CHECK(rates[0].errors == doctest::Approx(1));
    CHECK(rates[0].total.lookups == 160);
    CHECK(rates[0].state == "running");
}

TEST_CASE("rates: what is new or began anew counts from nothing, what is gone is left out, and no time gives no rate") {
    const StatusView before = status("edge", {listener("http", {{1000, 1000, 0, 0}}), listener("old", {{5, 5, 0, 0}})});
    const StatusView after = status("edge", {listener("http", {{30, 30, 0, 0}}), listener("new", {{10, 10, 0, 0}})});
    const auto rates = rates_between(before, after, 10s);
    REQUIRE(rates.size() == 2);
    CHECK(rates[0].listener == "http");
    CHECK(rates[0].lookups == doctest::Approx(3));
    CHECK(rates[1].listener == "new");
    CHECK(rates[1].lookups == doctest::Approx(1));
    CHECK(rates_between(before, after, 0s)[0].lookups == 0);
    CHECK(rates_between(before, after, -1s)[0].lookups == 0);
    CHECK(rates_between(before, StatusView{}, 1s).empty());
}

TEST_CASE("rates: the busiest stand first, equal ones by name, and the sums last") {
    const auto rates =
        rates_between(status("edge", {}),
                      status("edge", {listener("b", {{1, 1, 0, 0}}), listener("a", {{1, 0, 1, 0}}), listener("c", {{40, 30, 0, 10}})}), 1s);
    std::string order;
    for (const ListenerRate& rate : rates) order += rate.listener;
    CHECK(order == "cab");
    CHECK(show_rates(rates) ==
          "LISTENER  PROTO  STATE    LOOKUPS/S  STEERED/S  NO SOCKET/S  ERRORS/S  LOOKUPS  STEERED  FAILED\n"
          "edge/c    tcp    running  40         30         0            10        40       30       10\n"
          "edge/a    tcp    running  1.0        0          1.0          0         1        0        1\n"
          "edge/b    tcp    running  1.0        1.0        0            0         1        1        0\n"
          "all       -      -        42         31         1.0          10        42       31       11\n");
    CHECK(
        rates_to_json({rates[1]}, 1'700'000'000'000'000, 1s) ==
        R"({"time_usec":1700000000000000,"interval_sec":1.0,"listeners":[{"service":"edge","listener":"a","protocol":"tcp","state":"running",)"
        R"("lookups_per_sec":1.0,"steered_per_sec":0.0,"no_socket_per_sec":1.0,"assign_errors_per_sec":0.0,"lookups":1,"steered":0,"no_socket":1,"assign_errors":0}]})");
}

TEST_CASE("rates: a table is cut to the screen by characters, not by bytes") {
    CHECK(cut_to("abcdef\n\xc3\xa4\xc3\xb6\xc3\xbc\nlast\n", 2, 2) == "ab\n\xc3\xa4\xc3\xb6\n");
    CHECK(cut_to("a\xff\xff", 1, 2) == "a\xff\n");
    CHECK(cut_to("text", 0, 80).empty());
}

TEST_CASE("show: a decision is one line, with its reason, and nothing of it is unescaped") {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    TracedView view{1'740'996'672'000'042, "", "tcp", "203.0.113.7:5555", "192.0.2.9:443", "eth0", "drop", "edge", "ht\x1btp",
                    TracedView::Rule{"192.0.2.0/24", "443", "/etc/edge.toml", 4, 14}, "no socket"};
    CHECK(show_traced(view) ==
          "10:11:12.000042  tcp    203.0.113.7:5555       192.0.2.9:443          eth0       drop     edge/ht\\x1btp    "
          "192.0.2.0/24 ports 443 /etc/edge.toml:4:14 (no socket)\n");
    view = {0, "blue", "udp", "[2001:db8::9]:1", "[2001:db8:1::5]:53", "", "pass", "", "", std::nullopt, ""};
    CHECK(show_traced(view) ==
          "00:00:00.000000  udp    [2001:db8::9]:1        [2001:db8:1::5]:53     blue/-     no rule  -                -\n");
    view.verdict = "drop";
    CHECK(show_traced(view).find("home address") != std::string::npos);
    CHECK(trace_heading().find("TIME             PROTO  SOURCE") == 0);
}

TEST_CASE("show: a line of output says whose it is, and nothing of it is unescaped") {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    LogLineView line{1'740'996'672'000'123, "edge", 900, "both", 6, "a\tb\x1b[2J\r"};
    CHECK(show_logged(line) == "2025-03-03 10:11:12.000123 edge[900]: a\tb\\x1b[2J\\x0d\n");
    line.stream = "stderr";
    CHECK(show_logged(line) == "2025-03-03 10:11:12.000123 edge[900] stderr: a\tb\\x1b[2J\\x0d\n");
    line.stream = "\x1b[2J"; // of a daemon that is none
    CHECK(show_logged(line).find('\x1b') == std::string::npos);
}
