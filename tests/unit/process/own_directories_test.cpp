#include "model/exec_context.h"
#include "process/own_directories.h"
#include "support.h"

using namespace swathe;
using namespace swathe::test;

namespace fs = std::filesystem;

namespace {

BaseDirectories bases_in(const TempDir& dir) {
    const BaseDirectories bases{dir / "run", dir / "lib", dir / "cache", dir / "log", dir / "etc"};
    for (const std::string& base : {bases.runtime, bases.state, bases.cache, bases.logs, bases.configuration}) fs::create_directory(base);
    return bases;
}

OwnDirectories names(std::initializer_list<const char*> list, mode_t mode = 0755) {
    OwnDirectories all;
    for (const char* name : list) all.names.push_back({name, {}});
    all.mode = mode;
    return all;
}

Status make_all(const ExecContext& context, const BaseDirectories& bases) {
    for (const OwnDirectory& directory : own_directories_of(context, ::geteuid(), ::getegid(), bases))
        if (auto made = make_directory(directory); !made) return made;
    return {};
}

mode_t mode_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

} // namespace

TEST_CASE("own directories: each below its base with its mode, parents 0755 whatever the umask, and a variable for each kind") {
    const TempDir dir;
    const BaseDirectories bases = bases_in(dir);
    ExecContext context;
    context.runtime_directory = names({"web", "shared/web"}, 0750);
    context.state_directory = names({"web"}, 0700);
    context.logs_directory = names({"web"}, 02770);
    context.configuration_directory = names({"web"});
    const mode_t old = ::umask(0077);
    const Status made = make_all(context, bases);
    ::umask(old);
    REQUIRE(made);
    CHECK(mode_of(bases.runtime + "/web") == 0750);
    CHECK(mode_of(bases.runtime + "/shared") == 0755);
    CHECK(mode_of(bases.runtime + "/shared/web") == 0750);
    CHECK(mode_of(bases.state + "/web") == 0700);
    CHECK(mode_of(bases.logs + "/web") == 02770);
    CHECK(mode_of(bases.configuration + "/web") == 0755);
    CHECK(fs::is_empty(bases.cache));
    using Variables = std::vector<std::pair<std::string, std::string>>;
    CHECK(directory_variables(context, bases) ==
          Variables{{"RUNTIME_DIRECTORY", bases.runtime + "/web:" + bases.runtime + "/shared/web"},
                    {"STATE_DIRECTORY", bases.state + "/web"},
                    {"LOGS_DIRECTORY", bases.logs + "/web"},
                    {"CONFIGURATION_DIRECTORY", bases.configuration + "/web"}});
}

TEST_CASE("own directories: one that is there keeps what is in it and gets the mode") {
    const TempDir dir;
    const BaseDirectories bases = bases_in(dir);
    fs::create_directory(bases.state + "/web");
    std::ofstream(bases.state + "/web/data") << "x";
    REQUIRE(::chmod((bases.state + "/web").c_str(), 0777) == 0);
    ExecContext context;
    context.state_directory = names({"web"}, 0711);
    REQUIRE(make_all(context, bases));
    CHECK(mode_of(bases.state + "/web") == 0711);
    CHECK(fs::exists(bases.state + "/web/data"));
}

TEST_CASE("own directories: a symbolic link on the way, or a file, is refused, and nothing is made behind it") {
    const TempDir dir;
    const BaseDirectories bases = bases_in(dir);
    fs::create_directory(dir / "elsewhere");
    fs::create_directory_symlink(dir / "elsewhere", bases.runtime + "/link");
    std::ofstream(bases.runtime + "/file") << "x";
    for (const char* name : {"link", "link/below", "file", "file/below"}) {
        CAPTURE(name);
        ExecContext context;
        context.runtime_directory = names({name}, 0700);
        const Status made = make_all(context, bases);
        REQUIRE_FALSE(made);
        CHECK(made.error().errno_value == ENOTDIR);
        CHECK(made.error().to_string().starts_with(bases.runtime + "/" + name + ": "));
    }
    CHECK(fs::is_empty(dir / "elsewhere"));
    CHECK(mode_of(dir / "elsewhere") != 0700);
}

TEST_CASE("own directories: removed with all that is in them, but no link is followed and no parent goes") {
    const TempDir dir;
    const BaseDirectories bases = bases_in(dir);
    ExecContext context;
    context.runtime_directory = names({"shared/web", "gone"});
    context.state_directory = names({"web"});
    REQUIRE(make_all(context, bases));
    const std::string web = bases.runtime + "/shared/web";
    fs::create_directories(web + "/a/b/c");
    std::ofstream(web + "/a/b/file") << "x";
    fs::create_directory(dir / "elsewhere");
    std::ofstream(dir / "elsewhere/kept") << "x";
    fs::create_directory_symlink(dir / "elsewhere", web + "/link");
    fs::remove(bases.runtime + "/gone");
    REQUIRE(remove_runtime_directories(context, false, bases));
    CHECK_FALSE(fs::exists(web));
    CHECK(fs::exists(bases.runtime + "/shared"));
    CHECK(fs::exists(dir / "elsewhere/kept"));
    CHECK(fs::exists(bases.state + "/web"));
    CHECK(remove_runtime_directories(context, false, bases)); // not there is no error
}

