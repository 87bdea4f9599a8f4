#include "supervise/explain.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

std::uint32_t index_of(const std::string& name) { return name == "eth0" ? 7 : 0; }

Result<Flow> flow(const ExplainQuery& query) { return flow_of(query, index_of); }

AddressRange range(const char* text) { return parse_address_range(text).value(); }

/// edge/http on 192.0.2.0/24:80,443,8000-8999, edge/vip on 192.0.2.9:all from two sources, and a drop.
Config some_config() {
    const SourceFile file("edge.toml");
    const auto endpoint = [&](const char* addresses, std::vector<PortRange> ports, std::uint32_t line) {
        const SourcePos pos{file, line, 14};
        return Endpoint{{{range(addresses), pos}}, std::move(ports), pos};
    };
    Service edge;
    edge.name = "edge";
    Listener http;
    http.name = "http";
    http.endpoints = {endpoint("192.0.2.0/24", {{80, 80}, {443, 443}, {8000, 8999}}, 5)};
    Listener vip;
    vip.name = "vip";
    vip.endpoints = {endpoint("192.0.2.9", {PortRange::all()}, 9)};
    vip.guard.from = {{parse_prefix("203.0.113.0/24").value(), {}}, {parse_prefix("203.0.113.64/26").value(), {}}};
    edge.listeners = {http, vip};
    GlobalRule drop;
    drop.protocols = {Protocol::tcp, Protocol::udp};
    drop.endpoints = {endpoint("192.0.0.0/16", {PortRange::all()}, 20)};
    Config config;
    config.services = {edge};
    config.rules = {drop};
    return config;
}

ExplainView explained(const Config& config, const ExplainQuery& query) {
    const RuleSet rules = rules_of(config);
    const Flow asked = flow(query).value();
    const Decision decision = decide_by_rules(rules, asked, index_of);
    return view_of(rules, config, asked, {decision.verdict, decision.rule, decision.others, "tables"});
}

} // namespace

TEST_CASE("explain: a question is read into a flow") {
    const Flow plain = flow({"tcp", "192.0.2.9", "443", "", "", false}).value();
    CHECK(plain.protocol == Protocol::tcp);
    CHECK(plain.local.to_string() == "192.0.2.9:443");
    CHECK(plain.remote.to_string() == "0.0.0.0:0");
    CHECK(plain.ifindex == 0);

    const Flow full = flow({"udp", "2001:db8::1", "65535", "[2001:db8::9]:5353", "eth0", false}).value();
    CHECK(full.remote.to_string() == "[2001:db8::9]:5353");
    CHECK(full.ifindex == 7);
    CHECK(flow({"udp", "2001:db8::1", "1", "2001:db8::9", "", false})->remote.to_string() == "[2001:db8::9]:0");
    CHECK(flow({"tcp", "192.0.2.9", "1", "203.0.113.7:5555", "", false})->remote.port == 5555);
}

TEST_CASE("explain: a question that is none is refused, naming the field") {
    struct Case {
        ExplainQuery query;
        const char* field;
    };
    const Case cases[] = {
        {{"sctp", "192.0.2.9", "443", "", "", false}, "protocol: "},
        {{"", "192.0.2.9", "443", "", "", false}, "protocol: "},
        {{"tcp", "192.0.2.0/24", "443", "", "", false}, "address: "},
        {{"tcp", "::ffff:192.0.2.9", "443", "", "", false}, "address: "},
        {{"tcp", "", "443", "", "", false}, "address: "},
        {{"tcp", "192.0.2.9", "0", "", "", false}, "port: "},
        {{"tcp", "192.0.2.9", "65536", "", "", false}, "port: "},
        {{"tcp", "192.0.2.9", "http", "", "", false}, "port: "},
        {{"tcp", "192.0.2.9", "443", "2001:db8::1", "", false}, "from: "},
        {{"tcp", "192.0.2.9", "443", "203.0.113.999", "", false}, "from: "},
        {{"tcp", "192.0.2.9", "443", "203.0.113.7:", "", false}, "from: "},
        {{"tcp", "192.0.2.9", "443", "", "eth9", false}, "interface: "},
    };
    for (const Case& c : cases) {
        CAPTURE(c.query.protocol + " " + c.query.address + " " + c.query.port + " " + c.query.from);
        const auto result = flow(c.query);
        REQUIRE_FALSE(result);
        CHECK(result.error().message.starts_with(c.field));
    }
}

