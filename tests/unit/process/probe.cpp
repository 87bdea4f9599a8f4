// The child of the spawn tests. `probe FILE [SECONDS [STATUS]]` writes into FILE, one "KEY VALUE" a line, what it was started with, then
// waits and exits.

#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <grp.h>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace {

std::string link_of(int fd) {
    char target[512];
    const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof target);
    return length < 0 ? "?" : std::string(target, static_cast<std::size_t>(length));
}

std::vector<int> open_fds() {
    std::vector<int> fds;
    DIR* const directory = ::opendir("/proc/self/fd");
    if (directory == nullptr) std::abort();
    while (const dirent* entry = ::readdir(directory))
        if (const int fd = std::atoi(entry->d_name); entry->d_name[0] != '.' && fd != ::dirfd(directory)) fds.push_back(fd);
    ::closedir(directory);
    return fds;
}

void write_status(std::ostream& out) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.rfind("Sig", 0) == 0 || line.rfind("Cap", 0) == 0 || line.rfind("NoNewPrivs", 0) == 0 || line.rfind("ShdPnd", 0) == 0) {
            line.erase(line.find(':'), 1);
            line[line.find('\t')] = ' ';
            out << line << '\n';
        }
}

void write_scheduling(std::ostream& out) {
    constexpr int kThisProcess = 1; // IOPRIO_WHO_PROCESS
    sched_param param{};
    (void)::sched_getparam(0, &param);
    out << "nice " << ::getpriority(PRIO_PROCESS, 0) << "\nscheduler " << ::sched_getscheduler(0) << ' ' << param.sched_priority
        << "\nioprio " << ::syscall(SYS_ioprio_get, kThisProcess, 0) << "\ncpus";
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    (void)::sched_getaffinity(0, sizeof cpus, &cpus);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &cpus)) out << ' ' << cpu;
    out << '\n';
}

void write_ids(std::ostream& out) {
    uid_t r = 0, e = 0, s = 0;
    (void)::getresuid(&r, &e, &s);
    out << "uid " << r << ' ' << e << ' ' << s << '\n';
    (void)::getresgid(&r, &e, &s);
    out << "gid " << r << ' ' << e << ' ' << s << "\ngroups";
    std::vector<gid_t> groups(65536);
    const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
    for (int i = 0; i < count; ++i) out << ' ' << groups[static_cast<std::size_t>(i)];
    out << '\n';
}

} // namespace

extern char** environ;

int main(int argc, char** argv) {
    const std::vector<int> fds = open_fds(); // before the report opens one more
    if (argc < 2) return 2;
    std::ofstream out(std::string(argv[1]) + ".part");
    if (!out) return 3;
    for (const int fd : fds)
        out << "fd " << fd << ' ' << link_of(fd) << ' ' << ::fcntl(fd, F_GETFD) << ' '
            << ((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 ? "nonblock" : "block") << '\n';
    for (char** entry = environ; *entry != nullptr; ++entry) out << "env " << *entry << '\n';
    for (int i = 0; i < argc; ++i) out << "argv " << argv[i] << '\n';
    out << "pid " << ::getpid() << "\nsid " << ::getsid(0) << "\npgid " << ::getpgrp() << "\nppid " << ::getppid() << '\n';
    char directory[4096];
    out << "cwd " << (::getcwd(directory, sizeof directory) != nullptr ? directory : "?") << '\n';
    const mode_t mask = ::umask(0);
    out << "umask " << mask << '\n';
    (void)::umask(mask);
    for (int resource = 0; resource < RLIM_NLIMITS; ++resource) {
        rlimit limit{};
        (void)::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
        out << "limit " << limit.rlim_cur << ' ' << limit.rlim_max << '\n';
    }
    write_scheduling(out);
    std::string score;
    std::getline(std::ifstream("/proc/self/oom_score_adj"), score);
    out << "oom_score_adj " << score << '\n';
    write_status(out);
    write_ids(out);
    out.close();
    if (std::rename((std::string(argv[1]) + ".part").c_str(), argv[1]) != 0) return 4;
    if (argc > 2) ::sleep(static_cast<unsigned>(std::atoi(argv[2])));
    return argc > 3 ? std::atoi(argv[3]) : 0;
}
