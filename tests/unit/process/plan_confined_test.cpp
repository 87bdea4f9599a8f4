#include "model/capabilities.h"
#include "model/service.h"
#include "process/plan.h"
#include "support.h"

#include <pwd.h>
#include <sched.h>
#include <unistd.h>

using namespace swathe;
using namespace swathe::test;

namespace fs = std::filesystem;

namespace {

const SourcePos kPlace{SourceFile("edge.toml"), 3, 9};

Service service_of(const std::string& path = "/bin/sh") {
    Service service;
    service.name = "edge";
    Command& command = service.exec_start.emplace_back();
    command.path = path;
    command.argv = {"edge"};
    command.pos = kPlace;
    service.pos = {SourceFile("edge.toml"), 0, 0};
    return service;
}

Placed<std::string> placed(const std::string& value) { return {value, kPlace}; }

tl::expected<SpawnPlan, SpawnError> plan_of(const Service& service, const BaseDirectories& bases = {}) {
    return plan_spawn(service, service.exec_start.front(), "exec_start", {"/run/notify", {{"MAINPID", "7"}, {"B", "generated"}}, bases});
}

SpawnPlan must_plan(const Service& service, const BaseDirectories& bases = {}) {
    auto plan = plan_of(service, bases);
    if (!plan) FAIL(plan.error().to_string());
    return std::move(*plan);
}

std::string refusal(const Service& service) {
    auto plan = plan_of(service);
    return plan ? "" : plan.error().to_string();
}

std::map<std::string, std::string> env_of(const SpawnPlan& plan) {
    std::map<std::string, std::string> env;
    for (const std::string& entry : plan.env) {
        const std::size_t equals = entry.find('=');
        CHECK(env.emplace(entry.substr(0, equals), entry.substr(equals + 1)).second);
    }
    return env;
}

/// Sets variables of this process for a while.
class DaemonsVariables {
public:
    explicit DaemonsVariables(std::vector<std::pair<const char*, const char*>> variables) : variables_(std::move(variables)) {
        for (const auto& [name, value] : variables_) REQUIRE(::setenv(name, value, 1) == 0);
    }
    ~DaemonsVariables() {
        for (const auto& [name, value] : variables_) (void)::unsetenv(name);
    }
    DaemonsVariables(const DaemonsVariables&) = delete;
    DaemonsVariables& operator=(const DaemonsVariables&) = delete;

private:
    std::vector<std::pair<const char*, const char*>> variables_;
};

/// A root directory with /bin/tool, reached through an absolute link, and /srv.
struct Root {
    TempDir dir;
    Root() {
        fs::create_directories(dir / "usr/bin");
        fs::create_directory(dir / "srv");
        fs::create_directory_symlink("/usr/bin", dir / "bin");
        std::ofstream(dir / "usr/bin/tool") << "x";
        REQUIRE(::chmod((dir / "usr/bin/tool").c_str(), 0755) == 0);
    }
};

} // namespace

TEST_CASE("plan: each source of the environment wins over those before it, and what is unset is gone") {
    const DaemonsVariables daemons({{"B", "passed"}, {"C", "passed"}, {"D", "passed"}, {"E", "passed"}, {"LEAK", "x"}, {"LANG", "C"}});
    const TempDir dir;
    std::ofstream(dir / "env") << "D=file\nE=file\nF=file\nKEPT=file\n";
    Service service = service_of();
    service.runtime_directory.names = {placed("edge"), placed("more/edge")};
    service.pass_environment = {"B", "C", "D", "E", "NOT_SET"};
    service.environment = {{"C", "given"}, {"D", "given"}, {"RUNTIME_DIRECTORY", "mine"}};
    service.environment_files = {{dir / "env", false, kPlace}};
    service.unset_environment = {"E", "F=file", "KEPT=other", "PATH"};
    service.state_directory.names = {placed("edge")};
    CHECK(env_of(must_plan(service)) == std::map<std::string, std::string>{{"LANG", "C"},
                                                                         {"MAINPID", "7"},
                                                                         {"B", "passed"},
                                                                         {"C", "given"},
                                                                         {"D", "file"},
                                                                         {"KEPT", "file"},
                                                                         {"RUNTIME_DIRECTORY", "mine"},
                                                                         {"STATE_DIRECTORY", "/var/lib/edge"}});
}

