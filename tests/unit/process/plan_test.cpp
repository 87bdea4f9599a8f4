#include "model/service.h"
#include "support.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

using namespace swathe;
using namespace swathe::test;

namespace {

const SourcePos kPlace{SourceFile("edge.toml"), 3, 9};

Service service_of(const std::string& path = "/bin/sh") {
    Service service;
    service.name = "edge";
    Command& command = service.exec_start.emplace_back();
    command.path = path;
    command.argv = {"edge", "--flag"};
    command.pos = kPlace;
    service.pos = {SourceFile("edge.toml"), 0, 0};
    return service;
}

Placed<std::string> placed(const std::string& value) { return {value, kPlace}; }

SpawnPlan must_plan(const Service& service, const std::string& notify = "/run/swathe/notify") {
    auto plan = plan_spawn(service, service.exec_start.front(), "exec_start", {notify, {}});
    if (!plan) FAIL(plan.error().to_string());
    return std::move(*plan);
}

std::string refusal(const Service& service) {
    auto plan = plan_spawn(service, service.exec_start.front(), "exec_start", {"/run/swathe/notify", {}});
    return plan ? "" : plan.error().to_string();
}

bool has(const SpawnPlan& plan, const std::string& entry) { return std::find(plan.env.begin(), plan.env.end(), entry) != plan.env.end(); }
bool names(const SpawnPlan& plan, const std::string& name) {
    return std::any_of(plan.env.begin(), plan.env.end(), [&](const std::string& e) { return e.rfind(name + "=", 0) == 0; });
}

const std::string kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";

} // namespace

TEST_CASE("plan: with dynamic_user and an account of the service's name, the service is that account") {
    Service service = service_of();
    service.name = "nobody";
    service.dynamic_user = true;
    const SpawnPlan plan = must_plan(service);
    const passwd* nobody = ::getpwnam("nobody");
    REQUIRE(nobody != nullptr);
    CHECK(plan.uid == nobody->pw_uid);
    CHECK(plan.gid == nobody->pw_gid);
}

TEST_CASE("plan: the environment is clean: a search path, and no user that is not set") {
    REQUIRE(::setenv("SWATHE_LEAK", "1", 1) == 0);
    REQUIRE(::setenv("LANG", "C.UTF-8", 1) == 0);
    const SpawnPlan plan = must_plan(service_of());
    CHECK(plan.env == std::vector<std::string>{kPath, "LANG=C.UTF-8"});
    REQUIRE(::unsetenv("LANG") == 0);
    CHECK(must_plan(service_of()).env == std::vector<std::string>{kPath});
    CHECK(plan.argv == std::vector<std::string>{"edge", "--flag"});
    CHECK(plan.working_directory == "/");
    CHECK_FALSE(plan.uid);
    CHECK_FALSE(plan.gid);
    CHECK_FALSE(plan.groups);
}

TEST_CASE("plan: environment entries come last, the later of two wins, and they may replace what is generated") {
    REQUIRE(::unsetenv("LANG") == 0);
    Service service = service_of();
    service.type = ServiceType::notify;
    service.environment = {{"A", "1"}, {"PATH", "/opt/bin"}, {"A", "2"}, {"LISTEN_FDS", "9"}, {"B", "x=y"}};
    const SpawnPlan plan = must_plan(service);
    CHECK(plan.env == std::vector<std::string>{"PATH=/opt/bin", "NOTIFY_SOCKET=/run/swathe/notify", "A=2", "LISTEN_FDS=9", "B=x=y"});
}

TEST_CASE("plan: NOTIFY_SOCKET is for type = notify only") {
    Service service = service_of();
    for (const ServiceType type : {ServiceType::simple, ServiceType::exec, ServiceType::notify}) {
        service.type = type;
        CHECK(names(must_plan(service), "NOTIFY_SOCKET") == (type == ServiceType::notify));
    }
}

