// What of spawn() needs root. Fails, and does not skip, without.

#include "support.h"

#include <csignal>
#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/prctl.h>

using namespace swathe;
using namespace swathe::test;
using namespace std::chrono_literals;

namespace {

constexpr uid_t kUid = 61234; // nobody's
constexpr gid_t kGid = 61235;

SpawnPlan as_stranger(SpawnPlan plan) {
    plan.uid = kUid;
    plan.gid = kGid;
    plan.groups = std::vector<gid_t>{kGid, 61236, 61237};
    return plan;
}

/// A process of the service's user that sends SIGSTOP to all it may, which are the processes of that user, as fast as it can.
class Stopper {
public:
    Stopper() : pid_(::fork()) {
        REQUIRE(pid_ >= 0);
        if (pid_ != 0) return;
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::setgid(kGid) != 0 || ::setuid(kUid) != 0 || ::getuid() != kUid || ::geteuid() != kUid) ::_exit(1);
        for (;;) (void)::kill(-1, SIGSTOP);
    }
    ~Stopper() {
        (void)::kill(pid_, SIGKILL);
        (void)::waitpid(pid_, nullptr, 0);
    }
    Stopper(const Stopper&) = delete;
    Stopper& operator=(const Stopper&) = delete;

private:
    pid_t pid_;
};

/// A FUSE file system whose server never answers.
class DeadFileSystem {
public:
    explicit DeadFileSystem(std::string at) : at_(std::move(at)), device_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
        REQUIRE(device_);
        std::filesystem::create_directory(at_);
        const std::string options = "fd=" + std::to_string(device_.get()) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
        REQUIRE(::mount("swathe-test", at_.c_str(), "fuse", 0, options.c_str()) == 0);
    }
    ~DeadFileSystem() { (void)::umount2(at_.c_str(), MNT_DETACH); }
    DeadFileSystem(const DeadFileSystem&) = delete;
    DeadFileSystem& operator=(const DeadFileSystem&) = delete;

private:
    std::string at_;
    UniqueFd device_;
};

} // namespace

TEST_CASE("spawn as root: user, group and supplementary groups are exactly the plan's") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    const Report report = run_probe(as_stranger(probe_plan(dir / "report")));
    CHECK(report.at("uid").at(0) == "61234 61234 61234");
    CHECK(report.at("gid").at(0) == "61235 61235 61235");
    CHECK(report.at("groups").at(0) == "61235 61236 61237");
    struct stat status {};
    REQUIRE(::stat((dir / "report").c_str(), &status) == 0);
    CHECK(status.st_uid == kUid);
}

TEST_CASE("spawn as root: a user that may not lower its nice value itself gets the plan's") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    SpawnPlan plan = as_stranger(probe_plan(dir / "report"));
    plan.nice = -7;
    plan.no_new_privileges = true;
    const Report report = run_probe(plan);
    CHECK(report.at("nice").at(0) == "-7");
    CHECK(report.at("NoNewPrivs").at(0) == "1");
}

TEST_CASE("spawn as root: a group without a user leaves the user") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    plan.gid = kGid;
    const Report report = run_probe(plan);
    CHECK(report.at("uid").at(0) == "0 0 0");
    CHECK(report.at("gid").at(0) == "61235 61235 61235");
}

TEST_CASE("spawn as root: the directory is entered as the user") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    SpawnPlan plan = as_stranger(probe_plan(dir / "report"));
    const std::string locked = dir / "locked";
    std::filesystem::create_directory(locked);
    REQUIRE(::chmod(locked.c_str(), 0700) == 0);
    plan.working_directory = locked;
    auto child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(child.error().step == SpawnStep::chdir);
    CHECK(child.error().error.errno_value == EACCES);
    CHECK(no_children());
}

TEST_CASE("spawn without privileges: another user or group is 217 and 216, a lower nice value 201") {
    REQUIRE(::geteuid() == 0);
    const auto step_as_stranger = [](auto change) {
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            if (::setgroups(0, nullptr) != 0 || ::setresgid(kGid, kGid, kGid) != 0 || ::setresuid(kUid, kUid, kUid) != 0) ::_exit(1);
            SpawnPlan plan;
            plan.path = "/bin/true";
            plan.argv = {"true"};
            change(plan);
            auto child = spawn(plan);
            ::_exit(child ? 0 : static_cast<int>(child.error().step));
        }
        int status = 0;
        REQUIRE(::waitpid(pid, &status, 0) == pid);
        return WEXITSTATUS(status);
    };
    CHECK(step_as_stranger([](SpawnPlan&) {}) == 0);
    CHECK(step_as_stranger([](SpawnPlan& p) { p.uid = 0; }) == 217);
    CHECK(step_as_stranger([](SpawnPlan& p) { p.gid = 0; }) == 216);
    CHECK(step_as_stranger([](SpawnPlan& p) { p.groups = std::vector<gid_t>{0}; }) == 216);
    CHECK(step_as_stranger([](SpawnPlan& p) { p.nice = -20; }) == 201);
    CHECK(step_as_stranger([](SpawnPlan& p) { p.oom_score_adjust = -1000; }) == 206);
    CHECK(step_as_stranger([](SpawnPlan& p) { p.no_new_privileges = true; }) == 0);
    CHECK(step_as_stranger([](SpawnPlan& p) { p.uid = kUid; p.gid = kGid; }) == 0);
}

TEST_CASE("spawn as root: a child that changes its user leaves the daemon's core dumps as they were") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    REQUIRE(::prctl(PR_SET_DUMPABLE, 1) == 0);
    (void)run_probe(as_stranger(probe_plan(dir / "report")));
    CHECK(::prctl(PR_GET_DUMPABLE) == 1);
    REQUIRE(::prctl(PR_SET_DUMPABLE, 0) == 0);
    (void)run_probe(as_stranger(probe_plan(dir / "report")));
    CHECK(::prctl(PR_GET_DUMPABLE) == 0);
    REQUIRE(::prctl(PR_SET_DUMPABLE, 1) == 0);
}

TEST_CASE("spawn as root: a process of the service's user that stops all it can does not stop the daemon") {
    REQUIRE(::geteuid() == 0);
    const Stopper stopper;
    SpawnPlan plan;
    plan.path = "/bin/true";
    plan.argv = {"true"};
    plan = as_stranger(plan);
    for (int i = 0; i < 1000; ++i) {
        if (i == 500) plan.oom_score_adjust = 1000; // by vfork from here on
        const Child child = must_spawn(plan); // may be stopped by now, which is its user's own affair
        REQUIRE(child.signal(SIGKILL));
        REQUIRE(reap(child));
    }
}

TEST_CASE("spawn as root: a child that hangs before its exec is killed when patience ends") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    const DeadFileSystem dead(dir / "dead");
    SpawnPlan plan = as_stranger(probe_plan(dir / "report"));
    plan.working_directory = dir / "dead/directory";
    plan.patience = 300ms;
    for (const auto score : {std::optional<int>(), std::optional<int>(1000)}) {
        plan.oom_score_adjust = score; // waited for in another way
        const Monotonic before = now();
        auto child = spawn(plan);
        const auto took = now() - before;
        REQUIRE_FALSE(child);
        CHECK(child.error().error.errno_value == ETIMEDOUT);
        CHECK(took >= 300ms);
        CHECK(took < 15s);
        CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    }
}
