#include "process/ignored_signals.h"
#include "support.h"

#include <csignal>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <numeric>
#include <set>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

using namespace swathe;
using namespace swathe::test;
using namespace std::chrono_literals;

namespace {

UniqueFd make_socket(int type = SOCK_STREAM) {
    UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE(fd);
    return fd;
}

/// A socket at exactly this number, which must be free.
UniqueFd socket_at(int number) {
    UniqueFd any = make_socket();
    if (any.get() == number) return any;
    REQUIRE(::fcntl(number, F_GETFD) == -1);
    REQUIRE(::dup3(any.get(), number, O_CLOEXEC) == number);
    return UniqueFd(number);
}

/// Takes `number` out of use for the life of the object: whatever the test runner has open there.
class MovedAway {
public:
    explicit MovedAway(int number) : number_(number), kept_(::fcntl(number, F_DUPFD_CLOEXEC, 200)) { ::close(number); }
    ~MovedAway() {
        if (kept_) ::dup2(kept_.get(), number_);
    }
    MovedAway(const MovedAway&) = delete;
    MovedAway& operator=(const MovedAway&) = delete;

private:
    int number_;
    UniqueFd kept_;
};

/// "fd N TARGET FLAGS MODE" lines as "N TARGET".
std::vector<std::string> fds_of(const Report& report) {
    std::vector<std::string> fds;
    for (const std::string& line : report.at("fd")) {
        const std::size_t end = line.find(' ', line.find(' ') + 1);
        fds.push_back(line.substr(0, end));
    }
    std::sort(fds.begin(), fds.end(), [](const auto& a, const auto& b) { return std::stoi(a) < std::stoi(b); });
    return fds;
}

/// Passes these and checks that the child has them, in order, from 3, and 0, 1, 2, and nothing else.
Report check_passed(const TempDir& dir, const std::vector<int>& fds) {
    SpawnPlan plan = probe_plan(dir / "report");
    std::vector<std::string> expected{"0 /dev/null"};
    char stderr_target[256] = {};
    REQUIRE(::readlink("/proc/self/fd/2", stderr_target, sizeof stderr_target - 1) > 0);
    expected.push_back("1 " + std::string(stderr_target).substr(0, std::string(stderr_target).find(' ')));
    expected.push_back("2 " + std::string(stderr_target).substr(0, std::string(stderr_target).find(' ')));
    std::string names;
    for (std::size_t i = 0; i < fds.size(); ++i) {
        plan.fds.push_back({fds[i], "n" + std::to_string(i)});
        names += (i == 0 ? "n" : ":n") + std::to_string(i);
        expected.push_back(std::to_string(3 + i) + ' ' + socket_link(fds[i]));
    }
    Report report = run_probe(plan);
    CHECK(fds_of(report) == expected);
    const auto env = env_of(report);
    CHECK(env.at("LISTEN_FDS") == std::to_string(fds.size()));
    CHECK(env.at("LISTEN_FDNAMES") == names);
    CHECK(env.at("LISTEN_PID") == report.at("pid").at(0));
    return report;
}

} // namespace

TEST_CASE("spawn: the passed descriptors are 3, 4, ... in order, and no other comes along but 0, 1 and 2") {
    const TempDir dir;
    const UniqueFd leaky(::eventfd(0, 0)); // a library forgot CLOEXEC
    const UniqueFd far(::fcntl(leaky.get(), F_DUPFD, 700));
    REQUIRE(far);
    const UniqueFd a = make_socket();
    const UniqueFd b = make_socket(SOCK_DGRAM);
    const UniqueFd c = make_socket();
    check_passed(dir, {a.get(), b.get(), c.get()});
    check_passed(dir, {c.get(), a.get(), b.get()});
    CHECK(::fcntl(a.get(), F_GETFD) == FD_CLOEXEC); // here nothing has changed
}

