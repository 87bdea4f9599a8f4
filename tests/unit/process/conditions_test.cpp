#include "model/comparison.h"
#include "model/condition_name.h"
#include "process/conditions.h"
#include "process/virtualization.h"

#include <map>

#include <sys/stat.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

using Kind = Condition::Kind;

/// A machine made of what a test says of it.
struct Fake final : Machine {
    std::map<std::string, File> files;
    std::map<std::string, std::string> texts;
    std::map<std::string, std::vector<std::string>> directories;
    std::map<std::string, std::string> variables{{"WEB", "on"}, {"EMPTY", ""}};
    std::string release = "6.1.0-18-amd64", cpu_says;
    uid_t user = 0;

    std::optional<File> file(const std::string& path, bool follow) const override {
        const auto found = files.find(follow || !files.contains(path + "@") ? path : path + "@"); // "@": the link itself
        if (found != files.end()) return found->second;
        return texts.contains(path) || directories.contains(path) ? std::optional(File{S_IFREG, 1, {}, false, false}) : std::nullopt;
    }
    std::optional<std::string> text(const std::string& path) const override {
        const auto found = texts.find(path);
        return found == texts.end() ? std::nullopt : std::optional(found->second);
    }
    std::vector<std::string> names_in(const std::string& directory) const override {
        const auto found = directories.find(directory);
        return found == directories.end() ? std::vector<std::string>() : found->second;
    }
    bool has_match(const std::string& pattern) const override { return pattern == "/etc/*.conf"; }
    std::optional<std::string> variable(const std::string& name) const override {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    }
    std::string host_name() const override { return "www7"; }
    std::string kernel_release() const override { return release; }
    std::string hardware() const override { return "x86_64"; }
    std::string hypervisor() const override { return cpu_says; }
    unsigned processors() const override { return 4; }
    std::uint64_t memory() const override { return 4ULL << 30; }
    bool has_audit() const override { return true; }
    uid_t uid() const override { return user; }
    std::vector<gid_t> groups() const override { return {4, 33}; }
    Result<uid_t> uid_of(const std::string& name) const override { return name == "web" ? Result<uid_t>(33) : failure("no such user"); }
    Result<gid_t> gid_of(const std::string& name) const override { return name == "adm" ? Result<gid_t>(4) : failure("no such group"); }
};

Condition condition(Kind kind, std::string value) {
    Condition one;
    one.kind = kind;
    one.value = std::move(value);
    return one;
}

bool met(const Machine& machine, Kind kind, const std::string& value) {
    const auto answer = is_met(condition(kind, value), machine);
    Condition turned = condition(kind, value);
    turned.negated = true;
    const auto other = is_met(turned, machine);
    CHECK(answer.has_value() == other.has_value());
    if (answer) CHECK(*answer != *other);
    return answer && *answer;
}

struct Case {
    Kind kind;
    const char* value;
    bool expected;
};

template <std::size_t N> void check_all(const Machine& machine, const Case (&cases)[N]) {
    for (const Case& c : cases) {
        const std::string text = to_string(condition(c.kind, c.value));
        CAPTURE(text);
        CHECK(met(machine, c.kind, c.value) == c.expected);
    }
}

} // namespace

TEST_CASE("conditions: files are what they are") {
    Fake machine;
    machine.files["/d"] = {S_IFDIR | 0755, 0, {}, true, false};
    machine.files["/ro"] = {S_IFDIR | 0755, 0, {}, false, true};
    machine.files["/f"] = {S_IFREG | 0644, 12, {}, false, false};
    machine.files["/empty"] = {S_IFREG | 0755, 0, {}, false, false};
    machine.files["/s"] = {S_IFSOCK | 0666, 0, {}, false, false};
    machine.files["/l"] = machine.files["/d"];
    machine.files["/l@"] = {S_IFLNK | 0777, 2, {}, false, false};
    machine.directories["/d"] = {".hidden"};
    const Case cases[] = {
        {Kind::path_exists, "/f", true}, {Kind::path_exists, "/g", false},
        {Kind::path_exists_glob, "/etc/*.conf", true}, {Kind::path_exists_glob, "/etc/*.d", false},
        {Kind::path_is_directory, "/d", true}, {Kind::path_is_directory, "/l", true}, {Kind::path_is_directory, "/f", false},
        {Kind::path_is_symbolic_link, "/l", true}, {Kind::path_is_symbolic_link, "/d", false}, {Kind::path_is_symbolic_link, "/g", false},
        {Kind::path_is_mount_point, "/d", true}, {Kind::path_is_mount_point, "/ro", false}, {Kind::path_is_mount_point, "/g", false},
        {Kind::path_is_read_write, "/d", true}, {Kind::path_is_read_write, "/ro", false}, {Kind::path_is_read_write, "/g", false},
        {Kind::path_is_socket, "/s", true}, {Kind::path_is_socket, "/f", false},
        {Kind::directory_not_empty, "/d", true}, {Kind::directory_not_empty, "/ro", false},
        {Kind::file_not_empty, "/f", true}, {Kind::file_not_empty, "/empty", false}, {Kind::file_not_empty, "/d", false},
        {Kind::file_is_executable, "/empty", true}, {Kind::file_is_executable, "/f", false}, {Kind::file_is_executable, "/d", false},
    };
    check_all(machine, cases);
}

