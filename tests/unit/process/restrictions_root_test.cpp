// What the keys restrict_... and their kin deny real processes. Needs root: fails, and does not skip, without.

#include "confined.h"
#include "process/dynamic_user.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace swathe;
using namespace swathe::test;

namespace {

/// A script of Python that fails unless all that `lines` expect is so. `call(X, ...)`: the errno of a call of libc's, 0 = it worked.
Command python(const std::string& lines) {
    Command command;
    command.path = "/usr/bin/python3";
    command.argv = {"python3", "-c",
                    "import ctypes, errno, os, socket, stat, sys\n"
                    "libc = ctypes.CDLL(None, use_errno=True)\n"
                    "def call(name, *words):\n"
                    "    ctypes.set_errno(0)\n"
                    "    return ctypes.get_errno() if getattr(libc, name)(*words) in (-1, ctypes.c_void_p(-1).value) else 0\n"
                    "def number(*words): return call('syscall', *words)\n"
                    "def makes(family, kind=socket.SOCK_DGRAM):\n"
                    "    try: socket.socket(family, kind).close()\n"
                    "    except OSError as error: return error.errno\n"
                    "    return 0\n" +
                        lines};
    command.pos = kPlace;
    return command;
}

bool holds(const Service& service, const std::string& lines, const RunFacts& facts = {}) {
    return end_of(service, python(lines), facts) == kSuccess;
}

std::string link_of(const char* path) { return std::filesystem::read_symlink(path).string(); }

} // namespace

TEST_CASE("restrictions as root: sockets of the listed address families alone, or of all others") {
    Service service = service_of();
    service.restrict_address_families = AddressFamilies{false, {AF_UNIX, AF_INET6}};
    CHECK(holds(service, "assert makes(socket.AF_UNIX) == 0 and makes(socket.AF_INET6) == 0\n"
                         "assert makes(socket.AF_INET) == errno.EAFNOSUPPORT\n"          // between them
                         "assert makes(socket.AF_NETLINK) == errno.EAFNOSUPPORT\n"       // above
                         "assert number(41, ctypes.c_ulong(1 << 32 | 2), 2, 0) == errno.EAFNOSUPPORT\n" // what the kernel does not look at
                         "socket.socketpair()\n"));
    service.restrict_address_families = AddressFamilies{true, {AF_NETLINK}};
    CHECK(holds(service, "assert makes(socket.AF_INET) == 0 and makes(socket.AF_NETLINK, socket.SOCK_RAW) == errno.EAFNOSUPPORT\n"
                         "assert number(41, ctypes.c_ulong(1 << 32 | 16), 3, 0) == errno.EAFNOSUPPORT\n"));
    service.restrict_address_families = AddressFamilies{};
    CHECK(holds(service, "assert makes(socket.AF_UNIX) == errno.EAFNOSUPPORT"));
}

TEST_CASE("restrictions as root: namespaces of the allowed kinds alone, by each of the calls") {
    Service service = service_of();
    service.restrict_namespaces = 0;
    CHECK(holds(service, "for kind in (0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x00020000, 0x80):\n"
                         "    assert call('unshare', kind) == errno.EPERM, kind\n"
                         "fd = os.open('/proc/self/ns/uts', os.O_RDONLY)\n"
                         "assert call('setns', fd, 0) == errno.EPERM and call('setns', fd, 0x04000000) == errno.EPERM\n"
                         "assert number(56, 0x08000000 | 17, 0, 0, 0, 0) == errno.EPERM\n" // clone
                         "assert number(435, 0, 0) == errno.ENOSYS\n"                      // clone3
                         "assert os.system('true') == 0\n"));                              // and processes as ever
    service.restrict_namespaces = static_cast<std::uint32_t>(CLONE_NEWUTS);
    CHECK(holds(service, "fd = os.open('/proc/self/ns/uts', os.O_RDONLY)\n"
                         "assert call('unshare', 0x04000000) == 0 and call('unshare', 0x08000000) == errno.EPERM\n"
                         "assert call('setns', fd, 0x04000000) == 0 and call('setns', fd, 0) == errno.EPERM\n"));
}

