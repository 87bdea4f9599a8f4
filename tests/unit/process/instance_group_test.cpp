// Without control groups: what holds the processes of an instance together then.

#include "process/instance_group.h"
#include "support.h"

#include <csignal>

using namespace swathe;
using namespace swathe::test;

namespace {

InstanceGroup must_make() {
    Service service;
    service.name = "web";
    auto group = InstanceGroup::make(CgroupTree::none("there are none"), service, 0);
    REQUIRE(group);
    return std::move(*group);
}

/// A process that has forked another one in its process group, whose pid it writes to `file`.
Child with_worker(InstanceGroup& group, const std::string& file) {
    SpawnPlan plan;
    plan.path = "/bin/sh";
    plan.argv = {"sh", "-c", "sleep 60 & echo $! > \"$0.part\"; mv \"$0.part\" \"$0\"; exec sleep 60", file};
    REQUIRE(group.enter_main(plan));
    CHECK(plan.cgroup_fd == -1);
    Child child = must_spawn(plan);
    for (int i = 0; i < 2000 && !std::filesystem::exists(file); ++i) ::usleep(5'000);
    return child;
}

pid_t pid_in(const std::string& file) {
    std::ifstream in(file);
    pid_t pid = 0;
    in >> pid;
    REQUIRE(pid > 0);
    return pid;
}

/// Does it still run? One that nobody has reaped yet does not.
bool runs(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    return std::getline(stat, line) && line.find(") Z ") == std::string::npos;
}

bool ends(pid_t pid) {
    for (int i = 0; i < 2000 && runs(pid); ++i) ::usleep(5'000);
    return !runs(pid);
}

} // namespace

TEST_CASE("instance group: without control groups a signal reaches the main process alone, or its process group") {
    const TempDir dir;
    InstanceGroup group = must_make();
    CHECK(group.cgroup() == nullptr);
    CHECK(group.is_empty());
    CHECK(group.left_over() == "");
    const Child alone = with_worker(group, dir / "alone");
    const Child both = with_worker(group, dir / "both");
    const Child* const children[] = {&alone, nullptr};
    REQUIRE(group.signal(Reach::nobody, SIGKILL, children));
    REQUIRE(group.signal(Reach::children, SIGTERM, children));
    CHECK(reap(alone) == Exit{Exit::Kind::signal, SIGTERM});
    CHECK(runs(pid_in(dir / "alone")));
    REQUIRE(group.signal(Reach::children, SIGTERM, children)); // it is gone: no error

    const Child* const others[] = {&both};
    REQUIRE(group.signal(Reach::all, SIGKILL, others));
    CHECK(reap(both) == Exit{Exit::Kind::signal, SIGKILL});
    CHECK(ends(pid_in(dir / "both")));
    CHECK(::kill(pid_in(dir / "alone"), SIGKILL) == 0); // started by this test, and alive
}

TEST_CASE("instance group: without control groups a limit is refused with its place") {
    Service service;
    service.name = "web";
    service.memory_max = Placed<CgroupAmount>{{4096, std::nullopt}, {SourceFile("web.toml"), 7, 14}};
    const auto group = InstanceGroup::make(CgroupTree::none("there are none"), service, 0);
    REQUIRE_FALSE(group);
    CHECK(group.error().to_string() == "web.toml:7:14: memory_max: there are no control groups: there are none");
    CHECK_FALSE(must_make().change(CgroupTree::none("there are none"), service));
}