TEST_CASE("conditions: the kernel and its hardware") {
    Fake machine;
    machine.texts["/proc/cmdline"] = "BOOT_IMAGE=/vmlinuz root=\"LABEL=a b\" quiet\n";
    machine.texts["/proc/cpuinfo"] = "processor\t: 0\nflags\t\t: fpu sse4_2 pclmulqdq fma xsave\n\nprocessor\t: 1\n";
    machine.texts["/proc/self/status"] = "Name:\tx\nCapBnd:\t0000000000000401\n";
    machine.texts["/sys/fs/cgroup/cgroup.controllers"] = "cpu memory pids\n";
    machine.texts["/sys/module/apparmor/parameters/enabled"] = "Y\n";
    machine.files["/sys/module/nf_tables"] = {S_IFDIR, 0, {}, false, false};
    machine.files["/sys/module/going"] = {S_IFDIR, 0, {}, false, false};
    machine.texts["/sys/module/going/initstate"] = "going\n";
    const Case cases[] = {
        {Kind::kernel_version, "6.1.*", true}, {Kind::kernel_version, ">=5.17\n<6.2", true}, {Kind::kernel_version, ">=5.17\n<6.1", false},
        {Kind::kernel_version, " != 6.1.0-18-amd64", false}, {Kind::kernel_version, "=6.1", false}, {Kind::kernel_version, "!$=6.2*", true},
        {Kind::kernel_command_line, "quiet", true}, {Kind::kernel_command_line, "root", true},
        {Kind::kernel_command_line, "root=LABEL=a b", true},
        {Kind::kernel_command_line, "BOOT", false}, {Kind::kernel_command_line, "quiet=", false},
        {Kind::kernel_module_loaded, "nf-tables", true}, {Kind::kernel_module_loaded, "bridge", false},
        {Kind::kernel_module_loaded, "going", false},
        {Kind::architecture, "x86-64", true}, {Kind::architecture, "native", true}, {Kind::architecture, "x86_64", false},
        {Kind::cpu_feature, "SSE4_2", true}, {Kind::cpu_feature, "pclmul", true}, {Kind::cpu_feature, "osxsave", true},
        {Kind::cpu_feature, "avx2", false},
        {Kind::memory, ">=4294967296", true}, {Kind::memory, ">4294967296", false}, {Kind::memory, "1024", true},
        {Kind::memory, "!=4294967296", false},
        {Kind::cpus, "4", true}, {Kind::cpus, "=4", true}, {Kind::cpus, "<4", false}, {Kind::cpus, "5", false},
        {Kind::capability, "CAP_CHOWN", true}, {Kind::capability, "cap_net_bind_service", true}, {Kind::capability, "CAP_KILL", false},
        {Kind::security, "apparmor", true}, {Kind::security, "audit", true}, {Kind::security, "selinux", false},
        {Kind::security, "cvm", false},
        {Kind::control_group_controller, "v2", true}, {Kind::control_group_controller, "v1", false},
        {Kind::control_group_controller, "memory cpu", true}, {Kind::control_group_controller, "memory io", false},
    };
    check_all(machine, cases);
    machine.texts["/sys/fs/cgroup/memory.max"] = "1073741824\n"; // a container may use less than there is
    CHECK_FALSE(met(machine, Kind::memory, ">=4294967296"));
}

