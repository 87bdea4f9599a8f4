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

std::vector<ListenerRate> listener_rates(const StatusView& earlier, const StatusView& later, Duration elapsed) {
    return rates_between(earlier, later, elapsed).listeners;
}

/// A service with accept for each.
StatusView serving(std::vector<std::pair<const char*, ConnectionsView>> services) {
    StatusView view;
    for (auto& [name, connections] : services) {
        view.services.emplace_back().name = name;
        view.services.back().connections = std::move(connections);
    }
    return view;
}

} // namespace

TEST_CASE("rates: what all sockets of a listener counted, by the time between the looks") {
    const auto rates = listener_rates(status("edge", {listener("http", {{100, 90, 8, 2}, {10, 10, 0, 0}})}),
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
    const auto rates = listener_rates(before, after, 10s);
    REQUIRE(rates.size() == 2);
    CHECK(rates[0].listener == "http");
    CHECK(rates[0].lookups == doctest::Approx(3));
    CHECK(rates[1].listener == "new");
    CHECK(rates[1].lookups == doctest::Approx(1));
    CHECK(listener_rates(before, after, 0s)[0].lookups == 0);
    CHECK(listener_rates(before, after, -1s)[0].lookups == 0);
    CHECK(listener_rates(before, StatusView{}, 1s).empty());
}

TEST_CASE("rates: the busiest stand first, equal ones by name, and the sums last") {
    const Rates rates =
        rates_between(status("edge", {}),
                      status("edge", {listener("b", {{1, 1, 0, 0}}), listener("a", {{1, 0, 1, 0}}), listener("c", {{40, 30, 0, 10}})}), 1s);
    std::string order;
    for (const ListenerRate& rate : rates.listeners) order += rate.listener;
    CHECK(order == "cab");
    CHECK(show_rates(rates) ==
          "LISTENER  PROTO  STATE    LOOKUPS/S  STEERED/S  REFUSED/S  NO SOCKET/S  ERRORS/S  LOOKUPS  STEERED  REFUSED  FAILED\n"
          "edge/c    tcp    running  40         30         0          0            10        40       30       0        10\n"
          "edge/a    tcp    running  1.0        0          0          1.0          0         1        0        0        1\n"
          "edge/b    tcp    running  1.0        1.0        0          0            0         1        1        0        0\n"
          "all       -      -        42         31         0          1.0          10        42       31       0        11\n");
    CHECK(
        rates_to_json({{rates.listeners[1]}, {}}, 1'700'000'000'000'000, 1s) ==
        R"({"time_usec":1700000000000000,"interval_sec":1.0,"listeners":[{"service":"edge","listener":"a","protocol":"tcp","state":"running",)"
        R"("lookups_per_sec":1.0,"steered_per_sec":0.0,"refused_per_sec":0.0,"no_socket_per_sec":1.0,"assign_errors_per_sec":0.0,"lookups":1,)"
        R"("steered":0,"refused":0,"no_socket":1,"assign_errors":0}],"services":[]})");
}

TEST_CASE("rates: whom the kernel has refused, over all sockets and reasons") {
    const auto with = [](ListenerView::Socket::Refused first, std::optional<ListenerView::Socket::Refused> second) {
        StatusView view = status("edge", {listener("http", {{200, 50, 0, 0}, {100, 100, 0, 0}})});
        view.services[0].listeners[0].sockets[0].refused = first;
        view.services[0].listeners[0].sockets[1].refused = second;
        return view;
    };
    const StatusView before = with({1, 2, 3, 4, 1000, 1000}, std::nullopt),
                     after = with({11, 22, 33, 44, 2000, 2000}, {{10, 0, 0, 0, 0, 0}});
    const ListenerRate rate = listener_rates(before, after, 10s).at(0);
    CHECK(rate.refused == doctest::Approx(11));
    CHECK(rate.total.refused == 120);
    CHECK(show_rates({{rate}, {}}).find("http  tcp    running  0          0          11 ") != std::string::npos);
}

TEST_CASE("rates: services with accept have a table of their own, of whom they served and refused") {
    const StatusView before =
        serving({{"a", {1, 64, 1, 100, 10, {1, 1, 1, 1, 1}}}, {"b", {0, std::nullopt, 0, 900, 0, {}}}});
    const StatusView after =
        serving({{"a", {2, 64, 1, 120, 12, {11, 3, 2, 5, 4}}}, {"b", {7, std::nullopt, 3, 80, 4, {}}}, {"c", {}}});
    const Rates rates = rates_between(before, after, 2s);
    CHECK(rates.listeners.empty());
    REQUIRE(rates.services.size() == 3);
    CHECK(rates.services[0].service == "b"); // the daemon was restarted: 80 since
    CHECK(rates.services[0].accepted == doctest::Approx(40));
    CHECK(show_rates(rates).find("\n\nSERVICE  NOW  LIMIT  ACCEPTED/S  FAILED/S  REFUSED/S  ACCEPTED  FAILED  REFUSED\n"
                                 "b        7    -      40          2.0       0          80        4       0\n"
                                 "a        2    64     10          1.0       10         120       12      25\n"
                                 "c        0    -      0           0         0          0         0       0\n") !=
          std::string::npos);
    CHECK(
        rates_to_json({{}, {rates.services[1]}}, 5, 2s) ==
        R"({"time_usec":5,"interval_sec":2.0,"listeners":[],"services":[{"service":"a","now":2,"limit":64,"accepted_per_sec":10.0,)"
        R"("failed_per_sec":1.0,"refused_per_sec":10.0,"accepted":120,"failed":12,"refused":25}]})");
    CHECK(rates_to_json({{}, {rates.services[0]}}, 5, 2s).find(R"("limit":null)") != std::string::npos);
    CHECK(rates_between(before, after, 0s).services[0].accepted == 0);
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
