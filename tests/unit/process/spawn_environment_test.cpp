#include "support.h"

#include <set>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("spawn: without passed descriptors there is no LISTEN_ variable; what the plan sets wins over what is generated") {
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    Report report = run_probe(plan);
    auto env = env_of(report);
    CHECK(env.size() == 2);
    CHECK(env.count("INVOCATION_ID") == 1);
    CHECK(env.at("SYSTEMD_EXEC_PID") == report.at("pid").at(0));

    const UniqueFd socket = make_socket();
    plan.fds = {{socket.get(), "web"}};
    plan.env = {"A=b", "LISTEN_FDS=7", "LISTEN_PID=8", "INVOCATION_ID=mine", "LISTEN_FDNAMESX=other", "SYSTEMD_EXEC_PID="};
    env = env_of(run_probe(plan));
    CHECK(env == std::map<std::string, std::string>{{"A", "b"}, {"LISTEN_FDS", "7"}, {"LISTEN_PID", "8"}, {"INVOCATION_ID", "mine"},
                                                    {"LISTEN_FDNAMES", "web"}, {"LISTEN_FDNAMESX", "other"}, {"SYSTEMD_EXEC_PID", ""}});
}

TEST_CASE("spawn: who is watched is told that it is") {
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    plan.env = {"WATCHDOG_USEC=1000"};
    const Report report = run_probe(plan);
    CHECK(env_of(report).at("WATCHDOG_PID") == report.at("pid").at(0));
    plan.env.emplace_back("WATCHDOG_PID=7");
    CHECK(env_of(run_probe(plan)).at("WATCHDOG_PID") == "7");
}

TEST_CASE("spawn: what is unset is not generated either: by name, or by an assignment of the same value") {
    const TempDir dir;
    const UniqueFd socket = make_socket();
    SpawnPlan plan = probe_plan(dir / "report");
    plan.fds = {{socket.get(), "web"}};
    plan.unset_environment = {"INVOCATION_ID", "LISTEN_FDS=1", "LISTEN_FDNAMES=other", "LISTEN_PID"};
    const Report report = run_probe(plan);
    CHECK(env_of(report) == std::map<std::string, std::string>{{"LISTEN_FDNAMES", "web"}, {"SYSTEMD_EXEC_PID", report.at("pid").at(0)}});
}

TEST_CASE("spawn: INVOCATION_ID is a random UUID of version 4, another each time") {
    const TempDir dir;
    std::set<std::string> seen;
    for (int i = 0; i < 3; ++i) {
        const std::string id = env_of(run_probe(probe_plan(dir / "report"))).at("INVOCATION_ID");
        CHECK(id.size() == 32);
        CHECK(id.find_first_not_of("0123456789abcdef") == id.npos);
        CHECK(id.at(12) == '4');
        seen.insert(id);
    }
    CHECK(seen.size() == 3);
}

TEST_CASE("spawn: names that would break LISTEN_FDNAMES are refused, with their edge") {
    const UniqueFd socket = make_socket();
    for (const std::string& name :
         {std::string("a:b"), std::string("a\nb"), std::string("\x7f"), std::string("\xc3\xa4"), std::string(256, 'a')}) {
        SpawnPlan plan = probe_plan("/dev/null");
        plan.fds = {{socket.get(), name}};
        auto child = spawn(plan);
        REQUIRE_FALSE(child);
        CHECK(child.error().step == SpawnStep::fds);
    }
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    plan.fds = {{socket.get(), std::string(255, 'a')}, {socket.get(), ""}};
    CHECK(env_of(run_probe(plan)).at("LISTEN_FDNAMES") == std::string(255, 'a') + ":");
}