TEST_CASE("conditions: the system, and the daemon on it") {
    Fake machine;
    machine.texts["/etc/machine-id"] = "0123456789abcdef0123456789abcdef\n";
    machine.texts["/etc/os-release"] = "ID=debian\nVERSION_ID=\"12\"\nNAME='Debian GNU/Linux'\n";
    machine.user = 33;
    const Case cases[] = {
        {Kind::host, "www*", true}, {Kind::host, "WWW7", true}, {Kind::host, "www", false},
        {Kind::host, "01234567-89ab-cdef-0123-456789abcdef", true},
        {Kind::os_release, "ID=debian", true}, {Kind::os_release, "ID=debian\nVERSION_ID>=12\nVERSION_ID<13", true},
        {Kind::os_release, "VERSION_ID>12", false},
        {Kind::os_release, "NAME$=*GNU*", true}, {Kind::os_release, "BUILD_ID=", false}, {Kind::os_release, "BUILD_ID!=7", true},
        {Kind::environment, "WEB", true}, {Kind::environment, "WEB=on", true}, {Kind::environment, "WEB=off", false},
        {Kind::environment, "EMPTY", true},
        {Kind::environment, "NONE", false},
        {Kind::user, "33", true}, {Kind::user, "web", true}, {Kind::user, "root", false}, {Kind::user, "@system", true},
        {Kind::user, "34", false},
        {Kind::group, "adm", true}, {Kind::group, "33", true}, {Kind::group, "root", false},
    };
    check_all(machine, cases);
    CHECK_FALSE(is_met(condition(Kind::user, "nobody-here"), machine));
}

TEST_CASE("conditions: power, the first start, and what is out of date") {
    Fake machine;
    CHECK(met(machine, Kind::ac_power, "yes")); // nothing says that there is a battery
    machine.directories["/sys/class/power_supply/"] = {"BAT0", "AC"};
    machine.texts["/sys/class/power_supply/BAT0/type"] = "Battery\n";
    machine.texts["/sys/class/power_supply/BAT0/status"] = "Discharging\n";
    machine.texts["/sys/class/power_supply/AC/type"] = "Mains\n";
    machine.texts["/sys/class/power_supply/AC/online"] = "0\n";
    CHECK(met(machine, Kind::ac_power, "no"));
    machine.texts["/sys/class/power_supply/AC/online"] = "1\n";
    CHECK(met(machine, Kind::ac_power, "yes"));

    CHECK(met(machine, Kind::first_boot, "no"));
    machine.texts["/run/systemd/first-boot"] = "";
    CHECK(met(machine, Kind::first_boot, "yes"));

    machine.files["/etc"] = {S_IFDIR, 0, {}, false, false};
    machine.files["/usr"] = {S_IFDIR, 0, {100, 5}, false, false};
    CHECK(met(machine, Kind::needs_update, "/etc/")); // nobody has ever updated it
    machine.files["/etc/.updated"] = {S_IFREG, 0, {100, 5}, false, false};
    CHECK_FALSE(met(machine, Kind::needs_update, "/etc"));
    machine.files["/usr"].modified = {101, 0};
    CHECK(met(machine, Kind::needs_update, "/etc"));
    machine.files["/etc"].is_read_only = true;
    CHECK_FALSE(met(machine, Kind::needs_update, "/etc"));
    machine.files["/etc"].is_read_only = false;
    machine.files["/usr"].modified = {100, 7};
    machine.files["/etc/.updated"].modified = {100, 0}; // whole seconds alone
    machine.texts["/etc/.updated"] = "# x\nTIMESTAMP_NSEC=100000000007\n";
    CHECK_FALSE(met(machine, Kind::needs_update, "/etc"));
    machine.texts["/etc/.updated"] = "TIMESTAMP_NSEC=100000000006\n";
    CHECK(met(machine, Kind::needs_update, "/etc"));
}

TEST_CASE("conditions: a virtual machine, a container in it, and neither") {
    Fake machine;
    const Case bare[] = {{Kind::virtualization, "no", true}, {Kind::virtualization, "vm", false}, {Kind::virtualization, "kvm", false},
                         {Kind::virtualization, "private-users", false}};
    check_all(machine, bare);
    machine.cpu_says = "KVMKVMKVM";
    const Case guest[] = {{Kind::virtualization, "yes", true}, {Kind::virtualization, "vm", true}, {Kind::virtualization, "kvm", true},
                          {Kind::virtualization, "container", false}, {Kind::virtualization, "qemu", false}};
    check_all(machine, guest);
    machine.texts["/sys/class/dmi/id/sys_vendor"] = "QEMU\n"; // the processor knows better
    CHECK(virtualization_of(machine).id == "kvm");
    machine.texts["/sys/class/dmi/id/sys_vendor"] = "Amazon EC2\n";
    CHECK(virtualization_of(machine).id == "amazon");
    machine.texts["/proc/1/environ"] = std::string("A=b\0container=lxc\0", 18);
    machine.texts["/proc/self/uid_map"] = "         0     100000      65536\n";
    const Case inside[] = {{Kind::virtualization, "container", true},
                           {Kind::virtualization, "lxc", true},
                           {Kind::virtualization, "vm", false},
                           {Kind::virtualization, "private-users", true}};
    check_all(machine, inside);
    machine.texts["/run/systemd/container"] = "strange\n";
    CHECK(virtualization_of(machine).id == "container-other");
    machine.texts["/run/systemd/container"] = "oci\n";
    machine.texts["/.dockerenv"] = "";
    CHECK(virtualization_of(machine).id == "docker");
    machine.release = "5.15.90.1-microsoft-standard-WSL2";
    CHECK(virtualization_of(machine).id == "wsl");
}

