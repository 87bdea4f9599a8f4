#include "ctl/show.h"

#include <cstdlib>
#include <ctime>

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::ctl;

namespace {

constexpr std::int64_t kNow = 1'740'996'672'000'000; // Mon 2025-03-03 10:11:12 UTC

ServiceView edge() {
    ServiceView service;
    service.name = "edge";
    service.description = "Edge proxy";
    service.state = "running";
    service.result = "success";
    service.paused_by_hand = true;
    service.instances = {{1, "reload", false, 812, ""}, {1, "stop-sigterm", true, 811, ""}};
    service.activation = "on-demand";
    service.type = "notify";
    service.main_pid = 900;
    service.status_text = "serving";
    service.starts = 3;
    service.restarts = 2;
    service.state_since_usec = kNow - 187'000'000;
    service.files = {"/etc/swathe/services.d/edge.toml"};
    ListenerView& http = service.listeners.emplace_back();
    http.name = "http";
    http.protocol = "tcp";
    http.addresses = {"192.0.2.0/24", "2001:db8:1::/64"};
    http.ports = "80,443";
    http.sockets = {{"[2001:db8:1::]:80", 5, 10, 7, 2, 1, 94, 6, ""}};
    return service;
}

StatusView status_of(ServiceView service) {
    StatusView status;
    status.daemon.version = "0.1.0";
    status.daemon.pid = 812;
    status.daemon.generation = 3;
    status.daemon.rules = 12;
    status.daemon.programs = {{7, "swathe", true}};
    status.services = {std::move(service)};
    return status;
}

RuleView rule(const char* prefix, const char* ports, const char* service) {
    RuleView view;
    view.protocol = "tcp";
    view.prefix = prefix;
    view.ports = ports;
    view.verdict = *service == '\0' ? "drop" : "steer";
    view.service = service;
    view.listener = *service == '\0' ? "" : "http";
    view.file = "/etc/edge.toml";
    view.line = 12;
    view.column = 14;
    return view;
}

ServiceView in_state(const char* state) {
    ServiceView service;
    service.state = state;
    return service;
}

Look plain() {
    (void)::setenv("TZ", "UTC", 1);
    ::tzset();
    return {false, false, kNow};
}

} // namespace

TEST_CASE("show: a status says what the daemon and its services do") {
    CHECK(show_status(status_of(edge()), plain()) ==
          "swathed 0.1.0 (pid 812), generation 3, 12 rules\n"
          "\n"
          "* edge - Edge proxy\n"
          "    State: running since Mon 2025-03-03 10:08:05 UTC; 3min 7s ago\n"
          "    Paused: who connects waits for swathectl resume\n"
          "    Main PID: 900\n"
          "    Instance 1: reload, pid 812\n"
          "    Instance 1: stop-sigterm, drains, pid 811\n"
          "    Status: \"serving\"\n"
          "    http: tcp 192.0.2.0/24 2001:db8:1::/64 ports 80,443\n"
          "        home [2001:db8:1::]:80  slot 5  lookups 10  steered 7  no socket 2  errors 1 (last: Socket type not supported)  queued 6\n");
}

TEST_CASE("show: others in the network namespace and warnings stand with the daemon") {
    StatusView status = status_of(edge());
    status.services.clear();
    status.daemon.rules = 1;
    status.daemon.netns = "blue";
    status.daemon.programs.insert(status.daemon.programs.begin(), {3, "tubular", false});
    status.daemon.warnings = {"192.0.2.0/24 is not routed local"};
    CHECK(show_status(status, plain()) == "swathed 0.1.0 (pid 812), generation 3, 1 rule, network namespace blue\n"
                                          "    sk_lookup programs in run order: tubular (id 3), swathe (id 7, ours)\n"
                                          "    warning: 192.0.2.0/24 is not routed local\n");
}

