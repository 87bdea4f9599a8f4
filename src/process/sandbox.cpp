#include "process/sandbox.h"

#include <fmt/format.h>
#include <linux/capability.h>

namespace swathe {

std::string SandboxPlan::describe_mount(int step) const {
    if (step == kHostnameStep) return "protect_hostname: a UTS namespace";
    if (step < 0) return fmt::format("{}: a mount namespace", mounts.steps.empty() ? "private_mounts" : mounts.steps.front().key);
    const MountStep& failed = mounts.steps.at(static_cast<std::size_t>(step));
    return failed.path.empty() ? std::string(failed.key) : fmt::format("{}: {}", failed.key, failed.path);
}

std::string SandboxPlan::describe_filter(int number) const {
    return std::string(filters->programs.at(static_cast<std::size_t>(number)).key);
}

Result<SandboxPlan> plan_sandbox(const ExecContext& context, const MountFacts& facts) {
    SandboxPlan plan;
    plan.private_network = context.private_network;
    plan.own_hostname = context.protect_hostname;
    plan.mounts = plan_mounts(context, facts);
    if (context.root_directory && context.root_directory->value != "/") plan.root_directory = context.root_directory->value;
    auto filters = compile_filters(context);
    if (!filters) return Failure(std::move(filters).error());
    plan.filters = std::move(*filters);
    return plan;
}

CapabilitySet dropped_capabilities(const ExecContext& context) noexcept {
    CapabilitySet dropped = 0;
    if (context.private_devices) dropped |= CapabilitySet{1} << CAP_MKNOD | CapabilitySet{1} << CAP_SYS_RAWIO;
    if (context.protect_kernel_modules) dropped |= CapabilitySet{1} << CAP_SYS_MODULE;
    if (context.protect_kernel_logs) dropped |= CapabilitySet{1} << CAP_SYSLOG;
    if (context.protect_clock) dropped |= CapabilitySet{1} << CAP_SYS_TIME | CapabilitySet{1} << CAP_WAKE_ALARM;
    return dropped;
}

} // namespace swathe
