#include "process/child_watch.h"
#include "process/orphans.h"
#include "support.h"

#include <csignal>
#include <optional>
#include <set>

#include <sys/prctl.h>

using namespace swathe;
using namespace swathe::test;
using namespace std::chrono_literals;

namespace {

Loop make_loop() {
    auto loop = Loop::create();
    REQUIRE(loop);
    return std::move(*loop);
}

template <class Done> bool run_until(Loop& loop, Done done) {
    const Monotonic deadline = now() + 10s;
    while (!done() && now() < deadline)
        if (!loop.run_once(10ms)) return false;
    return done();
}

SpawnPlan shell(const std::string& script, const std::string& argument = "") {
    SpawnPlan plan;
    plan.path = "/bin/sh";
    plan.argv = {"sh", "-c", script, argument};
    return plan;
}

ChildWatch must_watch(Loop& loop, Child child, ChildWatch::Handler handler, bool kill_group = false) {
    auto watch = ChildWatch::watch(loop, std::move(child), std::move(handler), kill_group);
    REQUIRE(watch);
    return std::move(*watch);
}

pid_t pid_in(const std::string& path) {
    for (int i = 0; i < 500; ++i) {
        pid_t pid = 0;
        if (std::ifstream in(path); in >> pid && pid > 0) return pid;
        ::usleep(10'000);
    }
    FAIL("no pid in " << path);
    return 0;
}

} // namespace

TEST_CASE("child watch: the end of a child is told once, with code or signal, and leaves no zombie") {
    Loop loop = make_loop();
    struct Case {
        const char* script;
        Exit exit;
    };
    for (const Case& c : {Case{"exit 0", {Exit::Kind::code, 0}}, Case{"exit 217", {Exit::Kind::code, 217}},
                          Case{"kill -USR1 $$", {Exit::Kind::signal, SIGUSR1}}, Case{"sleep 0.05; exit 3", {Exit::Kind::code, 3}}}) {
        CAPTURE(c.script);
        std::vector<Exit> ends;
        const ChildWatch watch = must_watch(loop, must_spawn(shell(c.script)), [&](const Exit& exit) { ends.push_back(exit); });
        CHECK(run_until(loop, [&] { return !ends.empty(); }));
        for (int i = 0; i < 5; ++i) REQUIRE(loop.run_once(1ms));
        REQUIRE(ends.size() == 1);
        CHECK(ends[0] == c.exit);
        CHECK(no_children());
    }
}

TEST_CASE("child watch: a child that ended before it was watched is told, too") {
    Loop loop = make_loop();
    Child child = must_spawn(shell("exit 4"));
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOWAIT) == 0);
    std::optional<Exit> end;
    const ChildWatch watch = must_watch(loop, std::move(child), [&](const Exit& exit) { end = exit; });
    CHECK(run_until(loop, [&] { return end.has_value(); }));
    CHECK(end == Exit{Exit::Kind::code, 4});
}

TEST_CASE("child watch: its handler may destroy it, and it may be moved") {
    Loop loop = make_loop();
    std::optional<ChildWatch> watch;
    bool told = false;
    const std::vector<int> before = open_fds();
    ChildWatch made = must_watch(loop, must_spawn(shell("exit 0")), [&](const Exit&) {
        watch.reset();
        told = true;
    });
    watch.emplace(std::move(made));
    CHECK(watch->child().pid > 0);
    CHECK(run_until(loop, [&] { return told; }));
    CHECK_FALSE(watch);
    CHECK(open_fds() == before);
}

TEST_CASE(
    "child watch: what is left of the process group when the main process ends is killed where that is asked for, a new session is not") {
    const TempDir dir;
    Loop loop = make_loop();
    bool ended = false;
    const ChildWatch watch = must_watch(
        loop, must_spawn(shell("sleep 60 & echo $! > \"$0.worker\"; setsid sh -c 'echo $$ > \"$0.session\"; exec sleep 60' \"$0\" & "
                               "while ! test -s \"$0.session\"; do sleep 0.01; done", dir / "pid")),
        [&](const Exit&) { ended = true; }, true);
    CHECK(run_until(loop, [&] { return ended; }));
    const pid_t worker = pid_in(dir / "pid.worker");
    const pid_t session = pid_in(dir / "pid.session");
    bool worker_gone = false; // init, or whoever reaps here, takes its time
    for (int i = 0; i < 500 && !worker_gone; ++i) {
        std::ifstream stat("/proc/" + std::to_string(worker) + "/stat");
        std::string line;
        worker_gone = !std::getline(stat, line) || line.find(") Z ") != line.npos;
        if (!worker_gone) ::usleep(10'000);
    }
    CHECK(worker_gone);
    CHECK(::kill(session, SIGKILL) == 0); // started by this test, and alive
}

TEST_CASE("child watch: a hundred children at once") {
    Loop loop = make_loop();
    const std::vector<int> before = open_fds();
    std::map<int, Exit> ends;
    {
        std::vector<ChildWatch> watches;
        for (int i = 0; i < 100; ++i)
            watches.push_back(
                must_watch(loop, must_spawn(shell("exit $0", std::to_string(i))), [&ends, i](const Exit& exit) { ends.emplace(i, exit); }));
        CHECK(run_until(loop, [&] { return ends.size() == 100; }));
    }
    for (const auto& [i, exit] : ends) CHECK(exit == Exit{Exit::Kind::code, i});
    CHECK(no_children());
    CHECK(open_fds() == before);
}

TEST_CASE("orphans: a grandchild that was left alone is reaped and told, main children stay with their watch") {
    const TempDir dir;
    Loop loop = make_loop();
    std::set<pid_t> mains;
    std::map<pid_t, Exit> orphans;
    auto adopted = Orphans::adopt(loop, [&](pid_t pid) { return mains.count(pid) != 0; },
                                  [&](pid_t pid, const Exit& exit) { orphans.emplace(pid, exit); });
    REQUIRE(adopted);

    std::vector<Exit> ends;
    std::vector<ChildWatch> watches;
    for (int i = 0; i < 20; ++i) { // each leaves one behind that has its own session and outlives it
        const std::string script = "setsid sh -c 'echo $$ > \"$0\"; while ! test -e \"$0.go\"; do sleep 0.01; done; exit 9' \"$0\" & "
                                   "while ! test -s \"$0\"; do sleep 0.01; done; exit 5";
        Child child = must_spawn(shell(script, dir / std::to_string(i)));
        mains.insert(child.pid);
        watches.push_back(must_watch(loop, std::move(child), [&](const Exit& exit) { ends.push_back(exit); }));
    }
    CHECK(run_until(loop, [&] { return ends.size() == 20; }));
    CHECK(orphans.empty());
    for (int i = 0; i < 20; ++i) std::ofstream(dir / (std::to_string(i) + ".go")).put('x');
    CHECK(run_until(loop, [&] { return orphans.size() == 20; }));
    for (const Exit& exit : ends) CHECK(exit == Exit{Exit::Kind::code, 5});
    for (int i = 0; i < 20; ++i) {
        const auto orphan = orphans.find(pid_in(dir / std::to_string(i)));
        REQUIRE(orphan != orphans.end());
        CHECK(orphan->second == Exit{Exit::Kind::code, 9});
    }
    CHECK(no_children());
    REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}
