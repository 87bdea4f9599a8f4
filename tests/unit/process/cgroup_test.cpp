// Control groups without any: pure decisions, and directories that look like groups.

#include "process/cgroup.h"
#include "process/cgroup_files.h"
#include "process/cgroup_place.h"
#include "process/cgroup_settings.h"
#include "support.h"

#include <set>

#include <sys/wait.h>
#include <unistd.h>

using namespace swathe;
using namespace swathe::test;

namespace {

constexpr const char* kHybrid = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
                                "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
                                "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
constexpr const char* kUnified = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 master:2 - cgroup2 cgroup2 rw,nsdelegate\n";

void put(const std::string& path, const std::string& text = "") { std::ofstream(path) << text; }

std::string content(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A directory with what the kernel puts into that of a group.
void fake_group(const std::string& path, const std::string& controllers, const std::string& procs = "") {
    std::filesystem::create_directories(path);
    put(path + "/cgroup.controllers", controllers);
    put(path + "/cgroup.subtree_control");
    put(path + "/cgroup.procs", procs);
    put(path + "/cgroup.max.depth");
}

template <class T> Placed<T> placed(T value, std::uint32_t line) {
    Placed<T> result{value, {}};
    result.pos.line = line;
    return result;
}

CgroupContext everything() {
    CgroupContext context;
    context.memory_max = placed(CgroupAmount{1U << 30, std::nullopt}, 1);
    context.memory_high = placed(CgroupAmount{0, 1250}, 2);
    context.memory_swap_max = placed(CgroupAmount{0, std::nullopt}, 3);
    context.tasks_max = placed(CgroupAmount{}, 4);
    context.cpu_weight = placed(std::uint32_t{200}, 5);
    context.cpu_quota = placed(std::uint32_t{15000}, 6);
    context.io_weight = placed(std::uint32_t{10000}, 7);
    return context;
}

std::vector<std::string> lines_of(const std::vector<CgroupSetting>& settings) {
    std::vector<std::string> lines;
    for (const auto& setting : settings)
        for (const auto& file : setting.files)
            lines.push_back(std::string(setting.key) + " " + std::string(setting.controller) + " " + file.name + "=" + file.text);
    return lines;
}

} // namespace

TEST_CASE("cgroup place: the directory of our group, in unified and hybrid layouts, in namespaces and bind mounts") {
    struct Case {
        const char* mounts;
        const char* cgroup;
        const char* path; ///< nullptr: refused
    };
    const Case cases[] = {
        {kHybrid, "9:name=systemd:/\n4:memory:/a\n0::/\n", "/sys/fs/cgroup/unified"},
        {kHybrid, "0::/init.scope\n", "/sys/fs/cgroup/unified/init.scope"},
        {kUnified, "0::/system.slice/swathed.service\n", "/sys/fs/cgroup/system.slice/swathed.service"},
        {kUnified, "0::/a b\\c\n", "/sys/fs/cgroup/a b\\c"},
        {kUnified, "0::/../other\n", nullptr}, // outside of our cgroup namespace
        {kUnified, "0::/..\n", nullptr},
        {kUnified, "0::/..a\n", "/sys/fs/cgroup/..a"},
        {kUnified, "4:memory:/a\n", nullptr}, // no version 2
        {kUnified, "", nullptr},
        {"", "0::/a\n", nullptr},
        {"31 23 0:28 / /sys/fs/cgroup rw - tmpfs cgroup2 rw\n", "0::/a\n", nullptr}, // the name of a source is not a type
        {"41 31 0:38 /a /mnt/x\\040y rw - cgroup2 none rw\n", "0::/a/b\n", "/mnt/x y/b"},
        {"41 31 0:38 /a /mnt rw - cgroup2 none rw\n", "0::/a\n", "/mnt"},
        {"41 31 0:38 /a /mnt rw - cgroup2 none rw\n", "0::/ab\n", nullptr},
        {"41 31 0:38 /z /mnt rw - cgroup2 none rw\n30 24 0:26 / /sys/fs/cgroup rw - cgroup2 none rw\n", "0::/a\n", "/sys/fs/cgroup/a"},
        {"41 31 0:38 / /mnt rw -\n41\n\n", "0::/a\n", nullptr},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.mounts));
        CAPTURE(std::string(c.cgroup));
        const auto path = find_own_cgroup(c.mounts, c.cgroup);
        CHECK(path.has_value() == (c.path != nullptr));
        if (path && c.path != nullptr) CHECK(*path == c.path);
    }
    CHECK(find_own_cgroup("", "0::/a\n").error().message == "no cgroup2 file system is mounted");
}

