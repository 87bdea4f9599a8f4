#include "support.h"

#include <sched.h>

using namespace swathe;
using namespace swathe::test;

namespace {

/// The processors that this process may use.
std::vector<unsigned> own_processors() {
    cpu_set_t cpus;
    REQUIRE(::sched_getaffinity(0, sizeof cpus, &cpus) == 0);
    std::vector<unsigned> list;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &cpus)) list.push_back(cpu);
    return list;
}

std::string text_of(const std::vector<unsigned>& list) {
    std::string text;
    for (const unsigned cpu : list) text += (text.empty() ? "" : " ") + std::to_string(cpu);
    return text;
}

} // namespace

TEST_CASE("spawn: policy, processors and disk priority are the child's alone") {
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    const std::vector<unsigned> processors = own_processors();
    const Report as_here = run_probe(plan);
    CHECK(as_here.at("scheduler").at(0) == "0 0");
    CHECK(as_here.at("cpus").at(0) == text_of(processors));

    plan.cpu_policy = SCHED_BATCH;
    plan.cpu_affinity = {processors.back()};
    plan.io_priority = 2 << 13 | 6; // best effort
    const Report changed = run_probe(plan);
    CHECK(changed.at("scheduler").at(0) == std::to_string(SCHED_BATCH) + " 0");
    CHECK(changed.at("cpus").at(0) == std::to_string(processors.back()));
    CHECK(changed.at("ioprio").at(0) == std::to_string(2 << 13 | 6));
    CHECK(::sched_getscheduler(0) == SCHED_OTHER);
    CHECK(own_processors() == processors);
}

TEST_CASE("spawn: reset-on-fork goes with a policy, and without one with that of the daemon; the nice value stays") {
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    plan.nice = 7;
    plan.cpu_reset_on_fork = true;
    Report report = run_probe(plan);
    CHECK(report.at("scheduler").at(0) == std::to_string(SCHED_OTHER | SCHED_RESET_ON_FORK) + " 0");
    CHECK(report.at("nice").at(0) == "7");
    plan.cpu_policy = SCHED_IDLE;
    report = run_probe(plan);
    CHECK(report.at("scheduler").at(0) == std::to_string(SCHED_IDLE | SCHED_RESET_ON_FORK) + " 0");
    CHECK(report.at("nice").at(0) == "7");
}

TEST_CASE("spawn: a processor that is far beyond all is refused, and so are a priority and a class that do not exist") {
    struct Case {
        int status;
        const char* name;
        const char* message;
        std::function<void(SpawnPlan&)> change;
    };
    const Case cases[] = {
        {215, "CPUAFFINITY", "cpu_affinity 8190 8191: Invalid argument", [](SpawnPlan& p) { p.cpu_affinity = {8190, 8191}; }},
        {214, "SETSCHEDULER", "cpu_scheduling_policy 0, priority 5: Invalid argument",
         [](SpawnPlan& p) { p.cpu_policy = SCHED_OTHER, p.cpu_priority = 5; }},
        {211, "IOPRIO", "io_scheduling_class 5, priority 0: Invalid argument", [](SpawnPlan& p) { p.io_priority = 5 << 13; }},
    };
    for (const Case& c : cases) {
        CAPTURE(c.name);
        SpawnPlan plan = probe_plan("/dev/null");
        c.change(plan);
        auto child = spawn(plan);
        REQUIRE_FALSE(child);
        CHECK(static_cast<int>(child.error().step) == c.status);
        CHECK(std::string(to_string(child.error().step)) == c.name);
        CHECK(child.error().error.to_string() == c.message);
    }
    CHECK(no_children());
}
