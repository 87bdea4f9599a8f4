#pragma once

#include "event/loop.h"
#include "process/cgroup_watch.h"
#include "process/instance_group.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace swathe {

/// All processes of one instance of a service: its main process, the commands beside it, and whoever these have started. Found by their
/// control group or, where there is none of their own, by their process groups, so that one that made a group of its own (setsid(2)) is not
/// among them. Not to be moved while it is watched.
class Members {
public:
    /// Makes the control group with the limits that the service has. Errors: InstanceGroup::make()'s.
    [[nodiscard]] Status make_group(const CgroupTree& tree, const Service& service, unsigned number);
    /// Instead: the processes begin in a group that other instances share. It says nothing of who is a member of which.
    void join(std::shared_ptr<InstanceGroup> shared) noexcept;
    [[nodiscard]] bool has_group() const noexcept { return group_ != nullptr; } ///< one of these two was called
    [[nodiscard]] bool has_cgroup() const noexcept { return cgroup() != nullptr; } ///< so that nobody can leave it unseen
    [[nodiscard]] Status change_limits(const CgroupTree& tree, const Service& service); ///< after a reload
    [[nodiscard]] Status enter(SpawnPlan& plan, bool main); ///< the plan's process will begin in the control group
    [[nodiscard]] std::string left_over() const;            ///< Cgroup::left_over(); "" where there is none
    [[nodiscard]] std::uint64_t oom_kills() const;          ///< processes that the kernel killed for want of memory, as far as it tells
    void forget_leaders() noexcept { leaders_.clear(); } ///< nobody is left: it need not be asked again
    void forget() noexcept;                                 ///< who is left is nobody's member any more; a group that is empty goes

    void add(const Child& leader);                  ///< of a process group
    [[nodiscard]] Status signal(int number) const;  ///< to all
    [[nodiscard]] bool empty() const noexcept;      ///< no process is left, and no zombie
    /// `cgroups`: cgroups_of() that process, if they are known. Anybody can have us ask thousands of groups for him.
    [[nodiscard]] bool has(pid_t pid, const std::optional<std::string>& cgroups = {}) const;

    /// Calls `gone` in the loop when nobody is left; not if nobody is left now. Replaces an earlier one.
    [[nodiscard]] Status watch(Loop& loop, std::function<void()> gone);
    void unwatch() noexcept;

private:
    struct Poll;
    struct DeletePoll { void operator()(Poll* poll) const noexcept; };
    [[nodiscard]] const Cgroup* cgroup() const noexcept { return group_ && !shared_ ? group_->cgroup() : nullptr; }

    std::shared_ptr<InstanceGroup> group_;
    bool shared_ = false; ///< with other instances
    std::vector<Child> leaders_;
    std::optional<CgroupWatch> cgroup_watch_;
    std::unique_ptr<Poll, DeletePoll> poll_;
};

} // namespace swathe
