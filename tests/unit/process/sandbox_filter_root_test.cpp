// Which system calls a filter keeps real processes from. Needs root: fails, and does not skip, without.

#include "confined.h"

#include <csignal>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("sandbox as root: a filter kills with SIGSYS, or makes the call fail as it was told to") {
    Service service = service_of();
    service.system_call_filter.words = {word("~@chown")};
    CHECK(succeeds(service, "true"));
    CHECK(end_of(service, script("exec chown 0 /dev/null")) == killed_by(SIGSYS));
    service.system_call_filter.error_number = EPERM;
    CHECK(end_of(service, script("exec chown 0 /dev/null 2>/dev/null")) == Exit{Exit::Kind::code, 1});
    service.system_call_filter.words = {word("~@chown", 0)}; // the word's own wins
    CHECK(end_of(service, script("exec chown 0 /dev/null")) == killed_by(SIGSYS));
    service.system_call_filter.words = {word("@system-service"), word("~mkdir", EACCES), word("~mkdirat", EACCES)};
    CHECK(succeeds(service, "mkdir /tmp/swathe-test-refused 2>&1 | grep -q 'Permission denied'"));
    CHECK(succeeds(service, "ls / | cat >/dev/null"));
}

TEST_CASE("sandbox as root: a filter that does not let the program be executed ends it, or is step EXEC") {
    Service service = service_of();
    service.system_call_filter.words = {word("~execve")};
    CHECK(end_of(service, script("true")) == killed_by(SIGSYS));
    service.system_call_filter.words = {word("~execve", EPERM)};
    CHECK(refusal(service) == "EXEC: exec /bin/sh: Operation not permitted");
    service.system_call_filter.words = {word("~@default", EPERM), word("~seccomp", EPERM), word("~prctl", EPERM)};
    CHECK(refusal(service).find("EXEC: ") == 0);
}

TEST_CASE("sandbox as root: a user without CAP_SYS_ADMIN can gain no privileges any more once it has a filter") {
    const TempDir dir;
    const std::string report = dir / "report";
    const auto value = [&](const Service& service) {
        REQUIRE(succeeds(service, "grep NoNewPrivs /proc/self/status | tr '\\t' ' ' >" + report));
        const std::string found = read_report(report).at("NoNewPrivs:").at(0);
        std::filesystem::remove(report);
        return found;
    };
    Service service = service_of();
    service.umask = 0;
    service.system_call_filter.words = {word("@system-service")};
    CHECK(value(service) == "0");
    service.user = Placed<std::string>{"daemon", kPlace};
    CHECK(value(service) == "1");
    service.system_call_filter.words.clear();
    CHECK(value(service) == "0");
}

TEST_CASE("sandbox as root: system calls of another architecture are filtered as well, and killed where it is not listed") {
#if defined(__x86_64__)
    const auto by_x86 = [](const Service& service, int number) { // int $0x80: eax = number, no arguments
        const std::string code = "import ctypes, mmap\n"
                                 "m = mmap.mmap(-1, 4096, prot=7)\n"
                                 "m.write(bytes([0xb8, " + std::to_string(number) + ", 0, 0, 0, 0xcd, 0x80, 0xc3]))\n"
                                 "f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\n"
                                 "f()\n";
        Command command;
        command.path = "/usr/bin/python3";
        command.argv = {"python3", "-c", code};
        return end_of(service, command);
    };
    constexpr int kGetpid = 20, kGetpgrp = 65, kSync = 36; // arch/x86/entry/syscalls/syscall_32.tbl
    Service service = service_of();
    if (by_x86(service, kGetpid) != kSuccess) return; // a kernel without 32-bit calls has nothing to filter
    service.system_call_filter.words = {word("~sync")};
    CHECK(by_x86(service, kGetpid) == kSuccess);
    CHECK(by_x86(service, kSync) == killed_by(SIGSYS));
    service.system_call_filter.words.clear();
    service.system_call_filter.architectures = {{"native", kPlace}};
    CHECK(succeeds(service, "true"));
    CHECK(by_x86(service, kGetpgrp) == killed_by(SIGSYS));
    service.system_call_filter.architectures = {{"x86", kPlace}};
    CHECK(succeeds(service, "true"));
    CHECK(by_x86(service, kGetpgrp) == kSuccess);
#endif
}
