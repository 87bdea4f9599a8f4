#include "control/json.h"

#include <limits>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

RuleView some_rule() {
    RuleView rule;
    rule.protocol = "tcp";
    rule.prefix = "192.0.2.0/24";
    rule.ports = "443";
    rule.from = "203.0.113.0/24";
    rule.verdict = "steer";
    rule.service = "edge";
    rule.listener = "http";
    rule.file = "/etc/swathe/services.d/edge.toml";
    rule.line = 12;
    rule.column = 14;
    return rule;
}

StatusView some_status() {
    StatusView status;
    status.daemon.version = "0.1.0";
    status.daemon.pid = 812;
    status.daemon.netns = "blue";
    status.daemon.generation = std::numeric_limits<std::uint64_t>::max();
    status.daemon.rules = 3;
    status.daemon.programs = {{7, "swathe", true}, {9, "other", false}};
    status.daemon.warnings = {"192.0.2.0/24 is not routed local"};
    ServiceView& edge = status.services.emplace_back();
    edge.name = "edge";
    edge.description = "Edge proxy";
    edge.state = "running";
    edge.result = "exit-code";
    edge.failure = "pid 7 exited with status 1";
    edge.paused_by_hand = true;
    edge.instances = {{2, "stop-sigterm", true, 77, "draining"}, {1, "start", false, std::nullopt, ""}};
    edge.activation = "on-demand";
    edge.type = "notify";
    edge.main_pid = 900;
    edge.status_text = "serving";
    edge.starts = 2;
    edge.restarts = 1;
    edge.state_since_usec = 1'700'000'000'000'000;
    edge.files = {"edge.toml", "edge.toml.d/10.toml"};
    ListenerView& http = edge.listeners.emplace_back();
    http.name = "http";
    http.protocol = "tcp";
    http.addresses = {"192.0.2.0/24", "2001:db8:1::/64"};
    http.ports = "80,443,8000-8999";
    http.sockets = {{"[2001:db8:1::]:80", 5, 1, 2, 3, 4, 111, 6, "it was shut down"}};
    status.services.emplace_back().name = "idle";
    status.services.back().supervisor = "systemd";
    return status;
}

TraceBatch some_batch() {
    TraceBatch batch;
    batch.events = {{1'700'000'000'000'001, "blue", "udp", "[2001:db8::9]:5353", "[2001:db8:1::5]:53", "eth0", "drop", "dns", "main",
                     TracedView::Rule{"2001:db8:1::/64", "53", "dns.toml", 3, 13}, "no socket"},
                    {0, "", "tcp", "203.0.113.7:5555", "192.0.2.9:81", "", "pass", "", "", std::nullopt, ""}};
    batch.lost = 12;
    batch.ended = "why";
    return batch;
}

} // namespace

TEST_CASE("json: a batch of a trace comes back as it was, and each decision is an object of its own") {
    const auto read = read_trace(to_json(some_batch()));
    REQUIRE(read);
    CHECK(to_json(*read) == to_json(some_batch()));
    CHECK(read->lost == 12);
    CHECK(read->ended == "why");
    CHECK(
        to_json(read->events[0]) ==
        R"({"time_usec":1700000000000001,"netns":"blue","protocol":"udp","source":"[2001:db8::9]:5353","destination":"[2001:db8:1::5]:53",)"
        R"("interface":"eth0","verdict":"drop","service":"dns","listener":"main","rule":{"prefix":"2001:db8:1::/64","ports":"53","file":"dns.toml",)"
        R"("line":3,"column":13},"error":"no socket"})");
    CHECK(to_json(read->events[1]).find(R"("interface":null,"verdict":"pass","service":null,"listener":null,"rule":null,"error":null)") !=
          std::string::npos);
    CHECK(lost_to_json(3) == R"({"lost":3})");
    CHECK_FALSE(read_trace(R"({"events":[{"rule":1}]})"));
}

