#include "supervise/reload_plan.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

Listener listener(const std::string& name, std::vector<const char*> addresses, Protocol protocol = Protocol::tcp) {
    Listener made;
    made.name = name;
    made.protocol = protocol;
    Endpoint endpoint;
    for (const char* text : addresses) endpoint.addresses.push_back({parse_address_range(text).value(), {}});
    endpoint.ports = {PortRange{80, 80}};
    made.endpoints.push_back(endpoint);
    return made;
}

Service service(const std::string& name, std::vector<Listener> listeners) {
    Service made;
    made.name = name;
    made.listeners = std::move(listeners);
    return made;
}

Config config(std::vector<Service> services) {
    Config made;
    made.services = std::move(services);
    return made;
}

std::string by_name(const std::string& netns) { return netns; }
ReloadPlan plan_reload(const Config& old, const Config& next) { return swathe::plan_reload(old, next, by_name, by_name); }

} // namespace

TEST_CASE("reload plan: addresses, ports and limits change without touching the socket") {
    const Config old = config({service("edge", {listener("http", {"192.0.2.0/24"})})});
    Config next = config({service("edge", {listener("http", {"198.51.100.0/24", "203.0.113.7"})})});
    next.services[0].listeners[0].endpoints[0].ports = {PortRange::all()};
    const ReloadPlan plan = plan_reload(old, next);
    REQUIRE(plan.listeners.size() == 1);
    CHECK(plan.listeners[0].kept == ListenerRef{0, 0});
    CHECK_FALSE(plan.listeners[0].new_backlog);
    CHECK(plan.lines.empty());
}

TEST_CASE("reload plan: a new backlog is given to a stream that is kept, and to nothing else") {
    struct Case { Protocol protocol; const char* name; bool changed; };
    for (const Case& c : {Case{Protocol::tcp, "http", true}, Case{Protocol::udp, "http", false}, Case{Protocol::tcp, "new", false}}) {
        CAPTURE(c.name);
        const Config old = config({service("edge", {listener("http", {"192.0.2.0/24"}, c.protocol)})});
        Config next = config({service("edge", {listener(c.name, {"192.0.2.0/24"}, c.protocol)})});
        next.services[0].listeners[0].backlog = 7;
        const ReloadPlan plan = plan_reload(old, next);
        CHECK(plan.listeners[0].new_backlog == c.changed);
        if (c.changed) CHECK(plan.lines == std::vector<std::string>{"edge/http: backlog changed"});
    }
}

TEST_CASE("reload plan: what a socket is made from makes it another socket") {
    const Config old = config({service("edge", {listener("http", {"192.0.2.0/24"})})});
    Listener elsewhere = listener("http", {"192.0.2.0/24"});
    elsewhere.home = SocketAddress{Address::v4(0x7f000001), 8080};
    Listener grouped = listener("http", {"192.0.2.0/24"});
    grouped.listener_mode = ListenerMode::reuseport;
    for (const Listener& changed :
         {elsewhere, grouped, listener("http", {"192.0.2.0/24"}, Protocol::udp), listener("web", {"192.0.2.0/24"})}) {
        CAPTURE(changed.name);
        const ReloadPlan plan = plan_reload(old, config({service("edge", {changed})}));
        REQUIRE(plan.listeners.size() == 1);
        CHECK_FALSE(plan.listeners[0].kept);
        CHECK(plan.added.empty());
        CHECK(plan.removed.empty());
        CHECK(plan.lines == std::vector<std::string>{"edge/" + changed.name + ": socket opened", "edge/http: socket closed"});
    }
}

TEST_CASE("reload plan: of listeners with one name, each kind and path is counted by itself") {
    const Listener tcp = listener("web.socket", {"192.0.2.0/24"}), udp = listener("web.socket", {"192.0.2.0/24"}, Protocol::udp);
    const ReloadPlan plan = plan_reload(config({service("web", {tcp, udp})}), config({service("web", {udp})}));
    REQUIRE(plan.listeners.size() == 1);
    CHECK(plan.listeners[0].kept == ListenerRef{0, 1});
    CHECK(plan.lines == std::vector<std::string>{"web/web.socket: socket closed"});
    CHECK(plan_reload(config({service("web", {udp})}), config({service("web", {tcp, tcp, udp})})).listeners[2].kept == ListenerRef{0, 0});
}