TEST_CASE("cgroup names: one for each instance, never the kernel's, never too long") {
    CHECK(cgroup_name("web", 0) == "web.service");
    CHECK(cgroup_name("web", 2) == "web#2.service");
    CHECK(cgroup_name("a@b.c\\x2d:d", 0) == "a@b.c\\x2d:d.service");
    CHECK(cgroup_name("cgroup.procs", 0) == "cgroup.procs.service");
    const std::string most(247, 'a');
    CHECK(cgroup_name(most, 0) == most + ".service");
    std::set<std::string> names;
    for (const unsigned instance : {0U, 1U, 4294967295U})
        for (const std::string& name : {most, most.substr(1), most.substr(1) + "b"}) {
            const std::string file = cgroup_name(name, instance);
            CHECK(file.size() <= 255);
            CHECK(names.insert(file).second);
        }
}

TEST_CASE("cgroup settings: what is asked for goes into the kernel's files, and the rest has its defaults") {
    const CgroupMachine machine{8UL << 30, 32768};
    const std::vector<std::string> all{
        "memory_max memory memory.max=1073741824", "memory_high memory memory.high=1073741824", "memory_swap_max memory memory.swap.max=0",
        "tasks_max pids pids.max=max",             "cpu_weight cpu cpu.weight=200",             "cpu_quota cpu cpu.max=150000 100000",
        "io_weight io io.weight=default 10000",    "io_weight io io.bfq.weight=1000"};
    CHECK(lines_of(settings_of(everything(), machine)) == all);
    CHECK(settings_of(everything(), machine).at(4).pos.line == 5);
    CHECK(defaults_beside(everything()).empty());
    CHECK(settings_of(CgroupContext{}, machine).empty());
    const std::vector<std::string> defaults{
        "memory_max memory memory.max=max", "memory_high memory memory.high=max", "memory_swap_max memory memory.swap.max=max",
        "tasks_max pids pids.max=max",      "cpu_weight cpu cpu.weight=100",      "cpu_quota cpu cpu.max=max 100000",
        "io_weight io io.weight=default 100", "io_weight io io.bfq.weight=100"};
    CHECK(lines_of(defaults_beside(CgroupContext{})) == defaults);
}

TEST_CASE("cgroup settings: a share of the machine does not overflow, and no share is rounded up") {
    const auto memory = [](std::uint64_t whole, std::uint32_t hundredths) {
        CgroupContext context;
        context.memory_max = placed(CgroupAmount{0, hundredths}, 1);
        return settings_of(context, {whole, 0}).at(0).files.at(0).text;
    };
    CHECK(memory(18446744073709551615U, 10000) == "18446744073709551615");
    CHECK(memory(18446744073709551615U, 5000) == "9223372036854775807");
    CHECK(memory(10001, 1) == "1");
    CHECK(memory(9999, 1) == "0");
}

TEST_CASE("cgroup settings: a small quota gets a longer period") {
    struct Case { std::uint32_t hundredths; const char* text; };
    for (const Case& c : {Case{10000, "100000 100000"}, Case{5000, "50000 100000"}, Case{25000, "250000 100000"}, Case{100, "1000 100000"},
                          Case{99, "1000 101011"}, Case{50, "1000 200000"}, Case{10, "1000 1000000"}, Case{1, "1000 1000000"},
                          Case{100'000'000, "1000000000 100000"}}) {
        CAPTURE(c.hundredths);
        CHECK(cpu_max_text(c.hundredths) == c.text);
    }
}

TEST_CASE("cgroup settings: BFQ's weights") {
    CHECK(bfq_weight(1) == 1);
    CHECK(bfq_weight(100) == 100);
    CHECK(bfq_weight(5050) == 550);
    CHECK(bfq_weight(10000) == 1000);
}