TEST_CASE("show: one service in detail, also when it is down and closed") {
    ServiceView service = edge();
    service.state = "failed";
    service.result = "exit-code";
    service.failure = "pid 7 exited with status 1";
    service.paused_by_hand = false;
    service.instances.clear();
    service.main_pid.reset();
    service.status_text.clear();
    service.listeners[0].ports = "all";
    service.listeners[0].sockets = {{}};
    CHECK(show_service(service, plain(), true) ==
          "x edge - Edge proxy\n"
          "    State: failed (last run: exit-code: pid 7 exited with status 1) since Mon 2025-03-03 10:08:05 UTC; 3min 7s ago\n"
          "    Activation: on-demand, type notify\n"
          "    Starts: 3, of these 2 automatic restarts\n"
          "    Files: /etc/swathe/services.d/edge.toml\n"
          "    http: tcp 192.0.2.0/24 2001:db8:1::/64 all ports\n"
          "        home -  slot 0  lookups 0  steered 0  no socket 0  errors 0  queued 0\n");
}

TEST_CASE("show: a UNIX socket has a path and nothing of steering") {
    ServiceView service = edge();
    ListenerView& local = service.listeners[0];
    local.protocol = "unix-stream";
    local.addresses = {"/run/edge.sock"};
    local.ports.clear();
    local.sockets = {{}};
    local.sockets[0].queued = 1;
    CHECK(show_service(service, plain(), false).find("    http: unix-stream /run/edge.sock\n        queued 1\n") != std::string::npos);
    CHECK(show_list({service}).find("900  unix-stream /run/edge.sock\n") != std::string::npos);
}

TEST_CASE("show: only what is stopped or failed needs a hand") {
    for (const char* state : {"idle", "starting", "running", "stopping", "killing", "backoff", "paused", "of a newer daemon"}) {
        CAPTURE(state);
        CHECK(is_up(in_state(state)));
    }
    CHECK_FALSE(is_up(in_state("stopped")));
    CHECK_FALSE(is_up(in_state("failed")));
}

TEST_CASE("show: colours and dots follow the state") {
    const Look look{true, true, kNow};
    CHECK(show_service(edge(), look, false).starts_with("\x1b[32m\xe2\x97\x8f\x1b[0m edge"));
    ServiceView failed = edge();
    failed.state = "failed";
    CHECK(show_service(failed, look, false).starts_with("\x1b[31m\xc3\x97\x1b[0m edge"));
}

TEST_CASE("show: nothing that others say moves the cursor") {
    const std::string evil = "a\x1b[2J\r\n\xc2\x9b" "b";
    ServiceView service;
    service.name = service.description = service.state = service.result = service.failure = service.activation = service.type =
        service.status_text = evil;
    service.files = {evil};
    service.listeners.push_back({evil, evil, {evil}, evil, {{evil, 0, 0, 0, 0, 0, 0, 0, evil}}});
    StatusView status = status_of(service);
    status.daemon.version = status.daemon.netns = evil;
    status.daemon.warnings = {evil};
    status.daemon.programs = {{1, evil, false}};
    RuleView bad;
    bad.protocol = bad.prefix = bad.ports = bad.from = bad.interface = bad.verdict = bad.service = bad.listener = bad.file = evil;
    const ExplainQuery query{evil, evil, evil, evil, evil, false, true};
    const ExplainView answer{evil, evil, evil, bad, {bad}, evil, ForeignSocketView{evil, 1, evil}, evil};
    for (const std::string& text : {show_status(status, plain()), show_service(service, plain(), true), show_list({service}),
                                    show_rules({bad}), show_explain(query, answer)}) {
        CAPTURE(text);
        CHECK(text.find_first_of("\x1b\r") == text.npos);
        CHECK(text.find('\x9b') == text.npos);
        CHECK(text.find("a\\x1b[2J\\x0d\\x0a") != text.npos);
    }
}