TEST_CASE("reload plan: a listener that gains a family keeps its socket") {
    const Config old = config({service("edge", {listener("http", {"192.0.2.0/24"})})});
    const ReloadPlan plan = plan_reload(old, config({service("edge", {listener("http", {"192.0.2.0/24", "2001:db8::/64"})})}));
    CHECK(plan.listeners[0].kept == ListenerRef{0, 0});
}

TEST_CASE("reload plan: a socket of both families goes on when one is no longer asked for") {
    const Config old = config({service("edge", {listener("http", {"192.0.2.0/24", "2001:db8::/64"})})});
    for (const char* rest : {"192.0.2.0/25", "2001:db8::/65"}) {
        CAPTURE(rest);
        CHECK(plan_reload(old, config({service("edge", {listener("http", {rest})})})).listeners[0].kept == ListenerRef{0, 0});
    }
}

TEST_CASE("reload plan: services are matched by name, wherever they stand in the list") {
    const Config old = config({service("a", {listener("x", {"192.0.2.1"})}), service("b", {listener("x", {"192.0.2.2"})})});
    const Config next = config({service("b", {listener("x", {"192.0.2.2"})}), service("c", {listener("x", {"192.0.2.3"})})});
    const ReloadPlan plan = plan_reload(old, next);
    CHECK(plan.added == std::vector<std::uint32_t>{1});
    CHECK(plan.removed == std::vector<std::uint32_t>{0});
    REQUIRE(plan.listeners.size() == 2);
    CHECK(plan.listeners[0].kept == ListenerRef{1, 0});
    CHECK_FALSE(plan.listeners[1].kept);
}

TEST_CASE("reload plan: listeners that share a name are matched in their order") {
    const Config old = config({service("u", {listener("u.socket", {"192.0.2.1"}), listener("u.socket", {"192.0.2.2"})})});
    const Config next =
        config({service("u", {listener("new", {"192.0.2.9"}), listener("u.socket", {"192.0.2.1"}), listener("u.socket", {"192.0.2.2"})})});
    const ReloadPlan plan = plan_reload(old, next);
    REQUIRE(plan.listeners.size() == 3);
    CHECK_FALSE(plan.listeners[0].kept);
    CHECK(plan.listeners[1].kept == ListenerRef{0, 0});
    CHECK(plan.listeners[2].kept == ListenerRef{0, 1});
}

TEST_CASE("reload plan: a socket belongs to its network namespace") {
    Config old = config({service("edge", {listener("here", {"192.0.2.0/24"}), listener("there", {"192.0.2.0/24"})})});
    old.services[0].listeners[1].netns = "blue";
    Config next = old;
    CHECK(plan_reload(old, next).listeners[1].kept == ListenerRef{0, 1});

    SUBCASE("one that is elsewhere now is another one") {
        next.services[0].listeners[1].netns = "green";
        const ReloadPlan plan = plan_reload(old, next);
        CHECK(plan.listeners[0].kept == ListenerRef{0, 0});
        CHECK_FALSE(plan.listeners[1].kept);
        CHECK(plan.lines == std::vector<std::string>{"edge/there: socket opened", "edge/there: socket closed"});
    }
    SUBCASE("and so is one whose namespace was made anew under the same name") {
        const ReloadPlan plan =
            swathe::plan_reload(old, next, by_name, [](const std::string& netns) { return netns == "blue" ? "another" : netns; });
        CHECK(plan.listeners[0].kept == ListenerRef{0, 0});
        CHECK_FALSE(plan.listeners[1].kept);
        CHECK(plan.lines == std::vector<std::string>{"edge/there: socket opened", "edge/there: socket closed"});
    }
    SUBCASE("but not one whose namespace has got another name") {
        next.services[0].listeners[1].netns = "/run/netns/blue";
        const auto inode = [](const std::string& netns) { return netns.empty() ? "own" : "blue's"; };
        const ReloadPlan plan = swathe::plan_reload(old, next, inode, inode);
        CHECK(plan.listeners[1].kept == ListenerRef{0, 1});
        CHECK(plan.lines.empty());
    }
}

