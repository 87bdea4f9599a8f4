#include "launch.h"

#include "support.h"

#include <fcntl.h>
#include <filesystem>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace swathe::bench {
namespace {

struct Words {
    char* argv[3];
    char* envp[1];
    Words(const std::string& path, const char* argument)
        : argv{const_cast<char*>(path.c_str()), const_cast<char*>(argument), nullptr}, envp{nullptr} {}
};

/// In the child of vfork(2), too: system calls only.
[[noreturn]] void execute(const std::string& path, const Words& words, int passed) {
    const bool there = passed == 3 ? ::fcntl(3, F_SETFD, 0) == 0 : passed < 0 || ::dup2(passed, 3) == 3; // dup2(3, 3) leaves CLOEXEC
    if (!there) ::_exit(1);
    (void)::execve(path.c_str(), words.argv, words.envp);
    ::_exit(1);
}

} // namespace

pid_t vfork_exec(const std::string& path, const char* argument, int passed) {
    const Words words(path, argument);
    const pid_t pid = ::vfork();
    if (pid == 0) execute(path, words, passed);
    if (pid < 0) need(Status(system_failure("vfork")));
    return pid;
}

pid_t fork_exec(const std::string& path, const char* argument, int passed) {
    const Words words(path, argument);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) need(Status(system_failure("pipe")));
    const UniqueFd done(ends[0]);
    UniqueFd open_until_exec(ends[1]);
    const pid_t pid = ::fork();
    if (pid == 0) execute(path, words, passed);
    if (pid < 0) need(Status(system_failure("fork")));
    open_until_exec.reset();
    char byte = 0;
    if (::read(done.get(), &byte, 1) != 0) need(Status(system_failure("wait for exec")));
    return pid;
}

pid_t posix_spawn_exec(const std::string& path, const char* argument) {
    const Words words(path, argument);
    pid_t pid = 0;
    if (const int error = ::posix_spawn(&pid, path.c_str(), nullptr, nullptr, words.argv, words.envp); error != 0)
        need(Status(failure("posix_spawn", error)));
    return pid;
}

void wait_for(pid_t pid) {
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid || status != 0) die("bench_child failed");
}

std::string child_path() { return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "bench_child"; }

} // namespace swathe::bench
