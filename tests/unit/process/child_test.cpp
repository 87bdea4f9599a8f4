#include "support.h"

#include <csignal>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("child: a signal goes to the whole process group, and one to a child that is gone is no error") {
    SpawnPlan plan;
    plan.path = "/bin/sh";
    plan.argv = {"sh", "-c", "sleep 60 & echo > \"$0\"; wait; sleep 60", ""};
    const TempDir dir;
    plan.argv.back() = dir / "ready";
    const Child child = must_spawn(plan);
    for (int i = 0; i < 500 && !std::filesystem::exists(dir / "ready"); ++i) ::usleep(10'000);
    REQUIRE(std::filesystem::exists(dir / "ready"));
    CHECK(child.signal(0));
    CHECK(child.signal_group(0));
    CHECK(child.has_group());
    CHECK_FALSE(child.signal(9999));
    CHECK_FALSE(child.signal_group(9999));
    REQUIRE(child.signal_group(SIGTERM));
    auto exit = reap(child);
    REQUIRE(exit);
    CHECK(*exit == Exit{Exit::Kind::signal, SIGTERM});
    bool group_is_empty = false; // the sleep is init's to reap, which may take a moment
    for (int i = 0; i < 500 && !group_is_empty; ++i) {
        group_is_empty = ::kill(-child.pid, 0) != 0 && errno == ESRCH;
        if (!group_is_empty) ::usleep(10'000);
    }
    CHECK(group_is_empty);
    CHECK(child.signal(SIGTERM));
    CHECK(child.signal_group(SIGTERM));
    CHECK_FALSE(child.has_group());
    CHECK_FALSE(reap(child)); // once only
}

TEST_CASE("child: code, signal and core are told apart") {
    const auto run = [](const std::string& script) {
        SpawnPlan plan;
        plan.path = "/bin/sh";
        plan.argv = {"sh", "-c", script};
        auto exit = reap(must_spawn(plan));
        REQUIRE(exit);
        return *exit;
    };
    CHECK(run("exit 0") == Exit{Exit::Kind::code, 0});
    CHECK(run("exit 255") == Exit{Exit::Kind::code, 255});
    CHECK(run("kill -KILL $$") == Exit{Exit::Kind::signal, SIGKILL});
    CHECK(run("ulimit -c 0; kill -ABRT $$") == Exit{Exit::Kind::signal, SIGABRT});
}