TEST_CASE("plan: what the daemon was told about itself is not passed on, even if asked for") {
    const DaemonsVariables daemons({{"NOTIFY_SOCKET", "/daemons"}, {"LISTEN_FDS", "3"}, {"WATCHDOG_PID", "1"}, {"MAINPID", "1"}});
    Service service = service_of();
    service.pass_environment = {"NOTIFY_SOCKET", "LISTEN_FDS", "WATCHDOG_PID", "MAINPID"};
    const auto env = env_of(must_plan(service));
    CHECK(env.count("NOTIFY_SOCKET") + env.count("LISTEN_FDS") + env.count("WATCHDOG_PID") == 0);
    CHECK(env.at("MAINPID") == "7");
}

TEST_CASE("plan: a command line sees the environment as the program will") {
    Service service = service_of();
    service.environment = {{"A", "1"}, {"GONE", "2"}};
    service.unset_environment = {"GONE"};
    service.exec_start.front().argv = {"edge", "${A}${GONE}${MAINPID}"};
    service.exec_start.front().expand = true;
    CHECK(must_plan(service).argv == std::vector<std::string>{"edge", "17"});
}

TEST_CASE("plan: a + frees a command from user, root, limits, capabilities and no_new_privileges; a ! from the user alone") {
    const Root root;
    const passwd* const user = ::getpwuid(::geteuid() == 0 ? 1 : ::geteuid());
    REQUIRE(user != nullptr);
    Service service = service_of("tool");
    service.user = placed(user->pw_name);
    service.root_directory = placed(root.dir.path());
    service.working_directory = placed("/srv");
    service.limits[RLIMIT_CORE] = rlimit{0, 0};
    service.capability_bounding_set = 3;
    service.ambient_capabilities = 1;
    service.no_new_privileges = true;
    service.nice = 3;
    service.umask = 0077;
    const SpawnPlan confined = must_plan(service);
    CHECK(confined.uid == user->pw_uid);
    CHECK(confined.gid == user->pw_gid);
    CHECK(confined.path == "/usr/bin/tool");
    CHECK(confined.root_directory == root.dir.path());
    CHECK(confined.working_directory == "/srv");
    CHECK(confined.limits[RLIMIT_CORE]);
    CHECK(confined.capability_bounding_set == CapabilitySet{3});
    CHECK(confined.ambient_capabilities == 1);
    CHECK(confined.no_new_privileges);

    service.exec_start.front().keep_user = true;
    const SpawnPlan as_daemon = must_plan(service);
    CHECK_FALSE(as_daemon.uid);
    CHECK_FALSE(as_daemon.gid);
    CHECK_FALSE(as_daemon.groups);
    CHECK(as_daemon.root_directory == root.dir.path());
    CHECK(as_daemon.no_new_privileges);
    CHECK(as_daemon.env == confined.env); // USER and its kin are the service's

    service.exec_start.front().privileged = true;
    CHECK(refusal(service).find("exec_start: \"tool\" is not in /usr/local") != std::string::npos); // it is looked for in our root
    service.exec_start.front().path = "sh";
    const SpawnPlan free = must_plan(service);
    CHECK_FALSE(free.uid);
    CHECK(free.root_directory.empty());
    CHECK(free.working_directory == root.dir / "srv");
    CHECK_FALSE(free.limits[RLIMIT_CORE]);
    CHECK_FALSE(free.capability_bounding_set);
    CHECK(free.ambient_capabilities == 0);
    CHECK_FALSE(free.no_new_privileges);
    CHECK(free.nice == 3);
    CHECK(free.umask == 0077);
}

TEST_CASE("plan: own directories are the service's user's, whoever runs the command") {
    const passwd* const user = ::getpwuid(1);
    REQUIRE(user != nullptr);
    Service service = service_of();
    service.user = placed(user->pw_name);
    service.runtime_directory.names = {placed("edge")};
    service.runtime_directory.mode = 0700;
    service.exec_start.front().keep_user = true;
    const SpawnPlan plan = must_plan(service, {"/elsewhere", "", "", "", ""});
    REQUIRE(plan.directories.size() == 1);
    CHECK(plan.directories[0].base == "/elsewhere");
    CHECK(plan.directories[0].name == "edge");
    CHECK(plan.directories[0].mode == 0700);
    CHECK(plan.directories[0].uid == user->pw_uid);
    CHECK(plan.directories[0].gid == user->pw_gid);
    CHECK(std::find(plan.env.begin(), plan.env.end(), "RUNTIME_DIRECTORY=/elsewhere/edge") != plan.env.end());
}

