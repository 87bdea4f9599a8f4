#include "model/exec_context.h"
#include "process/mount_plan.h"

#include <algorithm>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <linux/mount.h>

using namespace swathe;

namespace {

const char* name_of(MountStep::Kind kind) {
    switch (kind) {
    case MountStep::Kind::take: return "take";
    case MountStep::Kind::take_host: return "take_host";
    case MountStep::Kind::proc: return "proc";
    case MountStep::Kind::create: return "create";
    case MountStep::Kind::directory: return "directory";
    case MountStep::Kind::device: return "device";
    case MountStep::Kind::link: return "link";
    case MountStep::Kind::put: return "put";
    case MountStep::Kind::restrict: return "restrict";
    case MountStep::Kind::hide: return "hide";
    case MountStep::Kind::root: return "root";
    }
    return "";
}

/// "take 0 /usr", one step a line; "?" = optional.
std::string written(const MountPlan& plan) {
    std::string out;
    for (const MountStep& step : plan.steps)
        out += fmt::format("{}{} {} {}\n", name_of(step.kind), step.optional ? "?" : "", step.slot, step.path);
    return out;
}

SandboxPath path(const std::string& text, bool optional = false, bool in_root = false) { return {text, optional, in_root, {}}; }

bool has(const MountPlan& plan, MountStep::Kind kind, const std::string& where) {
    const auto is_it = [&](const MountStep& step) { return step.kind == kind && step.path == where; };
    return std::any_of(plan.steps.begin(), plan.steps.end(), is_it);
}

} // namespace

TEST_CASE("mounts: a service that asks for nothing sees what the daemon sees") {
    ExecContext context;
    CHECK(plan_mounts(context, {}).steps.empty());
    context.private_network = true; // has nothing to do with it
    CHECK(plan_mounts(context, {}).steps.empty());
}

TEST_CASE("mounts: /proc of its own comes before what is made of the files in it, and counts as writable") {
    ExecContext context;
    context.protect_proc = ProtectProc::invisible;
    context.proc_subset = ProcSubset::pid;
    MountPlan plan = plan_mounts(context, {});
    CHECK(written(plan) == "proc 0 /proc\nput 0 /proc\n");
    CHECK(plan.steps[0].text == "hidepid=invisible,subset=pid");
    CHECK(plan.own_namespace);
    context.proc_subset = ProcSubset::all;
    context.protect_system = ProtectSystem::strict;
    context.protect_kernel_tunables = true;
    plan = plan_mounts(context, {});
    const std::string steps = written(plan);
    CHECK(steps.find(" /proc\n") < steps.find(" /proc/sys\n"));
    CHECK(has(plan, MountStep::Kind::restrict, "/proc/sys"));
    CHECK_FALSE(has(plan, MountStep::Kind::take, "/proc"));
    const auto made =
        std::find_if(plan.steps.begin(), plan.steps.end(), [](const MountStep& step) { return step.kind == MountStep::Kind::proc; });
    CHECK(made->text == "hidepid=invisible");
}

TEST_CASE("mounts: a namespace of its own without anything in it") {
    ExecContext context;
    CHECK_FALSE(plan_mounts(context, {}).own_namespace);
    context.private_mounts = true;
    CHECK(plan_mounts(context, {}).own_namespace);
    CHECK(plan_mounts(context, {}).steps.empty());
}

TEST_CASE("mounts: a read-only path is a copy of itself that is made read-only with all in it before it covers the path") {
    ExecContext context;
    context.read_only_paths = {path("/srv", true)};
    const MountPlan plan = plan_mounts(context, {});
    CHECK(written(plan) == "take? 0 /srv\nrestrict? 0 /srv\nput? 0 /srv\n");
    CHECK(plan.slots == 1);
    CHECK(plan.steps[1].flags == MOUNT_ATTR_RDONLY);
    CHECK(plan.steps[1].recursive);
    for (const MountStep& step : plan.steps) CHECK(step.key == "read_only_paths");
}

TEST_CASE("mounts: what is writable within something read-only is taken before, and put back after it, at any depth") {
    ExecContext context;
    context.read_only_paths = {path("/a/b/c"), path("/a")};
    context.read_write_paths = {path("/a/b/c/d"), path("/a/b")};
    CHECK(written(plan_mounts(context, {})) == "take 1 /a/b\ntake 3 /a/b/c/d\ntake 0 /a\nrestrict 0 /a\nput 0 /a\n"
                                               "put 1 /a/b\n"
                                               "take 2 /a/b/c\nrestrict 2 /a/b/c\nput 2 /a/b/c\n"
                                               "put 3 /a/b/c/d\n");
}

TEST_CASE("mounts: a name that begins alike is not below; of the same path the strictest wins, and hides what is below") {
    ExecContext context;
    context.read_only_paths = {path("/a"), path("/a/x")};
    context.read_write_paths = {path("/a-b"), path("/a"), path("/a/x/y")};
    context.inaccessible_paths = {path("/a/x")};
    CHECK(written(plan_mounts(context, {})) == "take 0 /a\nrestrict 0 /a\nput 0 /a\nhide 1 /a/x\ntake 2 /a-b\nput 2 /a-b\n");
}