TEST_CASE("conditions: all have to be met, and of those with | one; assertions apart, and after them") {
    Fake machine;
    machine.texts["/a"] = machine.texts["/b"] = "";
    const auto one = [](const char* marks, const char* path, bool assertion = false) {
        Condition c = condition(Kind::path_exists, path);
        c.trigger = std::string_view(marks).find('|') != std::string_view::npos;
        c.negated = std::string_view(marks).find('!') != std::string_view::npos;
        c.assertion = assertion;
        return c;
    };
    const auto why = [&](const std::vector<Condition>& all) {
        const auto unmet = first_unmet(all, machine);
        return unmet ? (unmet->assertion ? "failed: " : "skipped: ") + unmet->why : std::string();
    };
    CHECK(why({}) == "");
    CHECK(why({one("", "/a"), one("!", "/c")}) == "");
    CHECK(why({one("", "/a"), one("", "/c"), one("", "/d")}) == "skipped: condition ConditionPathExists=/c not met");
    CHECK(why({one("!", "/a")}) == "skipped: condition ConditionPathExists=!/a not met");
    CHECK(why({one("|", "/c"), one("|", "/b")}) == "");
    CHECK(why({one("|", "/c"), one("|!", "/b")}) == "skipped: condition ConditionPathExists=|!/b not met, nor any other with \"|\"");
    CHECK(why({one("|", "/a"), one("", "/c")}) == "skipped: condition ConditionPathExists=/c not met"); // it cannot make up for the others
    CHECK(why({one("", "/a"), one("", "/c", true)}) == "failed: assertion AssertPathExists=/c not met");
    CHECK(why({one("|", "/c"), one("|", "/a", true)}) == "skipped: condition ConditionPathExists=|/c not met, nor any other with \"|\"");
    CHECK(why({one("", "/c", true), one("", "/d")}) == "skipped: condition ConditionPathExists=/d not met");
    Condition nobody = condition(Kind::user, "nobody-here");
    nobody.negated = true; // what cannot be told is not met either way
    CHECK(why({nobody}) == "skipped: condition ConditionUser=!nobody-here not met: no such user");
}

TEST_CASE("conditions: this machine answers") {
    const Machine& machine = this_machine();
    CHECK(met(machine, Kind::path_is_directory, "/proc"));
    CHECK(met(machine, Kind::path_is_mount_point, "/proc"));
    CHECK(met(machine, Kind::path_exists_glob, "/proc/sel[f]"));
    CHECK(met(machine, Kind::path_is_symbolic_link, "/proc/self"));
    CHECK(met(machine, Kind::directory_not_empty, "/proc"));
    CHECK(met(machine, Kind::kernel_version, ">=5.0"));
    CHECK(met(machine, Kind::architecture, "native"));
    CHECK(met(machine, Kind::cpus, ">=1"));
    CHECK(met(machine, Kind::memory, ">=16777216"));
    CHECK(met(machine, Kind::user, std::to_string(machine.uid())));
    CHECK(met(machine, Kind::environment, "PATH"));
    CHECK(is_met(condition(Kind::capability, "CAP_CHOWN"), machine).has_value());
    CHECK(is_met(condition(Kind::os_release, "ID=debian"), machine).has_value());
}

TEST_CASE("comparison: versions by the rules of the UAPI group") {
    const char* const ascending[] = {"1~rc1", "1",    "1-1",  "1-2",  "1-10",    "1^post1", "1.0", "1.0.1",
                                     "1.1",   "1.1a", "1.1b", "1.10", "1.10.1a", "2",       "10"};
    for (std::size_t i = 0; i < std::size(ascending); ++i)
        for (std::size_t j = 0; j < std::size(ascending); ++j) {
            CAPTURE(std::string(ascending[i]));
            CAPTURE(std::string(ascending[j]));
            CHECK((compare_versions(ascending[i], ascending[j]) <=> 0) == (i <=> j));
        }
    CHECK(compare_versions("1.02", "1.2") == 0);
    CHECK(compare_versions("1_2", "12") != 0);
    CHECK(compare_versions("", "") == 0);
    CHECK(compare_versions("", "1") < 0);
}
