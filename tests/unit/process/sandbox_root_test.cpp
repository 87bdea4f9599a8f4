// What a sandbox keeps real processes from. Needs root: fails, and does not skip, without.

#include "confined.h"

#include <arpa/inet.h>
#include <csignal>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/syscall.h>

using namespace swathe;
using namespace swathe::test;

namespace {

/// A tmpfs, or what `flags` make of `source`, that goes with this object.
class Mounted {
public:
    explicit Mounted(std::string at, unsigned long flags = 0, const char* source = "swathe-test") : at_(std::move(at)) {
        std::filesystem::create_directories(at_);
        REQUIRE(::mount(source, at_.c_str(), "tmpfs", flags, nullptr) == 0);
    }
    ~Mounted() { (void)::umount2(at_.c_str(), MNT_DETACH); }
    Mounted(const Mounted&) = delete;
    Mounted& operator=(const Mounted&) = delete;

private:
    std::string at_;
};

std::string mount_namespace() { return std::filesystem::read_symlink("/proc/self/ns/mnt").string(); }

} // namespace

TEST_CASE("sandbox as root: protect_system by its words, with the daemon's own view unchanged") {
    struct Case {
        ProtectSystem system;
        bool usr, etc, var;
    };
    const Case cases[] = {{ProtectSystem::no, true, true, true}, {ProtectSystem::yes, false, true, true},
                          {ProtectSystem::full, false, false, true}, {ProtectSystem::strict, false, false, false}};
    const std::string before = mount_namespace();
    for (const Case& c : cases) {
        CAPTURE(static_cast<int>(c.system));
        Service service = service_of();
        service.protect_system = c.system;
        const auto writes = [&](const std::string& directory) {
            const std::string file = directory + "/.swathe-test";
            return succeeds(service, "echo x 2>/dev/null >" + file + " && rm " + file);
        };
        CHECK(writes("/usr") == c.usr);
        CHECK(writes("/etc") == c.etc);
        CHECK(writes("/var/lib") == c.var);
        CHECK(writes("/dev/shm"));
        CHECK(writes("/root")); // protect_home's
        CHECK(succeeds(service, "test -r /proc/1/stat -a -d /sys/kernel && echo x >/dev/null"));
    }
    CHECK(mount_namespace() == before);
}

TEST_CASE("sandbox as root: protect_home hides homes, makes them read-only, or empty") {
    const TempDir dir;
    const std::string file = "/root/.swathe-test-" + std::to_string(::getpid());
    std::ofstream(file) << "x";
    Service service = service_of();
    service.working_directory = Placed<std::string>{"/", kPlace};
    for (const ProtectHome home : {ProtectHome::no, ProtectHome::yes, ProtectHome::read_only, ProtectHome::tmpfs}) {
        CAPTURE(static_cast<int>(home));
        service.protect_home = home;
        CHECK(succeeds(service, "test -e " + file) == (home == ProtectHome::no || home == ProtectHome::read_only));
        CHECK(succeeds(service, "echo x 2>/dev/null >" + file) == (home == ProtectHome::no));
        if (home == ProtectHome::yes) CHECK(succeeds(service, "test -z \"$(ls -A /home /root | grep -v :)\""));
        if (home == ProtectHome::yes) CHECK(succeeds(service, "test $(stat -c %a /root) = 0"));
        if (home == ProtectHome::tmpfs) CHECK(succeeds(service, "test $(stat -c %a /root) = 700 && test $(stat -c %a /home) = 755"));
    }
    std::filesystem::remove(file);
}

TEST_CASE("sandbox as root: read-only, writable within, read-only in that, with a file system mounted below") {
    const TempDir dir;
    for (const char* inner : {"a/b/c/d", "a/other"}) std::filesystem::create_directories(dir / inner);
    const Mounted mounted(dir / "a/mounted");
    const Mounted sealed(dir / "a/b/sealed", MS_RDONLY);
    Service service = service_of();
    service.read_only_paths = {path(dir / "a"), path(dir / "a/b/c"), path(dir / "none", true)};
    service.read_write_paths = {path(dir / "a/b"), path(dir / "a/b/c/d")};
    const auto writes = [&](const std::string& where) { return succeeds(service, "echo x 2>/dev/null >" + (dir / where) + "/file"); };
    CHECK(writes("."));
    CHECK_FALSE(writes("a"));
    CHECK_FALSE(writes("a/other"));
    CHECK_FALSE(writes("a/mounted"));
    CHECK(writes("a/b"));
    CHECK_FALSE(writes("a/b/sealed")); // what was read-only is not opened
    CHECK_FALSE(writes("a/b/c"));
    CHECK(writes("a/b/c/d"));
    CHECK(std::filesystem::exists(dir / "a/b/c/d/file")); // the same directory, not a copy of it
}

