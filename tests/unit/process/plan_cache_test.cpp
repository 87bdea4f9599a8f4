#include "process/plan_cache.h"

#include "model/service.h"
#include "support.h"

#include <filesystem>
#include <fstream>

#include <unistd.h>

using namespace swathe;
using namespace std::chrono_literals;

namespace {

const Monotonic kStart = Monotonic{} + 1000h;

/// A service whose environment file says what was written to it last.
struct World {
    std::filesystem::path file = std::filesystem::temp_directory_path() / ("swathe-plan-cache-" + std::to_string(::getpid()));
    Service service;
    PlanCache cache;

    World() {
        service.name = "edge";
        service.exec_start.push_back({"/bin/sh", {"edge", "$SAYS", "$PEER"}, true, false, false, false, {}});
        service.environment_files.push_back({file.string(), false, {}});
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World() { std::filesystem::remove(file); }

    void write(const std::string& text) const { std::ofstream(file) << text; }
    std::string plan(Monotonic at, const std::string& peer = "a") {
        RunFacts facts;
        facts.variables = {{"PEER", peer}};
        auto plan = cache.plan(service, service.exec_start.front(), "exec_start", facts, at);
        if (!plan) return "refused";
        return plan->argv.at(1) + " " + plan->argv.at(2) + (plan->warnings.empty() ? "" : " !");
    }
};

} // namespace

TEST_CASE("plan cache: what is asked of the machine is asked once in its age, what differs is not") {
    World world;
    world.write("SAYS=one\n");
    CHECK(world.plan(kStart, "a") == "one a");
    world.write("SAYS=two\n");
    CHECK(world.plan(kStart + kGroundsAge - 1us, "b") == "one b");
    CHECK(world.plan(kStart + kGroundsAge, "c") == "two c");
}

TEST_CASE("plan cache: a reload forgets it, and what failed is not kept") {
    World world;
    CHECK(world.plan(kStart) == "refused"); // the file is missing
    world.write("SAYS=one\n");
    CHECK(world.plan(kStart) == "one a");
    world.write("SAYS=two\n");
    world.cache.forget();
    CHECK(world.plan(kStart) == "two a");
}

TEST_CASE("plan cache: a warning is given once, with the look that found it") {
    World world;
    world.write("SAYS=one\nBAD NAME=x\n");
    CHECK(world.plan(kStart) == "one a !");
    CHECK(world.plan(kStart) == "one a");
    CHECK(world.plan(kStart + kGroundsAge) == "one a !");
}

TEST_CASE("plan cache: a run with a user of its own is looked up for itself") {
    World world;
    world.write("SAYS=one\n");
    CHECK(world.plan(kStart) == "one a");
    world.service.name = "swathe-test-nobody";
    world.service.dynamic_user = true;
    RunFacts facts;
    facts.dynamic_uid = 61999;
    auto plan = world.cache.plan(world.service, world.service.exec_start.front(), "exec_start", facts, kStart);
    REQUIRE(plan);
    CHECK(plan->uid == 61999);
}
