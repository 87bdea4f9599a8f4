#include "support.h"

#include <sys/prctl.h>
#include <sys/resource.h>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("spawn: every limit is the plan's, and the others are as here") {
    const TempDir dir;
    const auto own = [](std::size_t resource) {
        rlimit limit{};
        REQUIRE(::getrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0);
        return limit;
    };
    SpawnPlan plan = probe_plan(dir / "report");
    std::vector<std::string> expected;
    for (std::size_t resource = 0; resource < plan.limits.size(); ++resource) {
        rlimit limit = own(resource);
        if (resource % 2 == 0) { // the soft limit takes what it may have, less one where it is finite: no right is needed for that
            limit.rlim_cur = limit.rlim_max == 0 || limit.rlim_max == RLIM_INFINITY ? limit.rlim_max : limit.rlim_max - 1;
            plan.limits[resource] = limit;
        }
        expected.push_back(std::to_string(limit.rlim_cur) + ' ' + std::to_string(limit.rlim_max));
    }
    CHECK(run_probe(plan).at("limit") == expected);

    plan.limits = {};
    plan.limits[RLIMIT_STACK] = rlimit{256UL * 1024, own(RLIMIT_STACK).rlim_max}; // counts for the child alone, whose memory is ours
    plan.limits[RLIMIT_FSIZE] = rlimit{1UL << 20, own(RLIMIT_FSIZE).rlim_max};
    CHECK(run_probe(plan).at("limit").at(RLIMIT_STACK).starts_with("262144 "));
}

TEST_CASE("spawn: the limit that is refused is named with its value") {
    SpawnPlan plan = probe_plan("/dev/null");
    plan.limits[RLIMIT_CORE] = rlimit{9, 8};
    auto child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(child.error().error.to_string() == "limit_core of 9:8: Invalid argument");
    plan.limits = {};
    plan.limits[RLIMIT_NOFILE] = rlimit{1, RLIM_INFINITY}; // more than fs.nr_open can be, with whatever rights
    child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(child.error().step == SpawnStep::limits);
    CHECK(child.error().error.to_string() == "limit_nofile of 1:infinity: Operation not permitted");
}

TEST_CASE("spawn: the nice value and no_new_privileges are the child's alone") {
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    const int own = ::getpriority(PRIO_PROCESS, 0);
    const Report as_here = run_probe(plan);
    CHECK(as_here.at("nice").at(0) == std::to_string(own));
    CHECK(as_here.at("NoNewPrivs").at(0) == "0");
    plan.nice = own < 19 ? own + 1 : own;
    plan.no_new_privileges = true;
    const Report changed = run_probe(plan);
    CHECK(changed.at("nice").at(0) == std::to_string(*plan.nice));
    CHECK(changed.at("NoNewPrivs").at(0) == "1");
    CHECK(::getpriority(PRIO_PROCESS, 0) == own);
    CHECK(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

TEST_CASE("spawn: an OOM score is the child's alone, though it shares our memory, and a failed step is told as ever") {
    const auto own = [] {
        int score = 2000;
        std::ifstream("/proc/self/oom_score_adj") >> score;
        return score;
    };
    const TempDir dir;
    const int before = own();
    const std::vector<int> fds = open_fds();
    SpawnPlan plan = probe_plan(dir / "report");
    for (const int score : {1000, before}) { // to raise it needs no right
        plan.oom_score_adjust = score;
        CHECK(run_probe(plan).at("oom_score_adj").at(0) == std::to_string(score));
        CHECK(own() == before);
    }
    plan.oom_score_adjust = 1000;
    plan.path = "/no/such/program";
    auto child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(child.error().step == SpawnStep::exec);
    plan.oom_score_adjust = 1001; // no such score
    child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(child.error().step == SpawnStep::oom_score_adjust);
    CHECK(child.error().error.to_string() == "oom_score_adjust 1001: Invalid argument");
    CHECK(std::string(to_string(child.error().step)) == "OOM_ADJUST");
    CHECK(own() == before);
    CHECK(no_children());
    CHECK(open_fds() == fds);
}