TEST_CASE("show: a list has a line for each service") {
    ServiceView idle = edge();
    idle.name = "a-longer-name";
    idle.state = "idle";
    idle.main_pid.reset();
    idle.listeners.push_back(idle.listeners[0]);
    CHECK(show_list({edge(), idle}) ==
          "NAME           STATE    PID  LISTENERS\n"
          "edge           running  900  tcp 192.0.2.0/24,2001:db8:1::/64 ports 80,443\n"
          "a-longer-name  idle     -    tcp 192.0.2.0/24,2001:db8:1::/64 ports 80,443; tcp 192.0.2.0/24,2001:db8:1::/64 ports 80,443\n");
}

TEST_CASE("show: rules keep the order they come in") {
    RuleView guarded = rule("192.0.2.9/32", "all", "edge");
    guarded.from = "203.0.113.0/24";
    guarded.interface = "eth0";
    CHECK(show_rules({guarded, rule("192.0.2.0/24", "25", "")}) ==
          "PROTO  PREFIX        PORTS  FROM            INTERFACE  VERDICT  TARGET     PLACE\n"
          "tcp    192.0.2.9/32  all    203.0.113.0/24  eth0       steer    edge/http  /etc/edge.toml:12:14\n"
          "tcp    192.0.2.0/24  25     -               -          drop     -          /etc/edge.toml:12:14\n");
}

TEST_CASE("show: hits have a column where they are counted") {
    RuleView counted = rule("192.0.2.9/32", "80,443", "edge");
    counted.hits = 12345678901;
    CHECK(show_rules({counted}) ==
          "HITS         PROTO  PREFIX        PORTS   FROM  INTERFACE  VERDICT  TARGET     PLACE\n"
          "12345678901  tcp    192.0.2.9/32  80,443  -     -          steer    edge/http  /etc/edge.toml:12:14\n");
}

TEST_CASE("show: an explanation names the winner and who lost") {
    const ExplainQuery query{"tcp", "192.0.2.9", "443", "203.0.113.7:5555", "eth0", false, false};
    const ExplainView steered{"steer",  "edge",       "http", rule("192.0.2.0/24", "443", "edge"), {rule("192.0.0.0/16", "all", "")},
                              "tables", std::nullopt, ""};
    CHECK(show_explain(query, steered) == "tcp 192.0.2.9:443 from 203.0.113.7:5555 on eth0 -> steer to edge/http\n"
                                          "  by 192.0.2.0/24 ports 443             /etc/edge.toml:12:14\n"
                                          "  lost: 192.0.0.0/16 all ports -> drop  /etc/edge.toml:12:14\n");
    const ExplainQuery six{"udp", "2001:db8::1", "53", "", "", false, false};
    CHECK(show_explain(six, {"pass", "", "", std::nullopt, {}, "tables", std::nullopt, ""}) ==
          "udp [2001:db8::1]:53 -> pass\n"
          "  by no rule: the kernel's own lookup decides\n");
    CHECK(show_explain(six, {"drop", "", "", std::nullopt, {}, "tables", std::nullopt, ""}).find("home address") != std::string::npos);
}

TEST_CASE("show: a socket that is there and of no use stands out") {
    ServiceView service = edge();
    service.listeners[0].sockets[0].unusable = "it was shut down and listens no more";
    CHECK(show_service(service, plain(), false).find("queued 6\n        unusable: it was shut down and listens no more\n") !=
          std::string::npos);
    CHECK(show_service(service, {true, true, kNow}, false).find("\x1b[31m        unusable:") != std::string::npos);
}

TEST_CASE("show: how many a listener lets in, and whom it did not") {
    ServiceView service = edge();
    service.listeners[0].limits = "10 in 1s";
    service.listeners[0].sockets[0].refused = ListenerView::Socket::Refused{1, 2, 3, 4, 0, 0};
    const std::string text = show_service(service, plain(), false);
    CHECK(text.find("\n        lets in 10 in 1s\n") != text.npos);
    CHECK(text.find("\n        refused: rate 1  source rate 2  blocked 3  too many 4\n") != text.npos);
    service.listeners[0].sockets[0].refused = ListenerView::Socket::Refused{1, 2, 3, 4, 5, 6};
    CHECK(show_service(service, plain(), false).find("too many 4  sources 6  let in unasked 5\n") != std::string::npos);
}