TEST_CASE("mounts: protect_system and protect_home by their words") {
    struct Case {
        ProtectSystem system;
        std::vector<std::string> read_only;
        bool root;
    };
    const Case cases[] = {
        {ProtectSystem::no, {}, false},
        {ProtectSystem::yes, {"/usr", "/boot", "/efi"}, false},
        {ProtectSystem::full, {"/usr", "/boot", "/efi", "/etc"}, false},
        {ProtectSystem::strict, {}, true},
    };
    for (const Case& c : cases) {
        ExecContext context;
        context.protect_system = c.system;
        const MountPlan plan = plan_mounts(context, {});
        for (const char* where : {"/usr", "/boot", "/efi", "/etc"}) {
            const bool listed = std::find(c.read_only.begin(), c.read_only.end(), where) != c.read_only.end();
            CHECK(has(plan, MountStep::Kind::restrict, where) == listed);
        }
        CHECK(has(plan, MountStep::Kind::root, "/") == c.root);
        for (const char* where : {"/dev", "/proc", "/sys", "/home", "/root", "/run/user"})
            CHECK(has(plan, MountStep::Kind::put, where) == c.root);
    }
    for (const ProtectHome home : {ProtectHome::no, ProtectHome::yes, ProtectHome::read_only, ProtectHome::tmpfs}) {
        ExecContext context;
        context.protect_home = home;
        const MountPlan plan = plan_mounts(context, {});
        for (const char* where : {"/home", "/root", "/run/user"}) {
            CHECK(has(plan, MountStep::Kind::hide, where) == (home == ProtectHome::yes));
            CHECK(has(plan, MountStep::Kind::restrict, where) == (home == ProtectHome::read_only));
            CHECK(has(plan, MountStep::Kind::create, where) == (home == ProtectHome::tmpfs));
        }
        for (const MountStep& step : plan.steps) CHECK(step.optional);
    }
}

TEST_CASE("mounts: directories for temporary files are taken from outside before anything becomes read-only") {
    ExecContext context;
    context.private_tmp = true;
    context.protect_system = ProtectSystem::strict;
    context.read_write_paths = {path("/tmp/mine")};
    const MountPlan plan = plan_mounts(context, {"/tmp/x/tmp", "/var/tmp/x/tmp", {"/var/lib/web"}});
    REQUIRE(plan.steps.size() > 2);
    CHECK(plan.steps[0].kind == MountStep::Kind::take_host);
    CHECK(plan.steps[0].path == "/tmp/x/tmp");
    CHECK(plan.steps[1].path == "/var/tmp/x/tmp");
    const auto at = [&](MountStep::Kind kind, const std::string& where) {
        return std::find_if(plan.steps.begin(), plan.steps.end(), [&](const MountStep& s) { return s.kind == kind && s.path == where; });
    };
    using enum MountStep::Kind;
    CHECK(at(take, "/var/lib/web") < at(root, "/"));
    CHECK(at(put, "/var/lib/web") > at(root, "/"));
    CHECK(at(put, "/tmp") > at(root, "/"));
    CHECK(at(take, "/tmp/mine") > at(put, "/tmp")); // of the new /tmp, not of the machine's
    CHECK(at(put, "/tmp/mine") != plan.steps.end());
}

TEST_CASE("mounts: below a root directory, paths of the machine count if they are in it, and those with + are in it") {
    ExecContext context;
    context.root_directory = Placed<std::string>{"/srv/root", {}};
    context.read_only_paths = {path("/srv/root")};
    CHECK(written(plan_mounts(context, {})) == "root 0 /\n");
    context.read_only_paths = {path("/srv/root/etc"), path("/srv/rooted"), path("/usr"), path("/lib", false, true)};
    CHECK(written(plan_mounts(context, {})) == "take 0 /etc\nrestrict 0 /etc\nput 0 /etc\ntake 1 /lib\nrestrict 1 /lib\nput 1 /lib\n");
}

TEST_CASE("mounts: private devices are made before they cover /dev, which is read-only in the end but for the mounts in it") {
    ExecContext context;
    context.private_devices = true;
    const MountPlan plan = plan_mounts(context, {});
    REQUIRE_FALSE(plan.steps.empty());
    const MountStep& last = plan.steps.back();
    CHECK(last.kind == MountStep::Kind::restrict);
    CHECK(last.flags == MOUNT_ATTR_RDONLY);
    CHECK_FALSE(last.recursive);
    CHECK(has(plan, MountStep::Kind::device, "urandom"));
    CHECK(has(plan, MountStep::Kind::put, "/dev/pts"));
    CHECK(has(plan, MountStep::Kind::put, "/dev"));
}

TEST_CASE("mounts: the kernel's settings are read-only but for control groups, unless those are to be as well") {
    ExecContext context;
    context.protect_kernel_tunables = true;
    const MountPlan tunables = plan_mounts(context, {});
    CHECK(has(tunables, MountStep::Kind::restrict, "/sys"));
    CHECK(has(tunables, MountStep::Kind::restrict, "/proc/sys"));
    CHECK(has(tunables, MountStep::Kind::hide, "/proc/kcore"));
    CHECK(has(tunables, MountStep::Kind::put, "/sys/fs/cgroup"));
    CHECK_FALSE(has(tunables, MountStep::Kind::restrict, "/sys/fs/cgroup"));
    context.protect_control_groups = true;
    CHECK(has(plan_mounts(context, {}), MountStep::Kind::restrict, "/sys/fs/cgroup"));
}
