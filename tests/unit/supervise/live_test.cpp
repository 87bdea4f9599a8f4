#include "supervise/live.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

const AttachedProgram kOurs{5, "swathe_dispatch", true};
const AttachedProgram kFirst{3, "first", false};
const AttachedProgram kLast{7, "last", false};

NativeSocket nginx() {
    NativeSocket socket;
    socket.address = parse_socket_address("192.0.2.9:80").value();
    socket.pid = 812;
    socket.process = "nginx";
    return socket;
}

Opinion steer(const char* target) { return {Verdict::steer, target}; }
constexpr Verdict kDrop = Verdict::drop;
constexpr Verdict kPass = Verdict::pass;

Evidence evidence(Opinion tables, Opinion live, std::vector<AttachedProgram> programs = {kOurs}) {
    Evidence e;
    e.tables = e.program = std::move(tables);
    e.live = std::move(live);
    e.programs = std::move(programs);
    if (e.live.verdict == Verdict::pass) e.other = nginx();
    return e;
}

} // namespace

TEST_CASE("live: a listener whose limits are reached is named") {
    Evidence e = evidence(steer("edge/http"), {kDrop, ""}, {kFirst, kOurs});
    e.limited = true;
    CHECK(disagreement(e).find("the limits of edge/http let in no more at the moment") != std::string::npos);
}

TEST_CASE("live: agreement is silent, also in company, and where a pass finds somebody or nobody") {
    CHECK(disagreement(evidence(steer("edge/http"), steer("edge/http"), {kFirst, kOurs, kLast})).empty());
    CHECK(disagreement(evidence({kDrop, ""}, {kDrop, ""}, {kFirst, kOurs})).empty());
    CHECK(disagreement(evidence({kPass, ""}, {kDrop, ""}, {kFirst, kOurs})).empty());
    Evidence native = evidence({kPass, ""}, {kPass, ""}, {kFirst, kOurs});
    native.bound_there = true;
    CHECK(disagreement(native).empty());
    CHECK(follows_tables(native));
    native.bound_there = false;
    native.connected = true;
    CHECK(follows_tables(native));
}

TEST_CASE("live: foreign programs are named with their place; counters tell which of them it was") {
    Evidence e = evidence(steer("edge/http"), {kPass, ""}, {kFirst, kOurs, kLast});
    CHECK_FALSE(follows_tables(e));
    const std::string end = ", chose another socket: nginx (pid 812) on tcp 192.0.2.9:80";
    const std::string first = "program \"first\" (id 3), attached before ours", last = "program \"last\" (id 7), attached after ours";
    const std::string begin = "the tables say steer to edge/http, but ";
    CHECK(disagreement(e) == begin + first + ", or " + last + end);
    e.chosen_before = true;
    CHECK(disagreement(e) == begin + first + end);
    e.chosen_before = false;
    CHECK(disagreement(e) == begin + last + end);
    e.programs = {kFirst, kOurs};
    CHECK(disagreement(e) == begin + "nginx (pid 812) on tcp 192.0.2.9:80 gets it, and it is not known why");
}

TEST_CASE("live: a program takes what is passed or dropped, or refuses what another process listens for") {
    CHECK(disagreement(evidence({kDrop, ""}, {kPass, ""}, {kOurs, kLast})).starts_with("the tables say drop, but program \"last\""));
    CHECK(disagreement(evidence({kPass, ""}, {kPass, ""}, {kOurs, kLast})).starts_with("the tables say pass, but program \"last\""));
    CHECK(disagreement(evidence({kDrop, ""}, steer("edge/http"), {kOurs, kLast})).ends_with("chose another socket: edge/http"));
    Evidence refused = evidence({kPass, ""}, {kDrop, ""}, {kOurs, kLast});
    refused.passed_over = nginx();
    CHECK(disagreement(refused) == "the tables say pass, but program \"last\" (id 7), attached after ours, refuses it: "
                                   "nginx (pid 812) on tcp 192.0.2.9:80 does not get it");
}

TEST_CASE("live: what is known for certain comes before suspicion") {
    Evidence e = evidence(steer("edge/http"), {kPass, ""}, {kFirst, kLast});
    CHECK(disagreement(e).ends_with("our program is not attached to the network namespace: nginx (pid 812) on tcp 192.0.2.9:80 gets it"));
    e.connected = true;
    CHECK(disagreement(e).ends_with("a connection comes before all rules: nginx (pid 812) on tcp 192.0.2.9:80"));

    Evidence fallen = evidence(steer("edge/http"), {kDrop, ""}, {kFirst, kOurs});
    fallen.unusable = "it was shut down and listens no more";
    CHECK(disagreement(fallen).ends_with("the socket of edge/http is of no use: it was shut down and listens no more; nobody gets it"));
    fallen.unusable.clear(); // a drop does not undo our choice, so no program can be to blame
    CHECK(disagreement(fallen).ends_with("nobody gets it, and it is not known why"));
    CHECK(disagreement(evidence({kPass, ""}, steer("edge/http"))).ends_with("the kernel's own lookup finds the home of edge/http"));
}

TEST_CASE("live: a program that does not do as its tables say is our own mistake") {
    Evidence e = evidence(steer("edge/http"), steer("edge/http"));
    e.program = {kDrop, ""};
    CHECK(disagreement(e) == "the tables say steer to edge/http, the BPF program drop: a mistake of swathe's own; please report it");
    CHECK(follows_tables(e));
    e.live = {kDrop, ""};
    CHECK(disagreement(e).find("report it; the tables say steer to edge/http, but nobody gets it") != std::string::npos);
}

TEST_CASE("live: the answer takes the kernel's word; a rule that is not followed joins those that lost") {
    ExplainView view;
    view.verdict = "steer";
    view.service = "edge";
    view.listener = "http";
    view.rule.emplace().prefix = "192.0.2.0/24";
    view.others.emplace_back().prefix = "192.0.0.0/16";
    ExplainView same = view;
    overrule(same, {steer("edge/http"), "edge", "http", std::nullopt, true, ""});
    CHECK(same.source == "live");
    CHECK(same.rule->prefix == "192.0.2.0/24");
    CHECK_FALSE(same.socket);

    overrule(view, {{kPass, ""}, "", "", nginx(), false, "because"});
    CHECK(view.verdict == "pass");
    CHECK(view.service.empty());
    CHECK_FALSE(view.rule);
    REQUIRE(view.others.size() == 2);
    CHECK(view.others[0].prefix == "192.0.2.0/24");
    CHECK(view.disagreement == "because");
    REQUIRE(view.socket);
    CHECK(view.socket->process == "nginx");
    CHECK(view.socket->pid == 812);
    CHECK(view.socket->address == "192.0.2.9:80");

    NativeSocket unknown = nginx();
    unknown.pid = 0;
    overrule(view, {{kPass, ""}, "", "", unknown, false, ""});
    CHECK_FALSE(view.socket->pid);
    CHECK_FALSE(view.socket->process);
}
