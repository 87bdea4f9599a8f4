// Control groups of the real kernel: needs root and a cgroup2 file system. Fails, and does not skip, without.

#include "process/cgroup.h"
#include "process/cgroup_files.h"
#include "process/cgroup_place.h"
#include "process/cgroup_watch.h"
#include "process/instance_group.h"
#include "support.h"

#include <csignal>
#include <optional>
#include <set>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

using namespace swathe;
using namespace swathe::test;
using namespace std::chrono_literals;

namespace {

std::string content(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A group of the test's own, below that of the test.
class TestGroup {
public:
    TestGroup() {
        const auto own = find_own_cgroup(content("/proc/self/mountinfo"), content("/proc/self/cgroup"));
        REQUIRE(own);
        path_ = *own + "/swathe-test-" + std::to_string(::getpid());
        REQUIRE(std::filesystem::create_directory(path_));
    }
    ~TestGroup() {
        const UniqueFd dir(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        (void)write_cgroup_file(dir.get(), "cgroup.kill", "1");
        for (int i = 0; i < 500 && !remove_cgroup(AT_FDCWD, path_.c_str()); ++i) ::usleep(10'000);
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {}
    }
    TestGroup(const TestGroup&) = delete;
    TestGroup& operator=(const TestGroup&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] CgroupTree tree() const { return CgroupTree::in(path_, "", path_); }

private:
    std::string path_;
};

Cgroup must_create(const CgroupTree& tree, const std::string& name = "web") {
    REQUIRE(tree.available());
    auto group = Cgroup::create(tree, name, 0);
    if (!group) FAIL(group.error().to_string());
    return std::move(*group);
}

SpawnPlan shell(const Cgroup& group, const std::string& script, const std::string& argument = "") {
    SpawnPlan plan;
    plan.path = "/bin/sh";
    plan.argv = {"sh", "-c", script, argument};
    plan.cgroup_fd = group.fd();
    return plan;
}

template <class Condition> bool soon(Condition condition) {
    const Monotonic deadline = now() + 60s;
    while (now() < deadline) {
        if (condition()) return true;
        ::usleep(5'000);
    }
    return false;
}

std::size_t count_in(const Cgroup& group) { return group.processes().value_or(std::vector<pid_t>()).size(); }
bool is_empty(const Cgroup& group) { return group.is_empty().value_or(false); }

/// Four processes with a session each: the first, two that left its process group, and one that left the group of one of them.
constexpr const char* kScattered = "setsid sleep 60 & setsid sh -c 'setsid sleep 60 & exec sleep 60' & exec sleep 60";

} // namespace

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
        sock_filter code[] = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0}, {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_clone3},
                              {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS}, {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
        const sock_fprog program{4, code};
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(3);
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