TEST_CASE("spawn: sources that lie where the targets shall be are not overwritten") {
    const TempDir dir;
    const MovedAway three(3), four(4), five(5), six(6);
    const UniqueFd at3 = socket_at(3);
    const UniqueFd at4 = socket_at(4);
    const UniqueFd at5 = socket_at(5);
    const UniqueFd high = socket_at(90);
    std::vector<int> order{3, 4, 5, 90};
    do check_passed(dir, order);
    while (std::next_permutation(order.begin(), order.end()));
    check_passed(dir, {4, 3});
    check_passed(dir, {5});
    check_passed(dir, {3, 3, 4, 3}); // one of them twice and more
    check_passed(dir, {90, 90});
}

TEST_CASE("spawn: a hundred descriptors") {
    const TempDir dir;
    std::vector<UniqueFd> sockets;
    std::vector<int> fds;
    for (int i = 0; i < 100; ++i) fds.push_back(sockets.emplace_back(make_socket()).get());
    std::reverse(fds.begin(), fds.end());
    check_passed(dir, fds);
}

TEST_CASE("spawn: O_NONBLOCK is taken off sockets, and of nothing else, and none is CLOEXEC") {
    const TempDir dir;
    const UniqueFd socket = make_socket();
    const UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    SpawnPlan plan = probe_plan(dir / "report");
    plan.fds = {{socket.get(), "socket"}, {event.get(), "event"}};
    const Report report = run_probe(plan);
    CHECK(report.at("fd").at(3) == "3 " + socket_link(socket.get()) + " 0 block");
    CHECK(report.at("fd").at(4) == "4 anon_inode:[eventfd] 0 nonblock");
}

TEST_CASE("spawn: a socket that another process uses keeps its O_NONBLOCK") {
    const TempDir dir;
    const UniqueFd socket = make_socket();
    SpawnPlan plan = probe_plan(dir / "report");
    plan.fds = {{socket.get(), "socket", true}};
    CHECK(run_probe(plan).at("fd").at(3) == "3 " + socket_link(socket.get()) + " 0 nonblock");
}

TEST_CASE("spawn: without passed descriptors there is no LISTEN_ variable; what the plan sets wins over what is generated") {
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    Report report = run_probe(plan);
    auto env = env_of(report);
    CHECK(env.size() == 2);
    CHECK(env.count("INVOCATION_ID") == 1);
    CHECK(env.at("SYSTEMD_EXEC_PID") == report.at("pid").at(0));

    const UniqueFd socket = make_socket();
    plan.fds = {{socket.get(), "web"}};
    plan.env = {"A=b", "LISTEN_FDS=7", "LISTEN_PID=8", "INVOCATION_ID=mine", "LISTEN_FDNAMESX=other", "SYSTEMD_EXEC_PID="};
    env = env_of(run_probe(plan));
    CHECK(env == std::map<std::string, std::string>{{"A", "b"}, {"LISTEN_FDS", "7"}, {"LISTEN_PID", "8"}, {"INVOCATION_ID", "mine"},
                                                    {"LISTEN_FDNAMES", "web"}, {"LISTEN_FDNAMESX", "other"}, {"SYSTEMD_EXEC_PID", ""}});
}

TEST_CASE("spawn: who is watched is told that it is") {
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    plan.env = {"WATCHDOG_USEC=1000"};
    const Report report = run_probe(plan);
    CHECK(env_of(report).at("WATCHDOG_PID") == report.at("pid").at(0));
    plan.env.emplace_back("WATCHDOG_PID=7");
    CHECK(env_of(run_probe(plan)).at("WATCHDOG_PID") == "7");
}

TEST_CASE("spawn: what is unset is not generated either: by name, or by an assignment of the same value") {
    const TempDir dir;
    const UniqueFd socket = make_socket();
    SpawnPlan plan = probe_plan(dir / "report");
    plan.fds = {{socket.get(), "web"}};
    plan.unset_environment = {"INVOCATION_ID", "LISTEN_FDS=1", "LISTEN_FDNAMES=other", "LISTEN_PID"};
    const Report report = run_probe(plan);
    CHECK(env_of(report) == std::map<std::string, std::string>{{"LISTEN_FDNAMES", "web"}, {"SYSTEMD_EXEC_PID", report.at("pid").at(0)}});
}

