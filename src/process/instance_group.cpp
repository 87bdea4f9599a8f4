#include "process/instance_group.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include <sys/syscall.h>

namespace swathe {
namespace {

Status signal_alone(const Child& child, int number) {
    if (::syscall(SYS_pidfd_send_signal, child.pidfd.get(), number, nullptr, 0) == 0 || errno == ESRCH) return {};
    return system_failure("pidfd_send_signal");
}

/// Goes on after an error, and returns the last one.
template <class Call> Status for_each(std::span<const Child* const> children, Call call) {
    Status status;
    for (const Child* child : children)
        if (child != nullptr)
            if (auto ok = call(*child); !ok) status = std::move(ok);
    return status;
}

} // namespace

Result<InstanceGroup> InstanceGroup::make(const CgroupTree& tree, const Service& service, unsigned instance) {
    if (auto ok = tree.check(service); !ok) return Failure(std::move(ok).error());
    if (!tree.available()) return InstanceGroup(std::nullopt, false);
    auto cgroup = Cgroup::create(tree, service.name, instance);
    if (!cgroup) return Failure(std::move(cgroup).error());
    if (auto ok = cgroup->apply(tree, service); !ok) return Failure(std::move(ok).error());
    return InstanceGroup(std::move(*cgroup), service.delegate);
}

Status InstanceGroup::change(const CgroupTree& tree, const Service& service) {
    return cgroup_ ? cgroup_->apply(tree, service) : tree.check(service);
}

Status InstanceGroup::enter_main(SpawnPlan& plan) {
    if (!cgroup_) return {};
    if (std::exchange(delegate_, false))
        if (auto ok = cgroup_->delegate(plan.uid.value_or(0), plan.gid.value_or(0)); !ok) return ok;
    plan.cgroup_fd = cgroup_->fd();
    return {};
}

Status InstanceGroup::enter_beside(SpawnPlan& plan) {
    if (!cgroup_) return {};
    auto fd = cgroup_->control_fd();
    if (!fd) return Failure(std::move(fd).error());
    plan.cgroup_fd = *fd;
    return {};
}

Status InstanceGroup::signal(Reach reach, int number, std::span<const Child* const> children) const {
    switch (reach) {
    case Reach::nobody: return {};
    case Reach::children: return for_each(children, [&](const Child& child) { return signal_alone(child, number); });
    case Reach::all: break;
    }
    if (!cgroup_) return for_each(children, [&](const Child& child) { return child.signal_group(number); });
    const auto members = cgroup_->processes().value_or(std::vector<pid_t>());
    const Status outside = for_each(children, [&](const Child& child) { // a main process that moved to another group, or came from one
        return std::find(members.begin(), members.end(), child.pid) == members.end() ? signal_alone(child, number) : Status();
    });
    const Status inside = number == SIGKILL ? cgroup_->kill() : cgroup_->signal_all(number);
    return inside ? outside : inside;
}

bool InstanceGroup::is_empty() const { return !cgroup_ || cgroup_->is_empty().value_or(true); }

std::string InstanceGroup::left_over() const { return cgroup_ ? cgroup_->left_over() : std::string(); }

} // namespace swathe