TEST_CASE("json: a batch of log lines comes back as it was, but for what is no UTF-8") {
    LogBatch batch;
    batch.lines = {{1'700'000'000'000'001, "edge", 42, "stderr", 3, std::string("tab\t nul \0 \xff", 12)}};
    batch.lost = 2;
    batch.complete = true;
    CHECK(to_json(batch.lines[0]) ==
          R"({"time_usec":1700000000000001,"service":"edge","pid":42,"stream":"stderr","priority":3,"text":"tab\t nul \u0000 \ufffd"})");
    const auto read = read_log(to_json(batch));
    REQUIRE(read);
    CHECK(to_json(*read) == to_json(batch));
    CHECK(read->complete);
    CHECK(read->ended.empty());
    CHECK_FALSE(read_log(R"({"lines":[7]})"));
}

TEST_CASE("json: a status comes back as it went") {
    const std::string text = to_json(some_status());
    const auto back = read_status(text);
    REQUIRE(back);
    CHECK(to_json(*back) == text);

    CHECK(back->daemon.generation == std::numeric_limits<std::uint64_t>::max());
    CHECK(back->daemon.netns == "blue");
    REQUIRE(back->daemon.programs.size() == 2);
    CHECK(back->daemon.programs[1].name == "other");
    CHECK(back->daemon.programs[0].ours);
    REQUIRE(back->services.size() == 2);
    CHECK(back->services[0].main_pid == 900);
    CHECK_FALSE(back->services[1].main_pid);
    REQUIRE(back->services[0].listeners.size() == 1);
    const ListenerView& http = back->services[0].listeners[0];
    CHECK(http.addresses == std::vector<std::string>{"192.0.2.0/24", "2001:db8:1::/64"});
    REQUIRE(http.sockets.size() == 1);
    CHECK(http.sockets[0].home == "[2001:db8:1::]:80");
    CHECK(http.sockets[0].last_errno == 111);
    CHECK(http.sockets[0].queued == 6);
    CHECK(http.sockets[0].unusable == "it was shut down");
}

TEST_CASE("json: an answer of explain has the fields of the manual, in its order") {
    ExplainView answer{"steer", "edge", "http", some_rule(), {some_rule()}, "tables", std::nullopt, ""};
    const std::string place = R"("prefix":"192.0.2.0/24","ports":"443","from":"203.0.113.0/24","interface":null,)"
                              R"("file":"/etc/swathe/services.d/edge.toml","line":12,"column":14,"netns":null)";
    const std::string target = R"("verdict":"steer","service":"edge","listener":"http")";
    CHECK(to_json(answer) == "{" + target + ",\"rule\":{" + place + "},\"others\":[{\"protocol\":\"tcp\"," + place + "," + target +
                                 "}],\"source\":\"tables\",\"socket\":null,\"disagreement\":null}");

    const auto back = read_explain(to_json(answer));
    REQUIRE(back);
    CHECK(to_json(*back) == to_json(answer));
    REQUIRE(back->rule);
    CHECK(back->rule->service == "edge");
    CHECK(back->rule->verdict == "steer");
    CHECK(back->rule->line == 12);
    CHECK(back->rule->interface.empty());
}

TEST_CASE("json: limits, and what they refused, are told where there are some") {
    ExplainView answer{
        "drop", "edge", "http", some_rule(), {some_rule()}, "tables", std::nullopt, "", "the listener has blocked the source", "10 in 1s"};
    answer.others[0].except_from = "203.0.113.7/32";
    const std::string text = to_json(answer);
    CHECK(text.find(R"("disagreement":null,"reason":"the listener has blocked the source","limits":"10 in 1s"})") != text.npos);
    CHECK(text.find(R"("except_from":"203.0.113.7/32"})") != text.npos);
    CHECK(to_json(read_explain(text).value()) == text);

    StatusView status = some_status();
    CHECK(to_json(status).find("refused") == std::string::npos);
    status.services[0].listeners[0].limits = "10 in 1s";
    status.services[0].listeners[0].sockets[0].refused = ListenerView::Socket::Refused{1, 2, 3, 4, 5, 6};
    const std::string told = to_json(status);
    CHECK(told.find(R"("refused":{"rate":1,"source_rate":2,"blocked":3,"closed":4,"unasked":5,"new_sources":6}})") != told.npos);
    CHECK(told.find(R"("limits":"10 in 1s","sockets")") != told.npos);
    CHECK(to_json(read_status(told).value()) == told);
}

TEST_CASE("json: no rule is null, and so is what there is none of") {
    const ExplainView nothing{"pass", "", "", std::nullopt, {}, "kernel", std::nullopt, ""};
    CHECK(to_json(nothing) == R"({"verdict":"pass","service":null,"listener":null,"rule":null,"others":[],"source":"kernel",)"
                             R"("socket":null,"disagreement":null})");
    const auto back = read_explain(to_json(nothing));
    REQUIRE(back);
    CHECK_FALSE(back->rule);
    CHECK(back->service.empty());
}

TEST_CASE("json: an answer of --live names the socket and who is responsible") {
    ExplainView answer{"pass", "", "", std::nullopt, {}, "live", ForeignSocketView{"nginx", 812, "0.0.0.0:80"}, "the tables say steer"};
    CHECK(to_json(answer) == R"({"verdict":"pass","service":null,"listener":null,"rule":null,"others":[],"source":"live",)"
                             R"("socket":{"process":"nginx","pid":812,"address":"0.0.0.0:80"},"disagreement":"the tables say steer"})");
    const auto back = read_explain(to_json(answer));
    REQUIRE(back);
    CHECK(to_json(*back) == to_json(answer));
    answer.socket = ForeignSocketView{std::nullopt, std::nullopt, "[::]:80"};
    CHECK(to_json(answer).find(R"("socket":{"process":null,"pid":null,"address":"[::]:80"})") != std::string::npos);
}

TEST_CASE("json: rules and lists of services come as arrays") {
    CHECK(to_json(std::vector<RuleView>{}) == "[]");
    CHECK(to_json(std::vector<ServiceView>{}) == "[]");
    const auto back = read_rules(to_json(std::vector<RuleView>{some_rule(), some_rule()}));
    REQUIRE(back);
    REQUIRE(back->size() == 2);
    CHECK(back->at(1).protocol == "tcp");
    CHECK(back->at(1).verdict == "steer");
    CHECK(back->at(1).from == "203.0.113.0/24");
}

TEST_CASE("json: bytes that are no UTF-8 or move a cursor do not get out") {
    StatusView status;
    status.services.emplace_back().status_text = "a\xff\x1b[2J\xc2\x9b\xe2\x82\xac";
    const std::string text = to_json(status);
    CHECK(text.find("a\\ufffd\\u001b[2J\\u009b\\u20ac") != text.npos);
    CHECK(read_status(text)->services[0].status_text == "a\xef\xbf\xbd\x1b[2J\xc2\x9b\xe2\x82\xac");
    CHECK(as_utf8("ok \xc3\xa9 \xff end") == "ok \xc3\xa9 \xef\xbf\xbd end");
    CHECK(as_utf8(std::string("cut\0off", 7)) == "cut");
}

TEST_CASE("json: a newer daemon's fields are ignored, an older one's missing fields keep their default") {
    const auto status = read_status(R"({"daemon":{"version":"7","colour":"red"},"services":[{"name":"x"}],"more":{}})");
    REQUIRE(status);
    CHECK(status->daemon.version == "7");
    CHECK(status->daemon.pid == 0);
    CHECK(status->services.at(0).name == "x");
}

TEST_CASE("json: what is no answer is an error, not an exception") {
    for (const char* text : {"", "{", "[]", "null", "7", R"({"daemon":[]})", R"({"services":{}})", R"({"services":[1]})",
                             R"({"daemon":{"pid":"x"}})", R"({"daemon":{"version":null}})", "\xff"}) {
        CAPTURE(text);
        CHECK_FALSE(read_status(text));
    }
    CHECK_FALSE(read_rules("{}"));
    CHECK_FALSE(read_explain(R"({"rule":7})"));
    CHECK_FALSE(read_explain(R"({"others":null})"));
}

TEST_CASE("json: diagnostics carry their place and severity") {
    const Diagnostics all{{Diagnostic::Severity::warning, {"ports: odd", 0, SourcePos{SourceFile("a.toml"), 3, 9}}},
                          {Diagnostic::Severity::error, {"user: who", 2, std::nullopt}}};
    CHECK(to_json(all) == R"([{"severity":"warning","file":"a.toml","line":3,"column":9,"message":"ports: odd"},)"
                          R"({"severity":"error","file":null,"line":0,"column":0,"message":"user: who: No such file or directory"}])");
    CHECK(batch_error_to_json(7, "bad \"port\"") == R"({"line":7,"error":"bad \"port\""})");
}