TEST_CASE("cgroup machine: the limits of the topmost group count") {
    const TempDir dir;
    const CgroupMachine machine = read_cgroup_machine(dir.path());
    CHECK(machine.memory_bytes > (16U << 20));
    CHECK(machine.tasks > 100);
    put(dir / "memory.max", "1048576\n");
    put(dir / "pids.max", "77\n");
    CHECK(read_cgroup_machine(dir.path()).memory_bytes == 1048576);
    CHECK(read_cgroup_machine(dir.path()).tasks == 77);
    put(dir / "memory.max", "max\n");
    CHECK(read_cgroup_machine(dir.path()).memory_bytes == machine.memory_bytes);
}

TEST_CASE("cgroup tree: the controllers that are there are enabled for the services") {
    const TempDir dir;
    fake_group(dir / "own", "cpuset cpu io memory hugetlb pids\n");
    fake_group(dir / "own/swathe", "cpu io memory pids\n");
    const CgroupTree tree = CgroupTree::in(dir / "own", "", dir.path());
    REQUIRE(tree.available());
    CHECK(tree.path() == dir / "own/swathe");
    CHECK(tree.controllers() == std::vector<std::string>{"cpu", "io", "memory", "pids"});
    CHECK(tree.describe() == "");
    CHECK(content(dir / "own/swathe/cgroup.subtree_control").starts_with("+"));
    CHECK(tree.check(everything()));
}

TEST_CASE("cgroup tree: what is missing is named, with the key that wants it and its place") {
    const TempDir dir;
    fake_group(dir / "own", "cpu pids\n");
    fake_group(dir / "own/swathe", "cpu pids\n");
    const CgroupTree tree = CgroupTree::in(dir / "own", "", dir.path());
    REQUIRE(tree.available());
    CHECK(tree.controllers() == std::vector<std::string>{"cpu", "pids"});
    CHECK(tree.describe() == "control groups cannot limit io, memory: " + (dir / "own") + " does not have it");
    CHECK(tree.check(CgroupContext{}));
    const auto refused = tree.check(everything());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "memory_max: the memory controller is not available: " + (dir / "own") + " does not have it");
    CHECK(refused.error().pos.value().line == 1);
}

TEST_CASE("cgroup tree: without control groups there is a reason, and only a service that asks for a limit is refused") {
    const CgroupTree none = CgroupTree::none("no cgroup2 file system is mounted");
    CHECK_FALSE(none.available());
    CHECK(none.describe() == "there are no control groups: no cgroup2 file system is mounted; a process that leaves the process group of "
                             "its service is not ended with it");
    CHECK(none.check(CgroupContext{}));
    CHECK(none.check(everything()).error().message == "memory_max: there are no control groups: no cgroup2 file system is mounted");
    CHECK(none.groups().empty());

    const TempDir dir;
    const CgroupTree gone = CgroupTree::in(dir / "none", "", dir.path());
    CHECK_FALSE(gone.available());
    CHECK(gone.why_not() == (dir / "none") + ": No such file or directory");
    put(dir / "swathe", "not a directory");
    CHECK_FALSE(CgroupTree::in(dir.path(), "", dir.path()).available());
}

TEST_CASE("cgroup tree: a threaded group holds no services") {
    const TempDir dir;
    fake_group(dir / "own/swathe", "");
    put(dir / "own/swathe/cgroup.type", "domain invalid\n");
    const CgroupTree tree = CgroupTree::in(dir / "own", "", dir.path());
    CHECK_FALSE(tree.available());
    CHECK(tree.why_not() == (dir / "own/swathe") + " is a threaded group");
}

TEST_CASE("cgroup tree: daemons with other runtime directories are told apart") {
    CHECK(CgroupTree::label_of("/run/swathe") == "");
    CHECK(CgroupTree::label_of("/run/edge/swathe") == "run-edge-swathe");
    CHECK(CgroupTree::label_of("/") == "-");
    const TempDir dir;
    const CgroupTree tree = CgroupTree::in(dir.path(), "run-edge", dir.path());
    CHECK(tree.path() == dir / "swathe@run-edge");
}

TEST_CASE("cgroup tree: its end leaves nothing, but what is not empty") {
    const TempDir dir;
    {
        const CgroupTree tree = CgroupTree::in(dir.path(), "", dir.path());
        REQUIRE(tree.available());
        std::filesystem::create_directories(dir / "swathe/old.service/below/it");
        std::filesystem::create_directories(dir / "swathe/busy.service/below");
        put(dir / "swathe/busy.service/file"); // as a process would, it keeps the directory
        CHECK(tree.groups().size() == 2);
    }
    CHECK_FALSE(std::filesystem::exists(dir / "swathe/old.service"));
    CHECK(std::filesystem::exists(dir / "swathe/busy.service"));
    std::filesystem::remove(dir / "swathe/busy.service/file");
    { const CgroupTree next = CgroupTree::in(dir.path(), "", dir.path()); }
    CHECK_FALSE(std::filesystem::exists(dir / "swathe"));
}