TEST_CASE("sandbox as root: the service's own directories and read_write_paths stay writable under strict") {
    const TempDir dir;
    const std::string name = "swathe-test-" + std::to_string(::getpid());
    std::filesystem::create_directory("/run/" + name);
    Service service = service_of();
    service.protect_system = ProtectSystem::strict;
    service.read_write_paths = {path(dir.path())};
    service.runtime_directory.names = {{name, kPlace}};
    CHECK(succeeds(service, "echo x >" + (dir / "file") + " && echo x >/run/" + name + "/file"));
    CHECK_FALSE(succeeds(service, "echo x 2>/dev/null >/run/swathe-test-file"));
    std::filesystem::remove_all("/run/" + name);
}

TEST_CASE("sandbox as root: inaccessible files cannot be opened, directories are empty, whoever asks") {
    const TempDir dir;
    std::filesystem::create_directory(dir / "directory");
    std::ofstream(dir / "directory/file") << "x";
    std::ofstream(dir / "file") << "x";
    std::filesystem::create_symlink(dir / "file", dir / "link");
    Service service = service_of();
    service.inaccessible_paths = {path(dir / "directory"), path(dir / "link"), path(dir / "none", true)};
    CHECK(succeeds(service, "test -d " + (dir / "directory") + " && ! test -e " + (dir / "directory/file")));
    for (const char* name : {"file", "link"}) { // through the link it is the file
        CHECK_FALSE(succeeds(service, "cat " + (dir / name) + " >/dev/null 2>&1"));
        CHECK_FALSE(succeeds(service, "echo x 2>/dev/null >" + (dir / name)));
        CHECK_FALSE(succeeds(service, "chmod 666 " + (dir / name) + " 2>/dev/null"));
    }
    CHECK(read_report(dir / "file").count("x") == 1);
}

TEST_CASE("sandbox as root: a path that is not there fails the start with its key, an optional one does not") {
    Service service = service_of();
    service.read_only_paths = {path("/no/such/path")};
    CHECK(refusal(service) == "NAMESPACE: read_only_paths: /no/such/path: No such file or directory");
    service.read_only_paths = {path("/no/such/path", true)};
    service.inaccessible_paths = {path("/etc/passwd/x", true)};
    CHECK(refusal(service) == "");
    service.inaccessible_paths = {path("/etc/passwd/x")};
    CHECK(refusal(service) == "NAMESPACE: inaccessible_paths: /etc/passwd/x: Not a directory");
}

TEST_CASE("sandbox as root: commands of one run share their own /tmp and /var/tmp, which nobody else sees and which go with it") {
    Service service = service_of();
    service.private_tmp = true;
    service.protect_system = ProtectSystem::strict;
    service.umask = 077; // of the service, not of what is made for it
    const std::string name = "swathe-test-" + std::to_string(::getpid());
    std::ofstream("/tmp/" + name) << "x";
    std::string outer;
    {
        auto made = PrivateTmp::make("edge");
        REQUIRE(made);
        outer = made->tmp();
        const RunFacts facts = facts_of(*made);
        CHECK_FALSE(succeeds(service, "test -e /tmp/" + name, facts));
        CHECK(succeeds(service, "echo first >/tmp/mine && echo second >/var/tmp/mine && test $(stat -c %a /tmp) = 1777", facts));
        CHECK(succeeds(service, "test $(cat /tmp/mine) = first -a $(cat /var/tmp/mine) = second", facts));
        CHECK(std::filesystem::exists(outer + "/mine"));
        CHECK_FALSE(std::filesystem::exists("/tmp/mine"));
        Command privileged = script("test -e /tmp/" + name);
        privileged.privileged = true;
        CHECK(end_of(service, privileged, facts) == kSuccess);
        service.user = Placed<std::string>{"daemon", kPlace};
        CHECK(succeeds(service, "echo third >/tmp/theirs", facts));
    }
    CHECK_FALSE(std::filesystem::exists(outer));
    std::filesystem::remove("/tmp/" + name);
    CHECK(refusal(service).find("NAMESPACE: private_tmp: ") == 0); // without its directories it is never just left out
}

