// Control groups of the real kernel: needs root and a cgroup2 file system. Fails, and does not skip, without.

#include "cgroup_world.h"

#include <csignal>

using namespace swathe;
using namespace swathe::test;

// Version 2 has no controllers where version 1 has them, so that these two look at one half of it here and at the other elsewhere.

TEST_CASE("cgroup as root: limits hold where their controllers are, and are refused by name where not") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const CgroupTree tree = test.tree();
    Cgroup group = must_create(tree);
    struct Case {
        const char* key;
        const char* controller;
        const char* file;
        const char* text;
        void (*set)(CgroupContext&);
    };
    constexpr CgroupAmount kMemory{64U << 20, std::nullopt}, kTasks{5, std::nullopt};
    const Case cases[] = {
        {"memory_max", "memory", "memory.max", "67108864\n", [](CgroupContext& c) { c.memory_max = {kMemory, {}}; }},
        {"memory_high", "memory", "memory.high", "67108864\n", [](CgroupContext& c) { c.memory_high = {kMemory, {}}; }},
        {"tasks_max", "pids", "pids.max", "5\n", [](CgroupContext& c) { c.tasks_max = {kTasks, {}}; }},
        {"cpu_weight", "cpu", "cpu.weight", "200\n", [](CgroupContext& c) { c.cpu_weight = {200, {}}; }},
        {"cpu_quota", "cpu", "cpu.max", "1000 200000\n", [](CgroupContext& c) { c.cpu_quota = {50, {}}; }},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.key));
        CgroupContext context;
        c.set(context);
        const auto applied = group.apply(tree, context);
        CHECK(applied.has_value() == tree.has(c.controller));
        if (applied) CHECK(content(group.path() + '/' + c.file) == c.text);
        else CHECK(applied.error().message.starts_with(std::string(c.key) + ": the " + c.controller + " controller is not available: "));
    }
    REQUIRE(group.apply(tree, CgroupContext{}));
    if (tree.has("cpu")) CHECK(content(group.path() + "/cpu.max") == "max 100000\n");
}

TEST_CASE("cgroup as root: too many processes are not forked, too much memory is an OOM kill") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const CgroupTree tree = test.tree();
    Cgroup group = must_create(tree);
    CgroupContext context;
    if (tree.has("pids")) context.tasks_max = {CgroupAmount{5, std::nullopt}, {}};
    if (tree.has("memory")) context.memory_max = {CgroupAmount{32U << 20, std::nullopt}, {}};
    REQUIRE(group.apply(tree, context));
    const Child forks = must_spawn(shell(group, "for i in 1 2 3 4 5 6 7 8; do sleep 60 & done 2> /dev/null; wait"));
    CHECK(soon([&] { return tree.has("pids") || count_in(group) == 9; }));
    ::usleep(300'000); // for too many
    CHECK((count_in(group) <= 5) == tree.has("pids")); // the shell may give up at the first failure
    REQUIRE(group.kill());
    CHECK(reap(forks));
    CHECK(soon([&] { return is_empty(group); }));
    const auto eaten = reap(must_spawn(shell(group, "exec dd if=/dev/zero of=/dev/null bs=128M count=1 2> /dev/null")));
    CHECK((eaten == Exit{Exit::Kind::signal, SIGKILL}) == tree.has("memory"));
    CHECK((group.oom_kills().value_or(0) > 0) == tree.has("memory"));
}

TEST_CASE("cgroup as root: the daemon makes room for controllers, unless others are in its group") {
    REQUIRE(::geteuid() == 0);
    const TestGroup test;
    const auto ends_in = [&](bool with_other) {
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            const auto join = [&] { std::ofstream(test.path() + "/cgroup.procs") << 0 << std::endl; };
            join();
            const pid_t other = with_other ? ::fork() : -1;
            if (other == 0) {
                ::pause();
                ::_exit(0);
            }
            const CgroupTree tree = CgroupTree::in(test.path(), "", test.path());
            const bool moved = content("/proc/self/cgroup").find("/supervisor\n") != std::string::npos;
            const bool refused = tree.why_fewer() == "there are other processes than swathed in " + test.path();
            if (other > 0) (void)::kill(other, SIGKILL);
            ::_exit(!tree.available() ? 9 : tree.controllers().empty() ? (refused ? 2 : 0) : moved ? 1 : 3);
        }
        int status = 0;
        REQUIRE(::waitpid(pid, &status, 0) == pid);
        return WEXITSTATUS(status);
    };
    const bool some = content(test.path() + "/cgroup.controllers").find("memory") != std::string::npos;
    CHECK(ends_in(true) == (some ? 2 : 0));
    CHECK(ends_in(false) == (some ? 1 : 0));
}
