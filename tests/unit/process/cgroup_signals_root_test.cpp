// Control groups of the real kernel: needs root and a cgroup2 file system. Fails, and does not skip, without.

#include "cgroup_world.h"

#include <csignal>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("cgroup as root: kill reaches who left the process group and who sits in a group below") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const CgroupTree tree = test.tree();
    const Cgroup group = must_create(tree);
    const Child child = must_spawn(shell(group, kScattered));
    std::filesystem::create_directories(group.path() + "/below/it");
    CHECK(soon([&] { return count_in(group) == 4; }));
    std::ofstream(group.path() + "/below/it/cgroup.procs") << child.pid << std::endl;
    CHECK(count_in(group) == 4);
    CHECK(soon([&] { return group.left_over().find(std::to_string(child.pid) + " (sleep)") != std::string::npos; }));
    REQUIRE(group.kill());
    CHECK(soon([&] { return is_empty(group); }));
    CHECK(reap(child) == Exit{Exit::Kind::signal, SIGKILL});
    CHECK(group.left_over() == "");
}

TEST_CASE("cgroup as root: a group that was killed takes new processes, exec_stop_post's for one") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const TempDir dir;
    const CgroupTree tree = test.tree();
    const Cgroup group = must_create(tree);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(group.kill());
        const std::string seen = dir / std::to_string(i);
        SpawnPlan plan = shell(group, "cat /proc/self/cgroup > \"$0\"", seen);
        if (i == 2) plan.oom_score_adjust = 500; // by vfork
        CHECK(reap(must_spawn(plan)) == Exit{Exit::Kind::code, 0});
        CHECK(content(seen).find("/swathe/web.service\n") != std::string::npos);
    }
    CHECK(no_children());
}

TEST_CASE("cgroup as root: without cgroup.kill all are frozen, killed and thawed, those that fork as fast as they can, too") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const CgroupTree tree = test.tree();
    const Cgroup group = must_create(tree);
    const Child child = must_spawn(shell(group, "while :; do setsid sh -c 'sleep 0.2; sleep 60' & sleep 0.001; done"));
    CHECK(soon([&] { return count_in(group) > 30; }));
    REQUIRE(kill_cgroup_by_signals(group.fd()));
    CHECK(soon([&] { return is_empty(group); }));
    CHECK(reap(child) == Exit{Exit::Kind::signal, SIGKILL});
    CHECK(content(group.path() + "/cgroup.freeze") == "0\n");
}

TEST_CASE("cgroup as root: a signal reaches each process once, in all sessions, and nobody else") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const TempDir dir;
    const CgroupTree tree = test.tree();
    const Cgroup group = must_create(tree);
    const Cgroup other = must_create(tree, "other");
    // Each writes a line for each signal that it gets.
    std::ofstream(dir / "listen")
        << "trap 'echo got >> \"$1\"' USR1\necho up >> \"$1\"\nwhile :; do { read -r line < \"$2\"; } 2>/dev/null; done\n";
    REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
    std::string script;
    for (int i = 0; i < 70; ++i) script += "setsid sh \"$0/listen\" \"$0/" + std::to_string(i) + "\" \"$0/fifo\" & ";
    const Child child = must_spawn(shell(group, script + "exec sh \"$0/listen\" \"$0/70\" \"$0/fifo\"", dir.path()));
    const Child stranger = must_spawn(shell(other, "exec sh \"$0/listen\" \"$0/stranger\" \"$0/fifo\"", dir.path()));
    const auto said = [&](const std::string& who) { return content(dir / who); };
    CHECK(soon([&] {
        for (int i = 0; i <= 70; ++i)
            if (said(std::to_string(i)) != "up\n") return false;
        return said("stranger") == "up\n";
    }));
    REQUIRE(group.signal_all(SIGUSR1));
    CHECK(soon([&] {
        for (int i = 0; i <= 70; ++i)
            if (said(std::to_string(i)) == "up\n") return false;
        return true;
    }));
    ::usleep(50'000);
    for (int i = 0; i <= 70; ++i) CHECK(said(std::to_string(i)) == "up\ngot\n");
    CHECK(said("stranger") == "up\n");
    REQUIRE(group.kill());
    REQUIRE(other.kill());
    CHECK(reap(child));
    CHECK(reap(stranger));
    CHECK(soon([&] { return is_empty(group) && is_empty(other); }));
}
