// Control groups of the real kernel: needs root and a cgroup2 file system. Fails, and does not skip, without.

#include "cgroup_world.h"
#include "process/instance_group.h"

#include <csignal>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("instance group as root: main and control commands begin in it, and a signal reaches whom it should") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const CgroupTree tree = test.tree();
    Service service;
    service.name = "web";
    service.delegate = true;
    auto made = InstanceGroup::make(tree, service, 0);
    REQUIRE(made);
    REQUIRE(made->cgroup() != nullptr);
    const Cgroup& group = *made->cgroup();
    SpawnPlan plan = shell(group, kScattered);
    plan.uid = 61234;
    plan.gid = 61234;
    plan.cgroup_fd = -1;
    REQUIRE(made->enter_main(plan));
    const Child main = must_spawn(plan);
    SpawnPlan beside = shell(group, "exec sleep 60");
    REQUIRE(made->enter_beside(beside));
    CHECK(beside.cgroup_fd != plan.cgroup_fd);
    const Child control = must_spawn(beside);
    SpawnPlan outside = shell(group, "exec sleep 60");
    outside.cgroup_fd = -1;
    const Child stranger = must_spawn(outside); // as a main process that MAINPID= named
    struct stat status {};
    REQUIRE(::stat(group.path().c_str(), &status) == 0);
    CHECK(status.st_uid == 61234);
    CHECK(soon([&] { return count_in(group) == 5; }));

    const Child* const children[] = {&main, &control, &stranger, nullptr};
    REQUIRE(made->signal(Reach::nobody, SIGKILL, children));
    REQUIRE(made->signal(Reach::children, SIGTERM, {children, 1}));
    CHECK(reap(main) == Exit{Exit::Kind::signal, SIGTERM});
    CHECK(count_in(group) == 4);
    CHECK_FALSE(made->is_empty());
    REQUIRE(made->signal(Reach::all, SIGTERM, children));
    CHECK(reap(control) == Exit{Exit::Kind::signal, SIGTERM});
    CHECK(reap(stranger) == Exit{Exit::Kind::signal, SIGTERM});
    CHECK(soon([&] { return made->is_empty(); }));
    CHECK(made->left_over() == "");
    REQUIRE(made->signal(Reach::all, SIGKILL, children)); // nobody is left: no error
}
