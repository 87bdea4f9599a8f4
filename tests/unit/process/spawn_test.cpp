#include "process/ignored_signals.h"
#include "support.h"

#include <csignal>
#include <functional>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("spawn: argv, environment, directory, umask and limit are the plan's; session and group are the child's own") {
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    plan.argv.push_back("with space");
    plan.env = {"PATH=/bin", "EMPTY="};
    plan.working_directory = dir.path();
    plan.umask = 0057;
    plan.limits[RLIMIT_NOFILE] = rlimit{123, 456};
    const Report report = run_probe(plan);
    CHECK(report.at("argv") == plan.argv);
    CHECK(env_of(report).at("EMPTY").empty());
    CHECK(report.at("cwd").at(0) == dir.path());
    CHECK(report.at("umask").at(0) == std::to_string(0057));
    CHECK(report.at("limit").at(RLIMIT_NOFILE) == "123 456");
    CHECK(report.at("sid") == report.at("pid"));
    CHECK(report.at("pgid") == report.at("pid"));
    CHECK(report.at("ppid").at(0) == std::to_string(::getpid()));
}

TEST_CASE("spawn: an optional working directory that is not there becomes the root") {
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    plan.working_directory = "/no/such";
    plan.working_directory_optional = true;
    CHECK(run_probe(plan).at("cwd").at(0) == "/");
}

TEST_CASE("spawn: signals are neither blocked nor ignored nor pending in the child, whatever they are here") {
    const TempDir dir;
    struct Restore {
        sigset_t mask{};
        struct sigaction usr1 {}, pipe {}, rt {};
        ~Restore() {
            ::sigaction(SIGUSR1, &usr1, nullptr);
            ::sigaction(SIGPIPE, &pipe, nullptr);
            ::sigaction(SIGRTMAX, &rt, nullptr);
            ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
            ask_ignored_signals_again();
        }
    } restore;
    sigset_t most;
    sigfillset(&most);
    REQUIRE(::pthread_sigmask(SIG_BLOCK, &most, &restore.mask) == 0);
    struct sigaction ignore {}, handle {};
    ignore.sa_handler = SIG_IGN;
    handle.sa_handler = [](int) {};
    REQUIRE(::sigaction(SIGPIPE, &ignore, &restore.pipe) == 0);
    REQUIRE(::sigaction(SIGRTMAX, &ignore, &restore.rt) == 0);
    REQUIRE(::sigaction(SIGUSR1, &handle, &restore.usr1) == 0);
    ask_ignored_signals_again();

    SpawnPlan plan = probe_plan(dir / "report");
    const Report report = run_probe(plan);
    for (const char* key : {"SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"}) {
        CAPTURE(key);
        CHECK(report.at(key).at(0) == "0000000000000000");
    }
    plan.ignore_sigpipe = true;
    CHECK(run_probe(plan).at("SigIgn").at(0) == "0000000000001000");
    struct sigaction now_set {};
    REQUIRE(::sigaction(SIGUSR1, nullptr, &now_set) == 0);
    CHECK((now_set.sa_handler == handle.sa_handler)); // the child's reset was its own
    sigset_t mask;
    REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &mask) == 0);
    CHECK(sigismember(&mask, SIGUSR2) == 1);
}

TEST_CASE("spawn: a step that fails says which and why, with systemd's exit status, and leaves no zombie") {
    const TempDir dir;
    const std::string script = dir / "script";
    std::ofstream(script) << "#!/no/such/interpreter\n";
    REQUIRE(::chmod(script.c_str(), 0755) == 0);
    const UniqueFd socket = make_socket();
    struct Case {
        const char* what;
        SpawnStep step;
        int status;
        const char* name;
        int error;
        std::function<void(SpawnPlan&)> change;
    };
    const Case cases[] = {
        {"no program", SpawnStep::exec, 203, "EXEC", ENOENT, [](SpawnPlan& p) { p.path = "/no/such/program"; }},
        {"a directory", SpawnStep::exec, 203, "EXEC", EACCES, [](SpawnPlan& p) { p.path = "/"; }},
        {"no interpreter", SpawnStep::exec, 203, "EXEC", ENOENT, [&](SpawnPlan& p) { p.path = script; }},
        {"too much to pass", SpawnStep::exec, 203, "EXEC", E2BIG, [](SpawnPlan& p) { p.argv.emplace_back(200'000, 'x'); }},
        {"no directory", SpawnStep::chdir, 200, "CHDIR", ENOENT, [](SpawnPlan& p) { p.working_directory = "/no/such"; }},
        {"a limit with its ends crossed", SpawnStep::limits, 205, "LIMITS", EINVAL,
         [](SpawnPlan& p) { p.limits[RLIMIT_CORE] = rlimit{9, 8}; }},
        {"no descriptor", SpawnStep::fds, 202, "FDS", EBADF, [](SpawnPlan& p) { p.fds = {{999'999, "x"}}; }},
    };
    const std::vector<int> before = open_fds();
    for (const Case& c : cases) {
        CAPTURE(c.what);
        SpawnPlan plan = probe_plan(dir / "report");
        c.change(plan);
        auto child = spawn(plan);
        REQUIRE_FALSE(child);
        CHECK(child.error().step == c.step);
        CHECK(static_cast<int>(child.error().step) == c.status);
        CHECK(std::string(to_string(child.error().step)) == c.name);
        CHECK(child.error().error.errno_value == c.error);
        CHECK_FALSE(child.error().error.message.empty());
        CHECK(no_children());
    }
    CHECK(open_fds() == before);
}

TEST_CASE("spawn: a thousand children, good and bad, leave no descriptor, no zombie and no memory map behind") {
    SpawnPlan good;
    good.path = "/bin/true";
    good.argv = {"true"};
    SpawnPlan bad = good;
    bad.path = "/no/such/program";
    const UniqueFd socket = make_socket();
    good.fds = {{socket.get(), "x"}};
    const std::vector<int> before = open_fds();
    for (int i = 0; i < 500; ++i) {
        const Child child = must_spawn(good);
        auto exit = reap(child);
        REQUIRE(exit);
        REQUIRE(*exit == Exit{Exit::Kind::code, 0});
        REQUIRE_FALSE(spawn(bad));
    }
    CHECK(open_fds() == before);
    CHECK(no_children());
}
