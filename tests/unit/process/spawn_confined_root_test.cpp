// What spawn() takes away from a child, and needs root for. Fails, and does not skip, without.

#include "model/capabilities.h"
#include "support.h"

#include <bit>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sstream>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace swathe;
using namespace swathe::test;

namespace fs = std::filesystem;

namespace {

constexpr uid_t kUid = 61234; // nobody's
constexpr gid_t kGid = 61235;

SpawnPlan as_stranger(SpawnPlan plan) {
    plan.uid = kUid;
    plan.gid = kGid;
    plan.groups = std::vector<gid_t>{kGid};
    return plan;
}

constexpr CapabilitySet bit(unsigned capability) { return CapabilitySet{1} << capability; }

CapabilitySet set_of(const Report& report, const char* key) { return std::stoull(report.at(key).at(0), nullptr, 16); }

CapabilitySet own_bounding_set() {
    CapabilitySet own = 0;
    for (unsigned capability = 0; capability < kMostCapabilities; ++capability)
        if (::prctl(PR_CAPBSET_READ, capability) == 1) own |= bit(capability);
    return own;
}

/// A root directory with a shell: the host's /usr, mounted.
class Root {
public:
    explicit Root(std::string at) : at_(std::move(at)) {
        fs::create_directories(at_ + "/usr");
        fs::create_directories(at_ + "/srv");
        for (const char* name : {"bin", "lib", "lib64"}) fs::create_directory_symlink("usr/" + std::string(name), at_ + '/' + name);
        REQUIRE(::mount("/usr", (at_ + "/usr").c_str(), nullptr, MS_BIND, nullptr) == 0);
    }
    ~Root() { (void)::umount2((at_ + "/usr").c_str(), MNT_DETACH); }
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;

private:
    std::string at_;
};

std::string text_of(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

} // namespace

TEST_CASE("spawn as root: the bounding set is what the plan allows of the daemon's own, for root and for a user, and ours stays") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    const CapabilitySet own = own_bounding_set();
    const CapabilitySet allowed = bit(CAP_NET_BIND_SERVICE) | bit(CAP_CHOWN) | bit(62); // the last one nobody has
    SpawnPlan plan = probe_plan(dir / "report");
    CHECK(set_of(run_probe(plan), "CapBnd") == own);
    plan.capability_bounding_set = allowed;
    for (const bool stranger : {false, true}) {
        CAPTURE(stranger);
        const Report report = run_probe(stranger ? as_stranger(plan) : plan);
        CHECK(set_of(report, "CapBnd") == (allowed & own));
        CHECK(set_of(report, "CapPrm") == (stranger ? 0 : allowed & own));
        CHECK(set_of(report, "CapEff") == (stranger ? 0 : allowed & own));
        CHECK(set_of(report, "CapInh") == 0);
    }
    plan.capability_bounding_set = 0;
    CHECK(set_of(run_probe(plan), "CapPrm") == 0);
    CHECK(own_bounding_set() == own);
}

TEST_CASE("spawn as root: what is inheritable here does not get round the bounding set") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    const std::string report = dir / "report";
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct sets[2] = {};
        if (::syscall(SYS_capget, &header, sets) != 0) ::_exit(2);
        sets[0].inheritable = static_cast<std::uint32_t>(bit(CAP_CHOWN) | bit(CAP_KILL));
        if (::syscall(SYS_capset, &header, sets) != 0) ::_exit(3);
        SpawnPlan plan = probe_plan(report);
        plan.capability_bounding_set = bit(CAP_KILL);
        auto child = spawn(plan);
        ::_exit(child && reap(*child) ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    REQUIRE(status == 0);
    const Report said = read_report(report);
    CHECK(set_of(said, "CapPrm") == bit(CAP_KILL));
    CHECK(set_of(said, "CapInh") == bit(CAP_KILL));
}

TEST_CASE("spawn as root: ambient capabilities are all that a user has, and survive the change of user") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    SpawnPlan plan = as_stranger(probe_plan(dir / "report"));
    plan.ambient_capabilities = bit(CAP_NET_BIND_SERVICE) | bit(CAP_KILL);
    plan.capability_bounding_set = plan.ambient_capabilities | bit(CAP_CHOWN);
    plan.no_new_privileges = true;
    const Report report = run_probe(plan);
    CHECK(report.at("uid").at(0) == "61234 61234 61234");
    for (const char* key : {"CapAmb", "CapPrm", "CapEff", "CapInh"}) {
        CAPTURE(key);
        CHECK(set_of(report, key) == plan.ambient_capabilities);
    }
    CHECK(::prctl(PR_GET_KEEPCAPS) == 0);
    CHECK(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 0);
}

TEST_CASE("spawn as root: ambient capabilities without a user are raised, too") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    SpawnPlan plan = probe_plan(dir / "report");
    plan.ambient_capabilities = bit(CAP_KILL);
    const Report report = run_probe(plan);
    CHECK(set_of(report, "CapAmb") == bit(CAP_KILL));
    CHECK(set_of(report, "CapPrm") == own_bounding_set());
}

TEST_CASE("spawn as root: a capability that nobody has is refused by name, with 218") {
    REQUIRE(::geteuid() == 0);
    SpawnPlan plan = as_stranger(probe_plan("/dev/null"));
    plan.ambient_capabilities = bit(62);
    auto child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(static_cast<int>(child.error().step) == 218);
    CHECK(child.error().error.to_string().starts_with("ambient_capabilities"));
    CHECK(no_children());
}