TEST_CASE("restrictions as root: no real-time scheduling, no set-user-ID files, no other execution domain") {
    const TempDir dir;
    const std::string checks =
        "os.chdir('" + dir.path() + "')\n"
        "open('file', 'w').close()\n"
        "param = ctypes.byref(ctypes.c_int(0))\n"
        "assert call('sched_setscheduler', 0, 3, param) == 0 and call('sched_setscheduler', 0, 0, param) == 0\n"
        "one = ctypes.byref(ctypes.c_int(1))\n"
        "realtime = [call('sched_setscheduler', 0, policy, one) for policy in (1, 2, 0x40000001)] + [number(314, 0, 0, 0)]\n"
        "suid = [call('chmod', b'file', 0o4755), call('chmod', b'file', 0o2755), call('fchmodat', -100, b'file', 0o4755, 0), "
            "number(452, -100, b'file', 0o4755, 0),\n"
        "        call('open', b'made', os.O_CREAT | os.O_WRONLY, 0o4755), call('openat', -100, b'made', os.O_CREAT | os.O_WRONLY, "
            "0o2755),\n"
        "        call('open', b'.', os.O_TMPFILE | os.O_WRONLY, 0o4755), call('mknod', b'node', 0o104755, 0), number(437, -100, "
            "b'file', 0, 0)]\n"
        "plain = [call('chmod', b'file', 0o755), call('open', b'new', os.O_CREAT | os.O_WRONLY, 0o644), call('open', b'new', "
            "os.O_RDONLY, 0o4755)]\n"
        "assert plain == [0, 0, 0], plain\n"
        "domain = [call('personality', 0x0004000), call('personality', 0)]\n";
    Service service = service_of();
    CHECK(holds(service, checks + "assert errno.EPERM not in realtime[:0] + suid and domain == [0, 0], (suid, domain)"));
    std::filesystem::remove_all(dir / "made");
    std::filesystem::remove_all(dir / "node");
    service.restrict_realtime = service.restrict_suid_sgid = service.lock_personality = true;
    CHECK(holds(service, checks + "assert realtime == [errno.EPERM] * 3 + [errno.ENOSYS], realtime\n"
                                  "assert suid == [errno.EPERM] * 8 + [errno.ENOSYS], suid\n"
                                  "assert domain == [errno.EPERM, 0], domain"));
}

TEST_CASE("restrictions as root: memory is written to or executed, and the daemon's own stays as it is") {
    const std::string checks =
        "import mmap\n"
        "def maps(protection):\n"
        "    try: return mmap.mmap(-1, 4096, prot=protection)\n"
        "    except OSError as error: return error.errno\n"
        "libc.mmap.restype = ctypes.c_void_p\n"
        "libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int\n"
        "page = libc.mmap(None, ctypes.c_size_t(4096), 3, 0x22, -1, 0)\n"
        "both = maps(7)\n"
        "later = call('mprotect', page, 4096, 5)\n"
        "assert not isinstance(maps(3), int) and call('mprotect', page, 4096, 1) == 0\n";
    Service service = service_of();
    CHECK(holds(service, checks + "assert not isinstance(both, int) and later == 0"));
    service.memory_deny_write_execute = true;
    CHECK(holds(service, checks + "assert both == errno.EPERM and later == errno.EPERM"));
    CHECK(::syscall(SYS_prctl, 66 /* PR_GET_MDWE */, 0, 0, 0, 0) <= 0); // the child shares the daemon's memory until its exec
}

TEST_CASE("restrictions as root: the clock, the host's name, and mounts of its own") {
    char name[256] = {};
    REQUIRE(::gethostname(name, sizeof name - 1) == 0);
    Service service = service_of();
    service.protect_clock = true;
    CHECK(holds(service, "assert number(164, 0, 0) == errno.EPERM and number(227, 0, 0) == errno.EPERM\n"
                         "caps = int(next(l for l in open('/proc/self/status') if l.startswith('CapBnd')).split()[1], 16)\n"
                         "assert caps & (1 << 25 | 1 << 35) == 0"));
    service = service_of();
    service.protect_hostname = true;
    CHECK(holds(service, "assert os.readlink('/proc/self/ns/uts') != '" + link_of("/proc/self/ns/uts") + "'\n"
                         "assert call('sethostname', b'other', 5) == errno.EPERM and call('setdomainname', b'other', 5) == errno.EPERM\n"
                         "assert socket.gethostname() == '" + name + "'"));
    service = service_of();
    const std::string outer = link_of("/proc/self/ns/mnt");
    CHECK(succeeds(service, "test $(readlink /proc/self/ns/mnt) = '" + outer + "'"));
    const TempDir dir;
    service.private_mounts = true;
    CHECK(succeeds(service, "test $(readlink /proc/self/ns/mnt) != '" + outer + "' && mount -t tmpfs none " + dir.path() + " && "
        "touch " + (dir / "inner")));
    CHECK_FALSE(std::filesystem::exists(dir / "inner"));
}