TEST_CASE("spawn: INVOCATION_ID is a random UUID of version 4, another each time") {
    const TempDir dir;
    std::set<std::string> seen;
    for (int i = 0; i < 3; ++i) {
        const std::string id = env_of(run_probe(probe_plan(dir / "report"))).at("INVOCATION_ID");
        CHECK(id.size() == 32);
        CHECK(id.find_first_not_of("0123456789abcdef") == id.npos);
        CHECK(id.at(12) == '4');
        seen.insert(id);
    }
    CHECK(seen.size() == 3);
}

TEST_CASE("spawn: names that would break LISTEN_FDNAMES are refused, with their edge") {
    const UniqueFd socket = make_socket();
    for (const std::string& name : {std::string("a:b"), std::string("a\nb"), std::string("\x7f"), std::string("\xc3\xa4"), std::string(256, 'a')}) {
        SpawnPlan plan = probe_plan("/dev/null");
        plan.fds = {{socket.get(), name}};
        auto child = spawn(plan);
        REQUIRE_FALSE(child);
        CHECK(child.error().step == SpawnStep::fds);
    }
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    plan.fds = {{socket.get(), std::string(255, 'a')}, {socket.get(), ""}};
    CHECK(env_of(run_probe(plan)).at("LISTEN_FDNAMES") == std::string(255, 'a') + ":");
}

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

TEST_CASE("spawn: every limit is the plan's, and the others are as here") {
    const TempDir dir;
    const auto own = [](std::size_t resource) {
        rlimit limit{};
        REQUIRE(::getrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0);
        return limit;
    };
    SpawnPlan plan = probe_plan(dir / "report");
    std::vector<std::string> expected;
    for (std::size_t resource = 0; resource < plan.limits.size(); ++resource) {
        rlimit limit = own(resource);
        if (resource % 2 == 0) { // the soft limit takes what it may have, less one where it is finite: no right is needed for that
            limit.rlim_cur = limit.rlim_max == 0 || limit.rlim_max == RLIM_INFINITY ? limit.rlim_max : limit.rlim_max - 1;
            plan.limits[resource] = limit;
        }
        expected.push_back(std::to_string(limit.rlim_cur) + ' ' + std::to_string(limit.rlim_max));
    }
    CHECK(run_probe(plan).at("limit") == expected);

    plan.limits = {};
    plan.limits[RLIMIT_STACK] = rlimit{256UL * 1024, own(RLIMIT_STACK).rlim_max}; // counts for the child alone, whose memory is ours
    plan.limits[RLIMIT_FSIZE] = rlimit{1UL << 20, own(RLIMIT_FSIZE).rlim_max};
    CHECK(run_probe(plan).at("limit").at(RLIMIT_STACK).starts_with("262144 "));
}

TEST_CASE("spawn: the limit that is refused is named with its value") {
    SpawnPlan plan = probe_plan("/dev/null");
    plan.limits[RLIMIT_CORE] = rlimit{9, 8};
    auto child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(child.error().error.to_string() == "limit_core of 9:8: Invalid argument");
    plan.limits = {};
    plan.limits[RLIMIT_NOFILE] = rlimit{1, RLIM_INFINITY}; // more than fs.nr_open can be, with whatever rights
    child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(child.error().step == SpawnStep::limits);
    CHECK(child.error().error.to_string() == "limit_nofile of 1:infinity: Operation not permitted");
}