TEST_CASE("sandbox as root: a private network has nothing but loopback, but inherited sockets still accept") {
    const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);

    Service service = service_of();
    service.private_network = true;
    const std::string port = std::to_string(ntohs(address.sin_port));
    Command command;
    command.path = "/usr/bin/python3";
    command.argv = {"python3", "-c",
                    "import socket\n"
                    "names = [name for _, name in socket.if_nameindex()]\n"
                    "fallback = {'sit0', 'tunl0', 'gre0', 'gretap0', 'erspan0', 'ip_vti0', 'ip6_vti0', 'ip6tnl0', 'ip6gre0'}\n"
                    "assert set(names) - fallback == {'lo'}, names\n" // some kernels put these into each new namespace, down
                    "try:\n"
                    "    socket.create_connection(('127.0.0.1', " + port + "), 2)\n"
                    "    raise SystemExit('reached the machine')\n"
                    "except ConnectionRefusedError: pass\n" // loopback is up: the answer comes at once
                    "peer, _ = socket.socket(fileno=3).accept()\n"
                    "peer.sendall(b'hello')\n"};
    command.pos = kPlace;
    SpawnPlan plan = must_plan(service, command);
    plan.fds = {{listener.get(), "http"}};
    const Child child = must_spawn(plan);
    const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    char text[8] = {};
    CHECK(::recv(client.get(), text, 5, MSG_WAITALL) == 5);
    CHECK(std::string(text) == "hello");
    CHECK(reap(child).value() == kSuccess);
}

TEST_CASE("sandbox as root: private devices are the harmless ones, read-only, and raw I/O is refused") {
    Service service = service_of();
    service.private_devices = true;
    CHECK(succeeds(service, "for d in null zero full random urandom tty ptmx; do test -c /dev/$d || exit 1; done"));
    CHECK(succeeds(service, "test -z \"$(find /dev -type b)\" && ! test -e /dev/mem -o -e /dev/kmsg"));
    CHECK(succeeds(service, "echo x >/dev/null && head -c 8 /dev/urandom >/dev/null && test -L /dev/fd"));
    CHECK(succeeds(service, "echo x >/dev/shm/swathe-test && rm /dev/shm/swathe-test"));
    CHECK_FALSE(succeeds(service, "touch /dev/new 2>/dev/null"));
    CHECK_FALSE(succeeds(service, "mknod /run/swathe-test-disk b 8 0 2>/dev/null")); // nor anywhere else, without CAP_MKNOD
    CHECK(succeeds(service, "python3 -c 'import os, pty; pty.openpty()'"));
    CHECK(succeeds(service, "python3 -c 'import ctypes, errno\n"
                            "libc = ctypes.CDLL(None, use_errno=True)\n"
                            "assert libc.iopl(3) == -1 and ctypes.get_errno() == errno.EPERM'"));
}

TEST_CASE("sandbox as root: the kernel's settings, modules, log and control groups, each by its key") {
    const auto asks = [](const std::string& call) { // a call of libc's that root may make: "" or the name of its error
        return std::string("python3 -c 'import ctypes, errno\n"
                           "libc = ctypes.CDLL(None, use_errno=True)\n"
                           "result = ") + call + "\n"
               "raise SystemExit(result == -1 and ctypes.get_errno() == errno.EPERM)'"; // succeeds unless it is refused so
    };
    const std::string log = asks("libc.klogctl(10, None, 0)"); // SYSLOG_ACTION_SIZE_BUFFER
    const std::string module = asks("libc.syscall(" + std::to_string(SYS_delete_module) + ", b\"none\", 0)");
    const std::string sysctl = "v=$(cat /proc/sys/kernel/core_uses_pid) && echo $v 2>/dev/null >/proc/sys/kernel/core_uses_pid";
    const std::string cgroup = "mkdir /sys/fs/cgroup/unified/swathe-test-$$ 2>/dev/null && rmdir /sys/fs/cgroup/unified/swathe-test-$$";
    const std::string kcore = "head -c 1 /proc/kcore >/dev/null 2>&1";
    const std::string kmsg = "test -r /dev/kmsg && dd if=/dev/kmsg iflag=nonblock count=1 of=/dev/null 2>/dev/null";
    const bool has_unified = succeeds(service_of(), cgroup);
    const bool has_kcore = succeeds(service_of(), kcore);
    const bool has_kmsg = succeeds(service_of(), kmsg);

    Service service = service_of();
    for (const std::string& text : {log, module, sysctl}) CHECK(succeeds(service, text));
    service.protect_kernel_tunables = true;
    CHECK_FALSE(succeeds(service, sysctl));
    CHECK_FALSE(succeeds(service, kcore));
    CHECK_FALSE(succeeds(service, "echo 0 2>/dev/null >/sys/kernel/profiling"));
    CHECK(succeeds(service, cgroup) == has_unified);
    service = service_of();
    service.protect_control_groups = true;
    CHECK_FALSE(succeeds(service, cgroup));
    CHECK(succeeds(service, kcore) == has_kcore);
    CHECK(succeeds(service, sysctl));
    service = service_of();
    service.protect_kernel_modules = true;
    CHECK_FALSE(succeeds(service, module));
    CHECK(succeeds(service, log));
    service = service_of();
    service.protect_kernel_logs = true;
    CHECK_FALSE(succeeds(service, log));
    CHECK_FALSE(succeeds(service, kmsg));
    CHECK(succeeds(service, module));
    service.protect_kernel_logs = false;
    CHECK(succeeds(service, kmsg) == has_kmsg);
}

