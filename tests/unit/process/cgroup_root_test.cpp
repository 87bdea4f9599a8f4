// Control groups of the real kernel: needs root and a cgroup2 file system. Fails, and does not skip, without.

#include "cgroup_world.h"
#include "forbidden_calls.h"

#include <csignal>
#include <optional>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("cgroup as root: a child begins in the group, whatever its user, and the group goes with it") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const TempDir dir;
    const std::vector<int> before = open_fds();
    {
        const CgroupTree tree = test.tree();
        std::string path;
        {
            const Cgroup group = must_create(tree, "a@b.c\\x2d");
            path = group.path();
            CHECK(is_empty(group));
            SpawnPlan plan = shell(group, "cat /proc/self/cgroup > \"$0\"", dir / "seen");
            plan.uid = 61234;
            plan.gid = 61234;
            CHECK(reap(must_spawn(plan)) == Exit{Exit::Kind::code, 0});
            CHECK(content(dir / "seen").find("/swathe/a@b.c\\x2d.service\n") != std::string::npos);
            CHECK(is_empty(group));
            CHECK(std::filesystem::exists(path));
        }
        CHECK_FALSE(std::filesystem::exists(path));
    }
    CHECK_FALSE(std::filesystem::exists(test.path() + "/swathe"));
    CHECK(open_fds() == before);
}

TEST_CASE("cgroup as root: where clone3 is forbidden the child joins by itself") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const TempDir dir;
    const CgroupTree tree = test.tree();
    const Cgroup group = must_create(tree);
    const SpawnPlan plan = shell(group, "cat /proc/self/cgroup > \"$0\"", dir / "seen");
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        if (!forbid({SYS_clone3})) ::_exit(3);
        auto child = spawn(plan);
        ::_exit(child && reap(*child) == Exit{Exit::Kind::code, 0} ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
    CHECK(content(dir / "seen").find("/swathe/web.service\n") != std::string::npos);
}

TEST_CASE("cgroup as root: a group that takes no process is 219 CGROUP, and leaves no child") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const CgroupTree tree = test.tree();
    Cgroup group = must_create(tree);
    const SpawnPlan plan = shell(group, "exit 0");
    REQUIRE(::rmdir(group.path().c_str()) == 0);
    auto child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(child.error().step == SpawnStep::cgroup);
    CHECK(static_cast<int>(child.error().step) == 219);
    CHECK(std::string(to_string(child.error().step)) == "CGROUP");
    CHECK(child.error().error.to_string() == "joining the control group: No such file or directory");
    CHECK(no_children());
}

TEST_CASE("cgroup as root: what a predecessor left is found, named and killed; an empty group is made anew") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    std::optional<Child> child;
    {
        const CgroupTree tree = test.tree();
        const Cgroup busy = must_create(tree, "busy");
        const Cgroup idle = must_create(tree, "idle");
        child = must_spawn(shell(busy, "exec sleep 60"));
        std::filesystem::create_directories(idle.path() + "/below/it");
        std::filesystem::create_directories(busy.path() + "/for-later");
    } // the daemon ends: what runs goes on
    CHECK(std::filesystem::exists(test.path() + "/swathe/busy.service/for-later"));
    CHECK_FALSE(std::filesystem::exists(test.path() + "/swathe/idle.service"));

    std::filesystem::create_directories(test.path() + "/swathe/idle.service/below");
    const CgroupTree tree = test.tree();
    CHECK(tree.groups().size() == 2);
    const Cgroup busy = must_create(tree, "busy");
    const Cgroup idle = must_create(tree, "idle");
    CHECK(soon([&] { return busy.left_over() == std::to_string(child->pid) + " (sleep)"; })); // a shell until its exec
    CHECK(idle.left_over() == "");
    CHECK_FALSE(std::filesystem::exists(idle.path() + "/below"));
    REQUIRE(busy.kill());
    CHECK(reap(*child));
    CHECK(soon([&] { return is_empty(busy); }));
}

TEST_CASE("cgroup as root: a delegated group is its user's, its control processes have their own, and depth has a limit") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const TempDir dir;
    const CgroupTree tree = test.tree();
    Cgroup group = must_create(tree);
    CHECK(*group.control_fd() == group.fd());
    REQUIRE(group.delegate(61234, 61235));
    for (const char* file : {"", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"}) {
        CAPTURE(std::string(file));
        struct stat status {};
        REQUIRE(::stat((group.path() + file).c_str(), &status) == 0);
        CHECK(status.st_uid == 61234);
        CHECK(status.st_gid == 61235);
    }
    struct stat status {};
    REQUIRE(::stat((group.path() + "/cgroup.max.depth").c_str(), &status) == 0);
    CHECK(status.st_uid == 0);

    SpawnPlan plan = shell(group, "mkdir \"$0/mine\" && echo $$ > \"$0/mine/cgroup.procs\" && exec sleep 60", group.path());
    plan.uid = 61234;
    plan.gid = 61235;
    const Child child = must_spawn(plan);
    CHECK(soon([&] { return content(group.path() + "/mine/cgroup.procs") == std::to_string(child.pid) + "\n"; }));
    const auto control = group.control_fd();
    REQUIRE(control);
    CHECK(*control != group.fd());
    SpawnPlan second = shell(group, "cat /proc/self/cgroup > \"$0\"", dir / "seen");
    second.cgroup_fd = *control;
    CHECK(reap(must_spawn(second)) == Exit{Exit::Kind::code, 0});
    CHECK(content(dir / "seen").find("/web.service/.control\n") != std::string::npos);

    std::string deep = group.path();
    for (unsigned level = 0; level < kDeepestCgroup; ++level) {
        deep += "/d";
        REQUIRE(::mkdir(deep.c_str(), 0755) == 0);
    }
    CHECK(::mkdir((deep + "/d").c_str(), 0755) == -1);
    std::ofstream(deep + "/cgroup.procs") << child.pid << std::endl;
    CHECK(group.processes() == std::vector<pid_t>{child.pid});
    REQUIRE(group.kill());
    CHECK(reap(child));
    CHECK(soon([&] { return is_empty(group); }));
    const std::string path = group.path();
    group = must_create(tree, "next");
    CHECK_FALSE(std::filesystem::exists(path)); // with all its levels
}

TEST_CASE("cgroup as root: the daemon's own group is found") {
    REQUIRE(::geteuid() == 0);
    const std::string label = "test-" + std::to_string(::getpid());
    std::string path;
    {
        const CgroupTree tree = CgroupTree::find(label);
        INFO(tree.why_not());
        REQUIRE(tree.available());
        path = tree.path();
        CHECK(path.ends_with("/swathe@" + label));
        CHECK(std::filesystem::exists(path + "/cgroup.procs"));
        CHECK(tree.machine().memory_bytes > 0);
    }
    CHECK_FALSE(std::filesystem::exists(path));
}