TEST_CASE("explain: of the winner and of who lost, the ports and the source that matched") {
    const ExplainView view = explained(some_config(), {"tcp", "192.0.2.9", "8080", "203.0.113.70:5", "", false});
    CHECK(view.verdict == "steer");
    CHECK(view.service == "edge");
    CHECK(view.listener == "vip");
    REQUIRE(view.rule);
    CHECK(view.rule->prefix == "192.0.2.9/32");
    CHECK(view.rule->ports == "all");
    CHECK(view.rule->from == "203.0.113.64/26");
    CHECK(view.rule->file == "edge.toml");
    CHECK(view.rule->line == 9);
    CHECK(view.rule->column == 14);
    REQUIRE(view.others.size() == 2);
    CHECK(view.others[0].prefix == "192.0.2.0/24");
    CHECK(view.others[0].ports == "8000-8999");
    CHECK(view.others[1].verdict == "drop");
    CHECK(view.others[1].service.empty());
}

TEST_CASE("explain: without a source a rule with a source guard does not match, and no rule is no rule") {
    CHECK(explained(some_config(), {"tcp", "192.0.2.9", "443", "", "", false}).listener == "http");
    const ExplainView none = explained(some_config(), {"tcp", "198.51.100.1", "443", "", "", false});
    CHECK(none.verdict == "pass");
    CHECK_FALSE(none.rule);
    CHECK(none.others.empty());
}

TEST_CASE("explain: all rules in the dispatcher's order, a line for each range of ports") {
    const Config config = some_config();
    std::string text;
    for (const RuleView& view : rule_views(rules_of(config), config))
        text += view.protocol + " " + view.prefix + " " + view.ports + " " + view.from + " " + view.verdict + " " + view.listener + "\n";
    CHECK(text == "tcp 192.0.2.9/32 all 203.0.113.0/24,203.0.113.64/26 steer vip\n"
                  "tcp 192.0.2.0/24 80  steer http\n"
                  "tcp 192.0.2.0/24 443  steer http\n"
                  "tcp 192.0.2.0/24 8000-8999  steer http\n"
                  "tcp 192.0.0.0/16 all  drop \n"
                  "udp 192.0.0.0/16 all  drop \n");
}

TEST_CASE("explain: who asks for hits gets whole rules, the most hit first, or those that were never hit") {
    const Config config = some_config();
    const RuleSet rules = rules_of(config);
    REQUIRE(rules.rules.size() == 4); // two drops, then the listeners
    const std::vector<std::uint64_t> hits{0, 5, 5, 7};
    const auto text_of = [&](const RuleQuery& query) {
        std::string text;
        for (const RuleView& view : rule_views(rules, config, hits, query))
            text += std::to_string(view.hits.value()) + " " + view.protocol + " " + view.prefix + " " + view.ports + "\n";
        return text;
    };
    const std::string all = text_of({true, false, 0});
    CHECK(text_of({true, false, 100}) == all);
    CHECK(text_of({true, false, 2}) == all.substr(0, text_of({true, false, 2}).size()));
    CHECK(all.starts_with("7 "));
    CHECK(all.find("80,443,8000-8999") != all.npos); // once, with all its ports
    CHECK(text_of({false, true, 0}) == "0 tcp 192.0.0.0/16 all\n");
    CHECK(rule_views(rules, config, hits, {false, false, 3}).size() == 3);
    CHECK(rule_views(rules, config, hits).size() == 6); // a line for each range of ports
}