TEST_CASE("restrictions as root: /proc without the processes of others, or without the kernel's files") {
    Service service = service_of();
    service.user = Placed<std::string>{"daemon", kPlace};
    CHECK(succeeds(service, "test -e /proc/1 && test -r /proc/1/status && test -e /proc/meminfo"));
    service.protect_proc = ProtectProc::invisible;
    CHECK(succeeds(service, "! test -e /proc/1 && test -r /proc/self/status && test -e /proc/meminfo"));
    service.protect_proc = ProtectProc::noaccess;
    CHECK(succeeds(service, "test -e /proc/1 && ! cat /proc/1/status >/dev/null 2>&1"));
    service.protect_proc = ProtectProc::all;
    service.proc_subset = ProcSubset::pid;
    CHECK(succeeds(service, "test -r /proc/1/status && ! test -e /proc/meminfo"));
    service = service_of();
    service.protect_proc = ProtectProc::ptraceable;
    service.protect_system = ProtectSystem::strict;
    service.protect_kernel_tunables = true; // within the new one
    CHECK(succeeds(service, "v=$(cat /proc/sys/kernel/core_uses_pid) && ! echo $v 2>/dev/null >/proc/sys/kernel/core_uses_pid && "
        "echo 0 >/proc/self/oom_score_adj"));
}

TEST_CASE("restrictions as root: inherited sockets do not block if so wished, even one that is in use") {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    const UniqueFd mine(pair[0]), other(pair[1]);
    Service service = service_of();
    for (const bool non_blocking : {false, true}) {
        service.non_blocking = non_blocking;
        SpawnPlan plan = must_plan(service, python(std::string("assert os.get_blocking(3) != ") + (non_blocking ? "True" : "False")));
        plan.fds = {{mine.get(), "one", non_blocking}};
        CHECK(reap(must_spawn(plan)).value() == kSuccess);
        CHECK(((::fcntl(mine.get(), F_GETFL) & O_NONBLOCK) != 0) == non_blocking);
    }
}

TEST_CASE("restrictions as root: a dynamic user is nobody's, and its files of shared memory go with it") {
    Service service = service_of();
    service.name = "swathe-test-" + std::to_string(::getpid());
    service.dynamic_user = true;
    const std::string object = "/dev/shm/" + service.name;
    CHECK(dynamic_user_of(service) == service.name);
    CHECK(plan_spawn(service, script("true"), "exec_start", {}).error().to_string() ==
          "edge.toml: dynamic_user: nobody holds \"" + service.name + "\"");
    {
        auto user = DynamicUser::hold(service.name);
        REQUIRE(user);
        RunFacts facts;
        facts.dynamic_uid = (*user)->uid();
        const std::string id = std::to_string((*user)->uid());
        CHECK(succeeds(service, "test $(id -u):$(id -g):$(id -G) = " + id + ":" + id + ":" + id + " && test $USER = "
            "" + service.name + " && echo x >" + object + " && mkdir -p " + object + ".d/sub && ln -s /dev/shm " + object + ".d/sub/link",
                       facts));
        CHECK(std::filesystem::exists(object));
        service.state_directory.names = {{"edge", kPlace}};
        CHECK(plan_spawn(service, script("true"), "exec_start", facts).error().to_string() ==
              "edge.toml:3:9: state_directory: stays, and needs a user that does: with dynamic_user, one of passwd(5)");
    }
    CHECK_FALSE(std::filesystem::exists(object));
    CHECK_FALSE(std::filesystem::exists(object + ".d"));
    service.user = Placed<std::string>{"daemon", kPlace}; // an account: it is that
    CHECK_FALSE(dynamic_user_of(service));
}