TEST_CASE("cgroup: a changed context takes back what the old one asked for") {
    const TempDir dir;
    fake_group(dir / "own", "cpu io memory pids\n");
    fake_group(dir / "own/swathe", "cpu io memory pids\n");
    const CgroupTree tree = CgroupTree::in(dir / "own", "", dir.path());
    auto group = Cgroup::create(tree, "web", 1);
    REQUIRE(group);
    CHECK(group->path() == dir / "own/swathe/web#1.service");
    const std::string at = group->path() + '/';
    for (const char* file : {"memory.max", "memory.high", "memory.swap.max", "pids.max", "cpu.weight", "cpu.max", "io.bfq.weight"})
        put(at + file);
    REQUIRE(group->apply(tree, everything()));
    CHECK(content(at + "memory.max") == "1073741824");
    CHECK(content(at + "cpu.max") == "150000 100000");
    CHECK(content(at + "io.bfq.weight") == "1000"); // the one of the two that this kernel has

    for (const char* file : {"memory.max", "cpu.max", "pids.max"}) put(at + file);
    CgroupContext less;
    less.tasks_max = placed(CgroupAmount{7, std::nullopt}, 1);
    REQUIRE(group->apply(tree, less));
    CHECK(content(at + "memory.max") == "max");
    CHECK(content(at + "cpu.max") == "max 100000");
    CHECK(content(at + "pids.max") == "7");
}

TEST_CASE("cgroup: a file that the kernel does not have is an error with key and place") {
    const TempDir dir;
    fake_group(dir / "own", "memory\n");
    fake_group(dir / "own/swathe", "memory\n");
    const CgroupTree tree = CgroupTree::in(dir / "own", "", dir.path());
    auto group = Cgroup::create(tree, "web", 0);
    REQUIRE(group);
    CgroupContext context;
    context.memory_swap_max = placed(CgroupAmount{7, std::nullopt}, 12);
    const auto refused = group->apply(tree, context);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "memory_swap_max: this kernel has no memory.swap.max in " + (dir / "own/swathe/web.service"));
    CHECK(refused.error().pos.value().line == 12);
}

TEST_CASE("cgroup: OOM kills are counted where there is a memory controller") {
    const TempDir dir;
    const CgroupTree tree = CgroupTree::in(dir.path(), "", dir.path());
    auto group = Cgroup::create(tree, "web", 0);
    REQUIRE(group);
    CHECK_FALSE(group->oom_kills());
    put(group->path() + "/memory.events", "low 0\nhigh 4\nmax 5\noom 3\noom_kill 2\noom_group_kill 1\n");
    CHECK(group->oom_kills() == 2U);
    std::filesystem::remove(group->path() + "/memory.events");
}

TEST_CASE("cgroup: a group is found in what the kernel says of a process by its whole name") {
    CHECK(names_cgroup("0::/system.slice/swathe/web.service\n", "web.service"));
    CHECK(names_cgroup("1:name=systemd:/\n0::/swathe/web.service/workers\n", "web.service"));
    CHECK(names_cgroup("0::/swathe/web.service (deleted)\n", "web.service"));
    CHECK(names_cgroup("0::/web.service", "web.service"));
    CHECK(names_cgroup("0::/a-web.service/web.service\n", "web.service"));
    for (const char* other : {"", "0::/\n", "0::/swathe/a-web.service\n", "0::/swathe/web.service2\n", "0::/swathe/web.servic\n", "web.service\n"})
        CHECK_FALSE(names_cgroup(other, "web.service"));
}

TEST_CASE("cgroup: a process that is gone is in no group, and one that is there is in some") {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) ::_exit(0);
    REQUIRE(::waitpid(pid, nullptr, 0) == pid);
    CHECK(cgroups_of(pid) == "");
    const auto own = cgroups_of(::getpid());
    REQUIRE(own);
    CHECK(own->find(":/") != std::string::npos);
}