TEST_CASE("sandbox as root: below a root directory, links and paths with + are those of that root") {
    const TempDir dir;
    for (const char* made : {"usr", "data/open", "etc", "dev"}) std::filesystem::create_directories(dir / made);
    for (const char* link : {"bin", "lib", "lib64"}) std::filesystem::create_symlink(std::string("usr/") + link, dir / link);
    std::filesystem::create_symlink("/etc", dir / "data/link"); // of the root's own
    const Mounted system(dir / "usr", MS_BIND, "/usr");
    Service service = service_of();
    service.root_directory = Placed<std::string>{dir.path(), kPlace};
    service.working_directory = Placed<std::string>{"/", kPlace};
    const auto writes = [&](const std::string& where) { return succeeds(service, "echo x 2>/dev/null >" + where + "/file"); };
    service.private_devices = true; // scripts need /dev/null
    CHECK(succeeds(service, "test -c /dev/null"));
    CHECK(writes("/etc"));
    service.read_only_paths = {path("/data", false, true), path(dir / "data/link"), path("/usr/share")}; // the last is not in the root
    service.read_write_paths = {path("/data/open", false, true)};
    CHECK_FALSE(writes("/data"));
    CHECK(writes("/data/open"));
    CHECK_FALSE(writes("/etc"));
    CHECK(std::filesystem::exists(dir / "data/open/file"));
    service.read_only_paths = {path(dir.path())};
    CHECK_FALSE(writes("/."));
    CHECK_FALSE(writes("/etc"));
    CHECK(writes("/data/open"));
}

TEST_CASE("sandbox as root: all of it together leaves no descriptor and no mount behind") {
    Service service = service_of();
    service.private_tmp = service.private_network = service.private_devices = true;
    service.protect_system = ProtectSystem::strict;
    service.protect_home = ProtectHome::yes;
    service.read_write_paths = {path("/var/lib")};
    service.inaccessible_paths = {path("/mnt", true)};
    service.system_call_filter.words = {word("@system-service")};
    auto tmp = PrivateTmp::make("edge");
    REQUIRE(tmp);
    const RunFacts facts = facts_of(*tmp);
    const auto mounts = [] {
        std::ifstream in("/proc/self/mountinfo");
        return std::count(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(), '\n');
    };
    (void)succeeds(service, "true", facts);
    const auto fds = open_fds();
    const auto before = mounts();
    for (int i = 0; i < 20; ++i) CHECK(succeeds(service, "test $(ls /proc/self/fd | wc -l) = 4", facts)); // with that of the listing
    CHECK(open_fds() == fds);
    CHECK(mounts() == before);
}

TEST_CASE("sandbox without privileges: it is step NETWORK or NAMESPACE, named, never left out") {
    REQUIRE(::geteuid() == 0);
    const auto step_as_stranger = [](auto change) {
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            if (::syscall(SYS_setresuid, 61234, 61234, 61234) != 0) ::_exit(1);
            Service service;
            change(service);
            auto plan = plan_spawn(service, script("true"), "exec_start", {});
            auto child = plan ? spawn(*plan) : tl::expected<Child, SpawnError>(tl::unexpected<SpawnError>(SpawnError{}));
            ::_exit(child ? 0 : static_cast<int>(child.error().step));
        }
        int status = 0;
        REQUIRE(::waitpid(pid, &status, 0) == pid);
        return WEXITSTATUS(status);
    };
    CHECK(step_as_stranger([](Service&) {}) == 0);
    CHECK(step_as_stranger([](Service& s) { s.private_network = true; }) == 225);
    CHECK(step_as_stranger([](Service& s) { s.protect_system = ProtectSystem::yes; }) == 226);
    CHECK(step_as_stranger([](Service& s) { s.system_call_filter.words = {word("@system-service")}; }) == 0); // by no_new_privileges
}
