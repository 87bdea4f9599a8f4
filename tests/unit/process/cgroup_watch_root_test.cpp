// Control groups of the real kernel: needs root and a cgroup2 file system. Fails, and does not skip, without.

#include "cgroup_world.h"
#include "process/cgroup_watch.h"

#include <optional>

using namespace swathe;
using namespace swathe::test;
using namespace std::chrono_literals;

TEST_CASE("cgroup as root: the last process that ends is told, each time, and not before") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const CgroupTree tree = test.tree();
    auto loop = Loop::create();
    REQUIRE(loop);
    std::optional<Cgroup> group(must_create(tree));
    int told = 0;
    std::optional<CgroupWatch> watch;
    auto made = CgroupWatch::watch(*loop, *group, [&] { ++told; });
    REQUIRE(made);
    watch.emplace(std::move(*made));
    const auto run = [&](int until) {
        const Monotonic deadline = now() + 10s;
        while (told < until && now() < deadline) REQUIRE(loop->run_once(10ms));
        for (int i = 0; i < 5; ++i) REQUIRE(loop->run_once(1ms));
    };
    for (int i = 1; i <= 2; ++i) {
        const Child child = must_spawn(shell(*group, "setsid sleep 60 & exit 0"));
        CHECK(reap(child));
        for (int turn = 0; turn < 10; ++turn) REQUIRE(loop->run_once(5ms));
        CHECK(told == i - 1); // the main process is gone, its daemon is not
        REQUIRE(group->kill());
        run(i);
        CHECK(told == i);
        CHECK(is_empty(*group));
    }
    group.reset();
    CHECK_FALSE(std::filesystem::exists(test.path() + "/swathe/web.service"));
    int turns = 0; // a file that is gone would be ready forever
    for (const Monotonic end = now() + 200ms; now() < end; ++turns) REQUIRE(loop->run_once(50ms));
    CHECK(turns < 20);
    CHECK(told == 2);
}

TEST_CASE("cgroup as root: a watch may be destroyed by its handler") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const CgroupTree tree = test.tree();
    auto loop = Loop::create();
    REQUIRE(loop);
    const Cgroup group = must_create(tree);
    const Child child = must_spawn(shell(group, "exec sleep 60"));
    bool told = false;
    std::optional<CgroupWatch> watch;
    auto made = CgroupWatch::watch(*loop, group, [&] {
        watch.reset();
        told = true;
    });
    REQUIRE(made);
    watch.emplace(std::move(*made));
    REQUIRE(group.kill());
    for (const Monotonic deadline = now() + 10s; !told && now() < deadline;) REQUIRE(loop->run_once(10ms));
    CHECK(told);
    CHECK(reap(child));
}