TEST_CASE("own directories: a service that swapped its directory for a link has the link removed, not what is behind it") {
    const TempDir dir;
    const BaseDirectories bases = bases_in(dir);
    fs::create_directory(dir / "elsewhere");
    std::ofstream(dir / "elsewhere/kept") << "x";
    fs::create_directory_symlink(dir / "elsewhere", bases.runtime + "/web");
    fs::create_directory_symlink(dir / "elsewhere", bases.runtime + "/parent");
    ExecContext context;
    context.runtime_directory = names({"parent/kept", "web"});
    CHECK_FALSE(remove_runtime_directories(context, false, bases)); // the first is behind a link, and the second goes nevertheless
    CHECK_FALSE(fs::is_symlink(bases.runtime + "/web"));
    CHECK(fs::exists(dir / "elsewhere/kept"));
}

TEST_CASE("own directories: preserved for a restart, or for ever, as the key says") {
    struct Case {
        PreserveMode mode;
        bool restarts, kept;
    };
    const Case cases[] = {{PreserveMode::no, false, false},     {PreserveMode::no, true, false}, {PreserveMode::restart, false, false},
                          {PreserveMode::restart, true, true}, {PreserveMode::yes, false, true}, {PreserveMode::yes, true, true}};
    for (const Case& c : cases) {
        CAPTURE(&c - cases);
        const TempDir dir;
        const BaseDirectories bases = bases_in(dir);
        ExecContext context;
        context.runtime_directory = names({"web"});
        context.runtime_directory_preserve = c.mode;
        REQUIRE(make_all(context, bases));
        REQUIRE(remove_runtime_directories(context, c.restarts, bases));
        CHECK(fs::exists(bases.runtime + "/web") == c.kept);
    }
}

TEST_CASE("own directories: a tree of the greatest depth is removed, one deeper is an error, and the rest goes on") {
    for (const unsigned extra : {0U, 1U}) {
        CAPTURE(extra);
        const TempDir dir;
        const BaseDirectories bases = bases_in(dir);
        std::string path = bases.runtime + "/web";
        for (unsigned depth = 1; depth < kDeepestTree + extra; ++depth) path += "/d";
        fs::create_directories(path);
        ExecContext context;
        context.runtime_directory = names({"web"});
        const Status removed = remove_runtime_directories(context, false, bases);
        CHECK(removed.has_value() == (extra == 0));
        CHECK(fs::exists(bases.runtime + "/web") == (extra == 1));
        if (!removed) CHECK(removed.error().errno_value == ELOOP);
    }
}

TEST_CASE("spawn: own directories are there when the child starts; one that cannot be made is the step's failure") {
    const TempDir dir;
    const BaseDirectories bases = bases_in(dir);
    ExecContext context;
    context.runtime_directory = names({"web"});
    SpawnPlan plan = probe_plan(bases.runtime + "/web/report");
    plan.directories = own_directories_of(context, ::geteuid(), ::getegid(), bases);
    plan.working_directory = bases.runtime + "/web";
    CHECK(run_probe(plan).at("cwd").at(0) == plan.working_directory);

    struct Case {
        OwnDirectories ExecContext::*key;
        int status;
        const char* name;
    };
    const Case cases[] = {{&ExecContext::runtime_directory, 233, "RUNTIME_DIRECTORY"},
                          {&ExecContext::state_directory, 238, "STATE_DIRECTORY"},
                          {&ExecContext::cache_directory, 239, "CACHE_DIRECTORY"},
                          {&ExecContext::logs_directory, 240, "LOGS_DIRECTORY"},
                          {&ExecContext::configuration_directory, 241, "CONFIGURATION_DIRECTORY"}};
    for (const Case& c : cases) {
        CAPTURE(c.name);
        ExecContext broken;
        broken.*c.key = names({"web"});
        plan.directories = own_directories_of(broken, 0, 0, {"/no/such", "/no/such", "/no/such", "/no/such", "/no/such"});
        auto child = spawn(plan);
        REQUIRE_FALSE(child);
        CHECK(static_cast<int>(child.error().step) == c.status);
        CHECK(std::string(to_string(child.error().step)) == c.name);
        CHECK(child.error().error.to_string().ends_with("/no/such/web: open /no/such: No such file or directory"));
    }
    CHECK(no_children());
}
