#include "supervise/dependencies.h"

#include <deque>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

using Names = std::vector<std::string>;

enum class Is : std::uint8_t { down, starting, running, backoff };

/// Services that name each other, and what they are at.
class Graph {
public:
    Service& add(const std::string& name, Is is = Is::down) {
        Service& service = services_.emplace_back();
        service.name = name;
        is_.push_back(is);
        return service;
    }
    [[nodiscard]] std::vector<Peer> peers(const std::string& but = {}) const {
        std::vector<Peer> all;
        for (std::size_t i = 0; i < services_.size(); ++i)
            if (services_[i].name != but) all.push_back({&services_[i], is_[i] == Is::running, is_[i] == Is::starting, is_[i] != Is::down});
        return all;
    }
    /// "!missing -stopped +started (!: required, ~: not waited for)"
    [[nodiscard]] std::string start(const std::string& name) const {
        const auto service = std::find_if(services_.begin(), services_.end(), [&](const Service& s) { return s.name == name; });
        const auto others = peers(name);
        const StartPlan plan = plan_start(*service, others);
        std::string text;
        if (!plan.missing.empty()) text += fmt::format("!{} ", plan.missing);
        for (const auto& stopped : plan.stop) text += fmt::format("-{} ", stopped);
        for (const auto& one : plan.start) text += fmt::format("+{}{}{} ", one.name, one.required ? "!" : "", one.awaited ? "" : "~");
        if (!text.empty()) text.pop_back();
        return text;
    }

private:
    std::deque<Service> services_;
    std::vector<Is> is_;
};

std::vector<ServiceName> names(std::initializer_list<const char*> all) {
    std::vector<ServiceName> list;
    for (const char* name : all) list.push_back({name, {}});
    return list;
}

} // namespace

TEST_CASE("dependencies: a start starts what is required and wanted, and waits for what comes first") {
    Graph graph;
    Service& web = graph.add("web");
    graph.add("db");
    graph.add("log");
    graph.add("cache");
    graph.add("up", Is::running);
    web.requires_ = names({"db", "up"});
    web.binds_to = names({"cache"});
    web.wants = names({"log", "db", "elsewhere"});
    CHECK(graph.start("web") == "+db! +cache! +log~");
    web.after = names({"log"});
    CHECK(graph.start("web") == "+db! +cache! +log");
}

TEST_CASE("dependencies: after and before wait for who is being started, and start nobody") {
    Graph graph;
    Service& web = graph.add("web");
    Service& early = graph.add("early", Is::starting);
    graph.add("down");
    graph.add("mount", Is::starting);
    graph.add("other", Is::starting);
    web.after = names({"mount", "down"});
    early.before = names({"web"});
    CHECK(graph.start("web") == "+early +mount");
}

TEST_CASE("dependencies: a requisite must run, or be on its way") {
    Graph graph;
    Service& web = graph.add("web");
    graph.add("down");
    graph.add("soon", Is::starting);
    graph.add("up", Is::running);
    graph.add("again", Is::backoff);
    web.requisite = names({"up"});
    CHECK(graph.start("web") == "");
    web.requisite = names({"soon", "up"});
    CHECK(graph.start("web") == "+soon!");
    for (const char* missing : {"down", "again", "elsewhere"}) {
        web.requisite = names({"up", missing});
        CHECK(graph.start("web") == fmt::format("!{}", missing));
    }
}

TEST_CASE("dependencies: who is in conflict goes, whichever of the two says so, if he is there") {
    Graph graph;
    Service& web = graph.add("web");
    graph.add("old", Is::running);
    Service& other = graph.add("other", Is::backoff);
    graph.add("down");
    graph.add("apart", Is::running);
    web.conflicts = names({"old", "down"});
    other.conflicts = names({"web"});
    CHECK(graph.start("web") == "-old -other");
}

TEST_CASE("dependencies: a stop by hand takes those with it that cannot do without, or are a part of it; an end only who is bound") {
    Graph graph;
    graph.add("db", Is::running);
    graph.add("requires", Is::running).requires_ = names({"db"});
    graph.add("requisite", Is::running).requisite = names({"db"});
    graph.add("bound", Is::backoff).binds_to = names({"db"});
    graph.add("part", Is::running).part_of = names({"db"});
    graph.add("wants", Is::running).wants = names({"db"});
    graph.add("after", Is::running).after = names({"db"});
    graph.add("down").requires_ = names({"db"});
    graph.add("farther", Is::running).part_of = names({"part"});
    graph.add("behind", Is::running).requires_ = names({"down"});
    CHECK(stopped_with("db", graph.peers()) == Names{"requires", "requisite", "bound", "part", "farther"});
    CHECK(bound_to("db", graph.peers()) == Names{"bound"});
    CHECK(stopped_with("farther", graph.peers()).empty());
}

TEST_CASE("dependencies: parts of each other are stopped once") {
    Graph graph;
    graph.add("a", Is::running).part_of = names({"b"});
    graph.add("b", Is::running).part_of = names({"a"});
    CHECK(stopped_with("a", graph.peers()) == Names{"b"});
}

TEST_CASE("dependencies: who names nobody and is named by nobody is on his own") {
    std::vector<Service> services(4);
    for (std::size_t i = 0; i < services.size(); ++i) services[i].name = std::string(1, static_cast<char>('a' + i));
    services[1].on_failure = names({"c"});
    CHECK(linked_services(services) == std::set<std::string>{"b", "c"});
    CHECK_FALSE(follows(services[1], services[2]));
}