TEST_CASE("plan: a program is an absolute path or a bare name in the search path, a regular file, executable") {
    CHECK(must_plan(service_of("/bin/sh")).path == "/bin/sh");
    CHECK(must_plan(service_of("sh")).path == "/usr/bin/sh");
    const TempDir dir;
    const std::string file = dir / "file";
    std::ofstream(file) << "x";
    REQUIRE(::chmod(file.c_str(), 0644) == 0);
    CHECK(refusal(service_of("/no/such")) == "edge.toml:3:9: exec_start: \"/no/such\": No such file or directory");
    CHECK(refusal(service_of(dir.path())) == "edge.toml:3:9: exec_start: \"" + dir.path() + "\" is not a regular file");
    CHECK(refusal(service_of(file)) == "edge.toml:3:9: exec_start: \"" + file + "\" is not executable: Permission denied");
    CHECK(refusal(service_of("bin/sh")) == "edge.toml:3:9: exec_start: \"bin/sh\" is neither an absolute path nor a bare file name");
    CHECK(refusal(service_of("")) == "edge.toml:3:9: exec_start: \"\" is neither an absolute path nor a bare file name");
    CHECK(refusal(service_of("no-such-program-here")).find("exec_start: \"no-such-program-here\" is not in /usr/local/sbin:") !=
          std::string::npos);
}

TEST_CASE("plan: a user by name and by number brings group, supplementary groups, name, home and shell") {
    const passwd* const root = ::getpwuid(0);
    REQUIRE(root != nullptr);
    for (const char* who : {"root", "0"}) {
        Service service = service_of();
        service.user = placed(who);
        const SpawnPlan plan = must_plan(service);
        CHECK(plan.uid == 0U);
        CHECK(plan.gid == 0U);
        if (::geteuid() == 0) {
            REQUIRE(plan.groups);
            CHECK(std::find(plan.groups->begin(), plan.groups->end(), 0U) != plan.groups->end());
        }
        for (const char* entry : {"USER=root", "LOGNAME=root"}) CHECK(has(plan, entry));
        CHECK(has(plan, std::string("HOME=") + root->pw_dir));
        CHECK(has(plan, std::string("SHELL=") + root->pw_shell));
    }
}

TEST_CASE("plan: a shell that lets nobody in is not told, the group wins over the user's own") {
    const passwd* const daemon_user = ::getpwnam("daemon"); // Debian: always there, nologin
    REQUIRE(daemon_user != nullptr);
    const group* const mail = ::getgrnam("mail");
    REQUIRE(mail != nullptr);
    Service service = service_of();
    service.user = placed("daemon");
    service.group = placed("mail");
    const SpawnPlan plan = must_plan(service);
    CHECK(plan.uid == daemon_user->pw_uid);
    CHECK(plan.gid == mail->gr_gid);
    CHECK_FALSE(names(plan, "SHELL"));
    CHECK(names(plan, "HOME"));

    service.user.reset();
    service.group = placed(std::to_string(mail->gr_gid));
    const SpawnPlan group_only = must_plan(service);
    CHECK(group_only.gid == mail->gr_gid);
    CHECK_FALSE(group_only.uid);
    CHECK_FALSE(group_only.groups);
    CHECK_FALSE(names(group_only, "USER"));
}

TEST_CASE("plan: users and groups that are not there are refused with key and place") {
    Service service = service_of();
    for (const char* who : {"no-such-user", "4294967295", "65535", "4294967296", "-1", "0x0", " 0", ""}) {
        CAPTURE(who);
        service.user = placed(who);
        CHECK(refusal(service) == std::string("edge.toml:3:9: user: no such user: \"") + who + "\"");
    }
    service.user.reset();
    service.group = placed("no-such\ngroup");
    CHECK(refusal(service) == "edge.toml:3:9: group: no such group: \"no-such\\x0agroup\"");
}

TEST_CASE("plan: supplementary groups come behind those of the user, each once; without a user they are all") {
    const group* const mail = ::getgrnam("mail");
    REQUIRE(mail != nullptr);
    const gid_t mail_id = mail->gr_gid;
    Service service = service_of();
    service.supplementary_groups = {placed("mail"), placed(std::to_string(mail_id))};
    CHECK(must_plan(service).groups == std::vector<gid_t>{mail_id});
    CHECK_FALSE(must_plan(service).uid);

    service.user = placed("daemon");
    const passwd* const daemon_user = ::getpwnam("daemon");
    REQUIRE(daemon_user != nullptr);
    CHECK(must_plan(service).groups == std::vector<gid_t>{daemon_user->pw_gid, mail_id});

    service.supplementary_groups.push_back(placed("no-such-group"));
    CHECK(refusal(service) == "edge.toml:3:9: supplementary_groups: no such group: \"no-such-group\"");
    const Diagnostics all = check_service(service);
    REQUIRE(all.size() == 1);
    CHECK(all[0].error.to_string() == "edge.toml:3:9: supplementary_groups: no such group: \"no-such-group\"");
}