TEST_CASE("spawn: the nice value and no_new_privileges are the child's alone") {
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    const int own = ::getpriority(PRIO_PROCESS, 0);
    const Report as_here = run_probe(plan);
    CHECK(as_here.at("nice").at(0) == std::to_string(own));
    CHECK(as_here.at("NoNewPrivs").at(0) == "0");
    plan.nice = own < 19 ? own + 1 : own;
    plan.no_new_privileges = true;
    const Report changed = run_probe(plan);
    CHECK(changed.at("nice").at(0) == std::to_string(*plan.nice));
    CHECK(changed.at("NoNewPrivs").at(0) == "1");
    CHECK(::getpriority(PRIO_PROCESS, 0) == own);
    CHECK(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
}

TEST_CASE("spawn: an OOM score is the child's alone, though it shares our memory, and a failed step is told as ever") {
    const auto own = [] {
        int score = 2000;
        std::ifstream("/proc/self/oom_score_adj") >> score;
        return score;
    };
    const TempDir dir;
    const int before = own();
    const std::vector<int> fds = open_fds();
    SpawnPlan plan = probe_plan(dir / "report");
    for (const int score : {1000, before}) { // to raise it needs no right
        plan.oom_score_adjust = score;
        CHECK(run_probe(plan).at("oom_score_adj").at(0) == std::to_string(score));
        CHECK(own() == before);
    }
    plan.oom_score_adjust = 1000;
    plan.path = "/no/such/program";
    auto child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(child.error().step == SpawnStep::exec);
    plan.oom_score_adjust = 1001; // no such score
    child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(child.error().step == SpawnStep::oom_score_adjust);
    CHECK(child.error().error.to_string() == "oom_score_adjust 1001: Invalid argument");
    CHECK(std::string(to_string(child.error().step)) == "OOM_ADJUST");
    CHECK(own() == before);
    CHECK(no_children());
    CHECK(open_fds() == fds);
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

TEST_CASE("spawn: too little room for the passed descriptors is FDS, not a child with less") {
    const UniqueFd socket = make_socket();
    rlimit old{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
    SpawnPlan plan = probe_plan("/dev/null");
    for (int i = 0; i < 50; ++i) plan.fds.push_back({socket.get(), "x"});
    const rlimit low{40, old.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    auto child = spawn(plan);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
    REQUIRE_FALSE(child);
    CHECK(child.error().step == SpawnStep::fds);
    CHECK(no_children());
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

TEST_CASE("spawn: with standard input, output and error closed here the child still has all three") {
    const TempDir dir;
    const std::string report = dir / "report";
    const pid_t pid = ::fork(); // the runner's own must stay
    REQUIRE(pid >= 0);
    if (pid == 0) {
        for (int fd = 0; fd < 20; ++fd) ::close(fd);
        const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); // becomes 0
        SpawnPlan plan = probe_plan(report);
        plan.fds = {{socket, "web"}};
        auto child = spawn(plan);
        if (!child) ::_exit(1);
        auto exit = reap(*child);
        ::_exit(exit && *exit == Exit{Exit::Kind::code, 0} && socket == 0 ? 0 : 2);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    REQUIRE(status == 0);
    const std::vector<std::string> fds = fds_of(read_report(report));
    REQUIRE(fds.size() == 4);
    CHECK(fds[0] == "0 /dev/null");
    CHECK(fds[1] == "1 /dev/null");
    CHECK(fds[2] == "2 /dev/null");
    CHECK(fds[3].rfind("3 socket:", 0) == 0);
}

namespace {

/// Has these system calls fail with ENOSYS from now on, as the seccomp filter of a container may.
bool forbid(std::initializer_list<unsigned> calls) {
    std::vector<sock_filter> code{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0}}; // seccomp_data.nr
    for (const unsigned call : calls) {
        code.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, call});
        code.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS});
    }
    code.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void check_child_without(std::initializer_list<unsigned> calls) {
    const TempDir dir;
    const std::string report = dir / "report";
    const UniqueFd socket = make_socket();
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        if (!forbid(calls)) ::_exit(3);
        for (int i = 0; i < 300; ++i) (void)::fcntl(socket.get(), F_DUPFD, 100); // more than one read of the directory
        SpawnPlan plan = probe_plan(report);
        plan.fds = {{socket.get(), "web"}};
        auto child = spawn(plan);
        if (!child) ::_exit(1);
        auto exit = reap(*child);
        ::_exit(exit && *exit == Exit{Exit::Kind::code, 0} ? 0 : 2);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    REQUIRE(status == 0);
    const Report said = read_report(report);
    CHECK(fds_of(said).size() == 4);
    CHECK(fds_of(said).back() == "3 " + socket_link(socket.get()));
    CHECK(env_of(said).at("LISTEN_PID") == said.at("pid").at(0));
    for (const char* key : {"SigBlk", "SigIgn", "SigCgt"}) CHECK(said.at(key).at(0) == "0000000000000000");
}

} // namespace

TEST_CASE("spawn: where clone3 or close_range is forbidden the child is the same") {
    check_child_without({SYS_clone3, SYS_close_range});
    check_child_without({SYS_close_range});
    check_child_without({SYS_clone3});
}

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
