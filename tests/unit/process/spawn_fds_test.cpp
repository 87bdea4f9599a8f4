#include "forbidden_calls.h"
#include "support.h"

#include <fcntl.h>
#include <sys/eventfd.h>

using namespace swathe;
using namespace swathe::test;

namespace {

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