TEST_CASE("spawn without privileges: capabilities, root directory and real-time scheduling are refused, each with its status") {
    REQUIRE(::geteuid() == 0);
    struct Case {
        int status;
        std::function<void(SpawnPlan&)> change;
    };
    const Case cases[] = {
        {0, [](SpawnPlan& p) { p.capability_bounding_set = ~CapabilitySet{0}; }}, // takes nothing away
        {218, [](SpawnPlan& p) { p.capability_bounding_set = 0; }},
        {218, [](SpawnPlan& p) { p.ambient_capabilities = bit(CAP_KILL); }},
        {210, [](SpawnPlan& p) { p.root_directory = "/tmp"; }},
        {214, [](SpawnPlan& p) { p.cpu_policy = SCHED_FIFO, p.cpu_priority = 1; }},
        {211, [](SpawnPlan& p) { p.io_priority = 1 << 13; }},
    };
    for (const Case& c : cases) {
        CAPTURE(c.status);
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            if (::syscall(SYS_setresgid, kGid, kGid, kGid) != 0 || ::syscall(SYS_setresuid, kUid, kUid, kUid) != 0) ::_exit(1);
            SpawnPlan plan;
            plan.path = "/bin/true";
            plan.argv = {"true"};
            c.change(plan);
            auto child = spawn(plan);
            ::_exit(child ? 0 : static_cast<int>(child.error().step));
        }
        int status = 0;
        REQUIRE(::waitpid(pid, &status, 0) == pid);
        CHECK(WEXITSTATUS(status) == c.status);
    }
}

TEST_CASE("spawn as root: program and working directory are below the root directory, streams are not") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    const Root root(dir / "root");
    SpawnPlan plan;
    plan.path = "/bin/sh";
    plan.argv = {"sh", "-c", "pwd; pwd > /inside; echo /* >> /inside"};
    plan.root_directory = dir / "root";
    plan.working_directory = "/srv";
    plan.output = {StreamSource::Kind::path, dir / "out", O_WRONLY | O_CREAT};
    for (const bool stranger : {false, true}) {
        if (stranger) {
            plan = as_stranger(plan);
            plan.argv.back() = "pwd";
        }
        auto exit = reap(must_spawn(plan));
        REQUIRE(exit);
        CHECK(*exit == Exit{Exit::Kind::code, 0});
        CHECK(text_of(dir / "out") == "/srv\n");
    }
    CHECK(text_of(dir / "root/inside") == "/srv\n/bin /inside /lib /lib64 /srv /usr\n");

    plan.root_directory = dir / "no-root";
    auto child = spawn(plan);
    REQUIRE_FALSE(child);
    CHECK(static_cast<int>(child.error().step) == 210);
    CHECK(child.error().error.to_string() == "root_directory " + plan.root_directory + ": No such file or directory");
}

TEST_CASE("spawn as root: own directories are the user's; what was the former owner's in them is given away, and nothing else") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    const BaseDirectories bases{dir / "run", dir / "lib", dir / "cache", dir / "log", dir / "etc"};
    for (const std::string& base : {bases.runtime, bases.state, bases.configuration}) fs::create_directory(base);
    fs::create_directories(bases.state + "/web/below");
    for (const char* name : {"/web/file", "/web/below/file"}) std::ofstream(bases.state + name) << "x";
    std::ofstream(dir / "stranger") << "x"; // root's, with a hard link and a symbolic one to it in the directory of kUid + 1
    const auto own = [](const std::string& path, uid_t uid) { REQUIRE(::lchown(path.c_str(), uid, uid) == 0); };
    for (const char* name : {"/web", "/web/below", "/web/file", "/web/below/file"}) own(bases.state + name, kUid + 1);
    fs::create_hard_link(dir / "stranger", bases.state + "/web/hard");
    fs::create_symlink(dir / "stranger", bases.state + "/web/soft");

    ExecContext context;
    context.runtime_directory.names = {{"shared/web", {}}};
    context.state_directory.names = context.configuration_directory.names = {{"web", {}}};
    for (const OwnDirectory& directory : own_directories_of(context, kUid, kGid, bases)) REQUIRE(make_directory(directory));
    const auto owner = [](const std::string& path) {
        struct stat status {};
        REQUIRE(::lstat(path.c_str(), &status) == 0);
        return std::pair(status.st_uid, status.st_gid);
    };
    const auto users = std::pair(kUid, kGid);
    const std::pair<uid_t, gid_t> roots{0, 0};
    CHECK(owner(bases.runtime + "/shared") == roots);
    CHECK(owner(bases.runtime + "/shared/web") == users);
    for (const char* name : {"/web", "/web/below", "/web/file", "/web/below/file"}) CHECK(owner(bases.state + name) == users);
    CHECK(owner(dir / "stranger") == roots);
    CHECK(owner(bases.configuration + "/web") == roots);
}

TEST_CASE("own directories as root: what is mounted in one is neither entered nor removed") {
    REQUIRE(::geteuid() == 0);
    const TempDir dir;
    const BaseDirectories bases{dir / "run", {}, {}, {}, {}};
    fs::create_directories(bases.runtime + "/web/mounted");
    REQUIRE(::mount("tmpfs", (bases.runtime + "/web/mounted").c_str(), "tmpfs", 0, nullptr) == 0);
    std::ofstream(bases.runtime + "/web/mounted/kept") << "x";
    ExecContext context;
    context.runtime_directory.names = {{"web", {}}};
    const Status removed = remove_runtime_directories(context, false, bases);
    const bool kept = fs::exists(bases.runtime + "/web/mounted/kept");
    REQUIRE(::umount2((bases.runtime + "/web/mounted").c_str(), MNT_DETACH) == 0);
    CHECK(kept);
    REQUIRE_FALSE(removed);
    CHECK(removed.error().errno_value == EBUSY);
}