TEST_CASE("plan: a program is looked for below the root directory, and links lead nowhere else") {
    const Root root;
    Service service = service_of("/bin/tool");
    service.root_directory = placed(root.dir.path());
    CHECK(must_plan(service).path == "/bin/tool");
    service.exec_start.front().path = "/bin/sh"; // it is on the host
    CHECK(refusal(service) == "edge.toml:3:9: exec_start: below " + root.dir.path() + ": \"/bin/sh\": No such file or directory");
    CHECK(check_service(service).size() == 1);
    service.root_directory = placed("/");
    CHECK(must_plan(service).root_directory.empty());
    service.root_directory = placed(root.dir.path());
    service.exec_start.front().path = "tool";
    service.runtime_directory.names = {placed("edge")};
    CHECK(refusal(service) == "edge.toml:3:9: root_directory: the service's own directories would not be seen below it");
}

TEST_CASE("check: the working directory is looked for below the root, and one that the start makes need not be there") {
    const Root root;
    Service service = service_of("tool");
    service.root_directory = placed(root.dir.path());
    service.working_directory = placed("/srv");
    CHECK(check_plan(must_plan(service), service));
    service.working_directory = placed("/home");
    CHECK_FALSE(check_plan(must_plan(service), service));

    Service own = service_of();
    own.state_directory.names = {placed("edge/deep")};
    for (const char* made : {"/edge", "/edge/deep"}) {
        own.working_directory = placed(root.dir.path() + made);
        CHECK(check_plan(must_plan(own, {"", root.dir.path(), "", "", ""}), own));
    }
    own.working_directory = placed(root.dir.path() + "/edge/deep/deeper");
    CHECK_FALSE(check_plan(must_plan(own, {"", root.dir.path(), "", "", ""}), own));
}

TEST_CASE("plan: an ambient capability outside of the bounding set is refused by name") {
    Service service = service_of();
    service.ambient_capabilities = CapabilitySet{1} << *capability_of("cap_net_raw") | 1;
    CHECK(must_plan(service).ambient_capabilities == service.ambient_capabilities);
    service.capability_bounding_set = 1;
    CHECK(refusal(service) == "edge.toml: ambient_capabilities: CAP_NET_RAW is not in capability_bounding_set");
}

TEST_CASE("plan: scheduling by name becomes what the kernel wants, with systemd's values for what is left out") {
    Service service = service_of();
    SpawnPlan plan = must_plan(service);
    CHECK_FALSE(plan.cpu_policy);
    CHECK_FALSE(plan.io_priority);
    CHECK(plan.ignore_sigpipe);
    service.cpu_scheduling_policy = CpuScheduling::rr;
    service.io_scheduling_priority = 7;
    plan = must_plan(service);
    CHECK(plan.cpu_policy == SCHED_RR);
    CHECK(plan.cpu_priority == 1);
    CHECK(plan.io_priority == (2 << 13 | 7));
    service.cpu_scheduling_priority = 42;
    service.io_scheduling_priority.reset();
    service.io_scheduling_class = IoClass::realtime;
    plan = must_plan(service);
    CHECK(plan.cpu_priority == 42);
    CHECK(plan.io_priority == (1 << 13 | 4));
    service.cpu_affinity = {0, 8191};
    plan = must_plan(service);
    CHECK(plan.warnings == std::vector<std::string>{"cpu_affinity: there is no processor 8191"});
}

TEST_CASE("check: streams that no socket of the service can be are told beforehand, with their place") {
    Service service = service_of();
    service.listeners.resize(2);
    service.listeners[0].name = "http";
    service.listeners[1].name = "dns";
    service.standard_input = {StandardStream::Kind::socket, {}, kPlace};
    service.standard_output = {StandardStream::Kind::fd, "dns", kPlace};
    service.standard_error = {StandardStream::Kind::fd, "smtp", kPlace};
    Diagnostics all = check_service(service);
    REQUIRE(all.size() == 2);
    CHECK(all[0].to_string() == "edge.toml:3:9: standard_input: \"socket\" needs a service with one socket; it has 2");
    CHECK(all[1].to_string() == "edge.toml:3:9: standard_error: no listener has the name \"smtp\"");
    service.listeners.resize(1);
    service.standard_output.target = "http";
    service.file_descriptor_store_max = 1; // it may be stored one day
    CHECK(check_service(service).empty());
}