TEST_CASE("config: what concerns one network namespace keeps its numbers and leaves out the rest") {
    Config all =
        config({service("a", {listener("x", {"192.0.2.1"})}), service("b", {listener("y", {"192.0.2.2"}), listener("z", {"192.0.2.3"})})});
    all.services[1].listeners[0].netns = "blue";
    all.rules.resize(2);
    all.rules[1].netns = "blue";
    const Config blue = only_in(all, {"blue", "/run/netns/blue"});
    CHECK(blue.rules.size() == 1);
    REQUIRE(blue.services.size() == 2);
    CHECK(blue.services[0].listeners.at(0).endpoints.empty());
    CHECK(blue.services[1].listeners.at(0).endpoints.size() == 1);
    CHECK(blue.services[1].listeners.at(1).endpoints.empty());
    const Config own = only_in(all, {""});
    CHECK(own.rules.size() == 1);
    CHECK(own.services[0].listeners.at(0).endpoints.size() == 1);
    CHECK(own.services[1].listeners.at(0).endpoints.empty());
}

TEST_CASE("reload plan: new options are given to a socket that is kept; a UNIX socket is another one by its kind or path") {
    Listener http = listener("http", {"192.0.2.0/24"});
    Listener faster = http;
    faster.no_delay = true;
    const ReloadPlan options = plan_reload(config({service("edge", {http})}), config({service("edge", {faster})}));
    CHECK(options.listeners[0].kept);
    CHECK(options.listeners[0].new_options);
    CHECK(options.lines == std::vector<std::string>{"edge/http: options changed"});
    CHECK_FALSE(plan_reload(config({service("edge", {faster})}), config({service("edge", {faster})})).listeners[0].new_options);

    Listener local;
    local.name = "local";
    local.become(SocketKind::unix_stream);
    local.path = "/run/x";
    Listener narrow = local, moved = local, packets = local;
    narrow.socket_mode = 0600;
    moved.path = "/run/y";
    packets.become(SocketKind::unix_seqpacket);
    const auto plan_to = [&](const Listener& next) {
        return plan_reload(config({service("edge", {local})}), config({service("edge", {next})}));
    };
    CHECK(plan_to(local).lines.empty());
    CHECK(plan_to(narrow).listeners[0].kept);
    CHECK(plan_to(narrow).listeners[0].new_options);
    CHECK_FALSE(plan_to(moved).listeners[0].kept);
    CHECK_FALSE(plan_to(packets).listeners[0].kept);
}

TEST_CASE("reload plan: a unit of systemd's keeps its slots, whatever of its range changes") {
    Config old = config({service("web.socket", {listener("web.socket", {"192.0.2.0/24"})})});
    old.services[0].systemd = SystemdUnit{"web.socket", {}};
    Config next = old;
    next.services[0].listeners[0].endpoints[0].ports = {PortRange::all()};
    const ReloadPlan kept = plan_reload(old, next);
    CHECK(kept.listeners[0].kept == ListenerRef{0, 0});
    CHECK(kept.lines.empty());
    CHECK(plan_reload({}, next).lines ==
          std::vector<std::string>{"web.socket: added", "web.socket/web.socket: steered to systemd's socket"});
    CHECK(plan_reload(old, {}).lines ==
          std::vector<std::string>{"web.socket: removed", "web.socket/web.socket: no longer steered to systemd's socket"});
}

TEST_CASE("reload plan: a service that systemd takes over, or gives up, is another one and keeps nothing") {
    const Config ours = config({service("web.socket", {listener("web.socket", {"192.0.2.0/24"})})});
    Config theirs = ours;
    theirs.services[0].systemd = SystemdUnit{"web.socket", {}};
    for (const auto& [old, next] : {std::pair(ours, theirs), std::pair(theirs, ours)}) {
        const ReloadPlan plan = plan_reload(old, next);
        CHECK_FALSE(plan.listeners[0].kept);
        CHECK(plan.added == std::vector<std::uint32_t>{0});
        CHECK(plan.removed == std::vector<std::uint32_t>{0});
    }
}