TEST_CASE("show: an explanation says why the source is refused, what the limits are, and which sources a rule leaves out") {
    const ExplainQuery query{"tcp", "192.0.2.9", "443", "203.0.113.7", "", false, false};
    RuleView lost = rule("192.0.0.0/16", "all", "edge");
    lost.except_from = "203.0.113.8/32";
    const ExplainView answer{"drop", "edge", "http", rule("192.0.2.0/24", "443", "edge"), {lost}, "tables", std::nullopt, "",
                             "the listener has blocked the source", "10 in 1s"};
    CHECK(show_explain(query, answer) == "tcp 192.0.2.9:443 from 203.0.113.7 -> drop by edge/http\n"
                                         "  the listener has blocked the source\n"
                                         "  it lets in 10 in 1s\n"
                                         "  by 192.0.2.0/24 ports 443                                                      /etc/edge.toml:12:14\n"
                                         "  lost: 192.0.0.0/16 all ports except from 203.0.113.8/32 -> steer to edge/http  /etc/edge.toml:12:14\n");
    CHECK(show_rules({lost}).find("all but 203.0.113.8/32") != std::string::npos);
}

TEST_CASE("show: what the whole kernel does, and who is responsible") {
    const ExplainQuery query{"tcp", "192.0.2.9", "443", "", "", false, true};
    ExplainView answer{"pass", "", "", std::nullopt, {rule("192.0.2.0/24", "443", "edge")}, "live",
                       ForeignSocketView{"nginx", 812, "0.0.0.0:443"}, "the tables say steer to edge/http, but"};
    CHECK(show_explain(query, answer) == "tcp 192.0.2.9:443 -> pass to nginx (pid 812) on 0.0.0.0:443\n"
                                         "  lost: 192.0.2.0/24 ports 443 -> steer to edge/http  /etc/edge.toml:12:14\n"
                                         "  disagreement: the tables say steer to edge/http, but\n");
    answer.socket = ForeignSocketView{std::nullopt, std::nullopt, "0.0.0.0:443"};
    CHECK(show_explain(query, answer).starts_with("tcp 192.0.2.9:443 -> pass to an unknown process on 0.0.0.0:443\n"));
    CHECK(show_explain(query, {"drop", "", "", std::nullopt, {}, "live", std::nullopt, ""}) ==
          "tcp 192.0.2.9:443 -> drop\n  by no rule: refused, or nobody has a socket there\n");
}

TEST_CASE("show: what is in another network namespace says so, and nothing else does") {
    ServiceView service = edge();
    service.listeners.resize(1);
    CHECK(show_service(service, plain(), true).find(" in ") == std::string::npos);
    service.listeners[0].netns = "blue\n";
    CHECK(show_service(service, plain(), true).find(" in blue\\x0a\n") != std::string::npos);
    CHECK(show_list({service}).find(" in blue\\x0a\n") != std::string::npos);

    RuleView own, other;
    own.protocol = other.protocol = "tcp";
    CHECK(show_rules({own}).find("NETNS") == std::string::npos);
    other.netns = "blue";
    const std::string both = show_rules({own, other});
    CHECK(both.starts_with("NETNS"));
    CHECK(both.find("\n-      tcp") != std::string::npos);
    CHECK(both.find("\nblue   tcp") != std::string::npos);

    StatusView status = status_of(service);
    status.daemon.programs = {{1, "swathe_dispatch", true}, {7, "theirs", false, "blue"}, {8, "swathe_dispatch", true, "blue"}};
    const std::string text = show_status(status, plain());
    CHECK(text.find("run order in blue: theirs (id 7), swathe_dispatch (id 8, ours)\n") != std::string::npos);
    CHECK(text.find("run order: ") == std::string::npos); // nobody else is in the daemon's own
}
