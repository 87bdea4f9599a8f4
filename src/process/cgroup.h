#pragma once

#include "base/error.h"
#include "base/unique_fd.h"
#include "process/cgroup_tree.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace swathe {

/// The control group of one instance of a service. The end of this object removes it, and all that the service made below, if no process
/// is left; else it stays, as does what runs in it.
class Cgroup {
public:
    /// Makes it. One that is there already and has processes is taken as it is: left_over() then tells whose they are. Requires
    /// tree.available(). Errors: errno of mkdir, with the path.
    [[nodiscard]] static Result<Cgroup> create(const CgroupTree& tree, std::string_view service, unsigned instance);

    /// Gives it what `context` asks for, and takes back what an earlier one asked for. Errors: as CgroupTree::check() has them, and what
    /// the kernel says to a value; they name the key and have its place. What was written before stays.
    [[nodiscard]] Status apply(const CgroupTree& tree, const CgroupContext& context);
    /// Makes the group the user's, who may make others below it then (delegate = true). Before the first process is in it.
    [[nodiscard]] Status delegate(uid_t user, gid_t group);

    [[nodiscard]] int fd() const noexcept { return dir_.get(); } ///< the directory: SpawnPlan::cgroup_fd
    /// Where commands beside the main one go: the same, but a group of their own below where the group is delegated, since its user may
    /// have enabled controllers, and the kernel takes no more processes in then. Borrowed.
    [[nodiscard]] Result<int> control_fd();
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// False: a process with these cgroups_of() is not in it. It costs no look at its list.
    [[nodiscard]] bool may_hold(std::string_view cgroups) const noexcept;

    /// Of the group and all below it, as of all functions that follow.
    [[nodiscard]] Result<std::vector<pid_t>> processes() const;
    [[nodiscard]] Result<bool> is_empty() const; ///< zombies do not count
    /// "PID (NAME)" of processes that are there, at most ten and how many there are besides; "" if there are none. For the log.
    [[nodiscard]] std::string left_over() const;
    /// How many processes the kernel killed for want of memory. Nothing: no memory controller.
    [[nodiscard]] std::optional<std::uint64_t> oom_kills() const;

    [[nodiscard]] Status signal_all(int signal) const; ///< see signal_cgroup()
    /// SIGKILL to all at once, forks included (cgroup.kill); they may take a moment to end.
    [[nodiscard]] Status kill() const;

    Cgroup(Cgroup&&) noexcept = default;
    Cgroup& operator=(Cgroup&& other) noexcept;
    ~Cgroup();

private:
    Cgroup(UniqueFd parent, UniqueFd dir, std::string path, std::string name, bool is_new) noexcept;
    void remove() noexcept;

    UniqueFd parent_, dir_, control_;
    std::string path_, name_;
    bool untouched_;         ///< all settings are the kernel's defaults
    bool delegated_ = false;
};

} // namespace swathe