TEST_CASE("plan: the working directory may be the user's home, or our own user's") {
    Service service = service_of();
    service.working_directory = placed("/srv/edge");
    CHECK(must_plan(service).working_directory == "/srv/edge");
    service.working_directory = placed("~");
    CHECK(must_plan(service).working_directory == ::getpwuid(::geteuid())->pw_dir);
    service.user = placed("daemon");
    CHECK(must_plan(service).working_directory == ::getpwnam("daemon")->pw_dir);
}

TEST_CASE("plan: check finds a working directory that the start would fail on") {
    Service service = service_of();
    CHECK(check_plan(must_plan(service), service));
    service.working_directory = placed("/no/such/directory");
    auto refused = check_plan(must_plan(service), service);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().to_string() == "edge.toml:3:9: working_directory: \"/no/such/directory\": No such file or directory");
    service.working_directory = placed("/bin/sh");
    refused = check_plan(must_plan(service), service);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().to_string() == "edge.toml:3:9: working_directory: \"/bin/sh\" is not a directory");
}

TEST_CASE("plan: an optional working directory may be missing") {
    Service service = service_of();
    service.working_directory = placed("/no/such/directory");
    service.working_directory_optional = true;
    CHECK(check_plan(must_plan(service), service));
}

TEST_CASE("plan: variables of a command line are those of the child's environment") {
    Service service = service_of();
    service.environment = {{"WORKERS", "1"}, {"WORKERS", "4"}, {"FLAGS", "-a  'b c'"}};
    service.exec_start.front().argv = {"/bin/true", "--workers=${WORKERS}", "$FLAGS", "$UNSET", "$$"};
    service.exec_start.front().expand = true;
    CHECK(must_plan(service).argv == std::vector<std::string>{"/bin/true", "--workers=4", "-a", "b c", "$"});
    service.exec_start.front().expand = false;
    CHECK(must_plan(service).argv == service.exec_start.front().argv);
}

TEST_CASE("plan: environment files are read at each start, win over environment, and are there for the command line") {
    const TempDir dir;
    const std::string path = dir / "env";
    Service service = service_of();
    service.environment = {{"A", "own"}, {"B", "own"}};
    service.environment_files = {{dir / "none", true, kPlace}, {path, false, kPlace}};
    service.exec_start.front().argv = {"/bin/true", "${A}", "${B}"};
    service.exec_start.front().expand = true;
    CHECK(refusal(service) == "edge.toml:3:9: environment_file: \"" + path + "\": No such file or directory");
    std::ofstream(path) << "A='of the file'\nno name=1\n";
    const SpawnPlan plan = must_plan(service);
    CHECK(has(plan, "A=of the file"));
    CHECK(has(plan, "B=own"));
    CHECK(plan.argv == std::vector<std::string>{"/bin/true", "of the file", "own"});
    CHECK(plan.warnings ==
          std::vector<std::string>{"environment_file: \"" + path + "\": line 2: \"no name\" is no name of an environment variable; "
                                   "it is left out"});
    std::ofstream(path) << "A=new\nPATH=/only\n";
    CHECK(has(must_plan(service), "A=new"));
    CHECK(has(must_plan(service), "PATH=/only"));
}

TEST_CASE("plan: umask, limits, nice value and no_new_privileges are taken over") {
    Service service = service_of();
    service.umask = 0027;
    service.nice = -3;
    service.oom_score_adjust = -500;
    service.no_new_privileges = true;
    service.limits[RLIMIT_NOFILE] = rlimit{10, 20};
    service.limits[RLIMIT_CORE] = rlimit{0, RLIM_INFINITY};
    const SpawnPlan plan = must_plan(service);
    CHECK(plan.umask == 0027);
    CHECK(plan.nice == -3);
    CHECK(plan.oom_score_adjust == -500);
    CHECK(plan.no_new_privileges);
    REQUIRE(plan.limits[RLIMIT_NOFILE]);
    CHECK(plan.limits[RLIMIT_NOFILE]->rlim_max == 20);
    REQUIRE(plan.limits[RLIMIT_CORE]);
    CHECK(plan.limits[RLIMIT_CORE]->rlim_max == RLIM_INFINITY);
    CHECK_FALSE(plan.limits[RLIMIT_AS]);
}
