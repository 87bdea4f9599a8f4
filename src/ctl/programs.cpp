#include "ctl/programs.h"

#include "base/unique_fd.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace swathe::ctl {
namespace {

/// Where a child's standard output goes instead of ours.
class OutputTo {
public:
    explicit OutputTo(int fd) {
        (void)::posix_spawn_file_actions_init(&actions_);
        if (fd >= 0) (void)::posix_spawn_file_actions_adddup2(&actions_, fd, STDOUT_FILENO);
    }
    ~OutputTo() { (void)::posix_spawn_file_actions_destroy(&actions_); }
    OutputTo(const OutputTo&) = delete;
    OutputTo& operator=(const OutputTo&) = delete;

    [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

private:
    posix_spawn_file_actions_t actions_{};
};

/// While it lives, ^C and ^\\ at the terminal are for the child alone, as with system(3).
class TerminalSignals {
public:
    TerminalSignals() {
        struct sigaction ignore {};
        ignore.sa_handler = SIG_IGN;
        sigset_t defaults;
        (void)::sigemptyset(&defaults);
        for (auto& [number, before] : saved_) {
            (void)::sigaction(number, &ignore, &before);
            if (before.sa_handler != SIG_IGN) (void)::sigaddset(&defaults, number);
        }
        (void)::posix_spawnattr_init(&attributes_);
        (void)::posix_spawnattr_setsigdefault(&attributes_, &defaults);
        (void)::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF);
    }
    ~TerminalSignals() {
        (void)::posix_spawnattr_destroy(&attributes_);
        for (const auto& [number, before] : saved_) (void)::sigaction(number, &before, nullptr);
    }
    TerminalSignals(const TerminalSignals&) = delete;
    TerminalSignals& operator=(const TerminalSignals&) = delete;

    [[nodiscard]] const posix_spawnattr_t* get() const noexcept { return &attributes_; } ///< gives the child what we had

private:
    struct Saved {
        int number;
        struct sigaction before;
    };
    std::array<Saved, 2> saved_{{{SIGINT, {}}, {SIGQUIT, {}}}};
    posix_spawnattr_t attributes_{};
};

Result<pid_t> spawn(const std::vector<std::string>& words, int output, const posix_spawnattr_t* attributes) {
    std::vector<char*> argv;
    for (const std::string& word : words)
        argv.push_back(const_cast<char*>(word.c_str())); // POSIX: it is not written to
    argv.push_back(nullptr);
    const OutputTo actions(output);
    pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, argv.front(), actions.get(), attributes, argv.data(), environ);
    if (error != 0) return failure(words.front(), error);
    return pid;
}

Result<int> wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return system_failure("waitpid");
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Status read_to_end(int fd, std::string& out) {
    std::array<char, 16384> buffer{};
    for (;;) {
        const ssize_t n = ::read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return system_failure("read");
        if (n == 0) return {};
        out.append(buffer.data(), static_cast<std::size_t>(n));
    }
}

} // namespace

Result<int> run_program(const std::vector<std::string>& words) {
    const TerminalSignals signals;
    const auto pid = spawn(words, -1, signals.get());
    return pid ? wait_for(*pid) : Result<int>(Failure(pid.error()));
}

Result<int> run_program(const std::vector<std::string>& words, std::string& output) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) < 0) return system_failure("pipe");
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    const auto pid = spawn(words, writer.get(), nullptr);
    writer.reset(); // so that the end of the child is the end of its output
    if (!pid) return Failure(pid.error());
    auto read = read_to_end(reader.get(), output);
    auto status = wait_for(*pid);
    if (!read) return Failure(std::move(read).error());
    return status;
}

} // namespace swathe::ctl
