#pragma once

#include "process/cgroup.h"
#include "process/cgroup_files.h"
#include "process/cgroup_place.h"
#include "support.h"

#include <chrono>

#include <fcntl.h>
#include <unistd.h>

/// For tests in real control groups. Need root and a cgroup2 file system.
namespace swathe::test {

inline std::string content(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A group of the test's own, below that of the test.
class TestGroup {
public:
    TestGroup() {
        const auto own = find_own_cgroup(content("/proc/self/mountinfo"), content("/proc/self/cgroup"));
        REQUIRE(own);
        path_ = *own + "/swathe-test-" + std::to_string(::getpid());
        REQUIRE(std::filesystem::create_directory(path_));
    }
    ~TestGroup() {
        const UniqueFd dir(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        (void)write_cgroup_file(dir.get(), "cgroup.kill", "1");
        for (int i = 0; i < 500 && !remove_cgroup(AT_FDCWD, path_.c_str()); ++i) ::usleep(10'000);
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {}
    }
    TestGroup(const TestGroup&) = delete;
    TestGroup& operator=(const TestGroup&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] CgroupTree tree() const { return CgroupTree::in(path_, "", path_); }

private:
    std::string path_;
};

inline Cgroup must_create(const CgroupTree& tree, const std::string& name = "web") {
    REQUIRE(tree.available());
    auto group = Cgroup::create(tree, name, 0);
    if (!group) FAIL(group.error().to_string());
    return std::move(*group);
}

inline SpawnPlan shell(const Cgroup& group, const std::string& script, const std::string& argument = "") {
    SpawnPlan plan;
    plan.path = "/bin/sh";
    plan.argv = {"sh", "-c", script, argument};
    plan.cgroup_fd = group.fd();
    return plan;
}

template <class Condition> bool soon(Condition condition) {
    const Monotonic deadline = now() + std::chrono::seconds(60);
    while (now() < deadline) {
        if (condition()) return true;
        ::usleep(5'000);
    }
    return false;
}

inline std::size_t count_in(const Cgroup& group) { return group.processes().value_or(std::vector<pid_t>()).size(); }
inline bool is_empty(const Cgroup& group) { return group.is_empty().value_or(false); }

/// Four processes with a session each: the first, two that left its process group, and one that left the group of one of them.
inline constexpr const char* kScattered = "setsid sleep 60 & setsid sh -c 'setsid sleep 60 & exec sleep 60' & exec sleep 60";

} // namespace swathe::test
