#pragma once

#include "model/service.h"
#include "process/cgroup.h"
#include "process/child.h"
#include "process/spawn.h"

#include <optional>
#include <span>
#include <string>

namespace swathe {

/// Whom a signal reaches.
enum class Reach : std::uint8_t {
    nobody,
    children, ///< the main process and the command that runs beside it, and nobody that they forked
    all,
};

/// What holds the processes of one instance of a service together: a control group, or where there is none their process groups.
class InstanceGroup {
public:
    /// Makes the group with the limits that the service has. Errors: a limit that cannot be had, with its place (CgroupTree::check()); the
    /// group cannot be made.
    [[nodiscard]] static Result<InstanceGroup> make(const CgroupTree& tree, const Service& service, unsigned instance);
    /// After a reload: other limits for what runs. Errors likewise.
    [[nodiscard]] Status change(const CgroupTree& tree, const Service& service);

    /// Has the plan's process begin in the group; before that a delegated one becomes that of the plan's user.
    [[nodiscard]] Status enter_main(SpawnPlan& plan);
    [[nodiscard]] Status enter_beside(SpawnPlan& plan); ///< of all other commands; a delegated group has one below for them

    /// `children`: those of the instance that run, null for none. One that has ended is no error.
    [[nodiscard]] Status signal(Reach reach, int number, std::span<const Child* const> children) const;

    /// The control group, for CgroupWatch and what is left over; nullptr where there is none.
    [[nodiscard]] const Cgroup* cgroup() const noexcept { return cgroup_ ? &*cgroup_ : nullptr; }
    /// Has every process ended, but for those that nobody can know of without a control group?
    [[nodiscard]] bool is_empty() const;
    [[nodiscard]] std::string left_over() const; ///< see Cgroup::left_over()

private:
    explicit InstanceGroup(std::optional<Cgroup> cgroup, bool delegate) noexcept : cgroup_(std::move(cgroup)), delegate_(delegate) {}

    std::optional<Cgroup> cgroup_;
    bool delegate_ = false; ///< asked for, not done yet
};

} // namespace swathe
