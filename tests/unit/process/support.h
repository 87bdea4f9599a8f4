#pragma once

#include "base/unique_fd.h"
#include "process/plan.h"
#include "process/spawn.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace swathe::test {

/// A directory that everybody may write to, removed with what is in it.
class TempDir {
public:
    TempDir() {
        char name[] = "/tmp/swathe-process-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path_ = name;
        REQUIRE(::chmod(name, 0777) == 0);
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + '/' + name; }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// What the probe wrote: the values of each key, in order.
using Report = std::map<std::string, std::vector<std::string>>;

inline Report read_report(const std::string& path) {
    Report report;
    std::ifstream in(path);
    REQUIRE(in);
    for (std::string line; std::getline(in, line);) {
        const std::size_t space = line.find(' ');
        report[line.substr(0, space)].push_back(space == line.npos ? "" : line.substr(space + 1));
    }
    return report;
}

inline std::map<std::string, std::string> env_of(const Report& report) {
    std::map<std::string, std::string> env;
    if (report.count("env") == 0) return env;
    for (const std::string& entry : report.at("env")) env[entry.substr(0, entry.find('='))] = entry.substr(entry.find('=') + 1);
    return env;
}

inline std::vector<int> open_fds() {
    std::vector<int> fds;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        fds.push_back(std::stoi(entry.path().filename().string()));
    std::sort(fds.begin(), fds.end());
    fds.pop_back(); // the iterator's own, the highest or at least one that was free
    return fds;
}

inline SpawnPlan probe_plan(const std::string& report, const std::string& seconds = "0", const std::string& status = "0") {
    SpawnPlan plan;
    plan.path = SWATHE_PROBE;
    plan.argv = {"probe", report, seconds, status};
    return plan;
}

inline Child must_spawn(const SpawnPlan& plan) {
    auto child = spawn(plan);
    if (!child) FAIL("spawn: " << std::string(to_string(child.error().step)) << ": " << child.error().error.to_string());
    return std::move(*child);
}

inline Report run_probe(const SpawnPlan& plan) {
    const Child child = must_spawn(plan);
    auto exit = reap(child);
    REQUIRE(exit);
    CHECK(*exit == Exit{Exit::Kind::code, 0});
    Report report = read_report(plan.argv.at(1));
    CHECK(report.at("pid").at(0) == std::to_string(child.pid));
    return report;
}

/// No child, running or dead, is left.
inline bool no_children() {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1 && errno == ECHILD;
}

inline std::string socket_link(int fd) {
    struct stat status {};
    REQUIRE(::fstat(fd, &status) == 0);
    return "socket:[" + std::to_string(status.st_ino) + "]";
}

inline UniqueFd make_socket(int type = SOCK_STREAM) {
    UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE(fd);
    return fd;
}

/// "fd N TARGET FLAGS MODE" lines as "N TARGET".
inline std::vector<std::string> fds_of(const Report& report) {
    std::vector<std::string> fds;
    for (const std::string& line : report.at("fd")) {
        const std::size_t end = line.find(' ', line.find(' ') + 1);
        fds.push_back(line.substr(0, end));
    }
    std::sort(fds.begin(), fds.end(), [](const auto& a, const auto& b) { return std::stoi(a) < std::stoi(b); });
    return fds;
}

} // namespace swathe::test
