#include "process/scheduling.h"

#include <algorithm>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr int kRealTimeClass = 1, kBestEffortClass = 2, kIdleClass = 3; // ioprio_set(2); linux/ioprio.h is no C++
constexpr int kClassShift = 13, kNormalLevel = 4;

int policy_of(CpuScheduling policy) noexcept {
    switch (policy) {
    case CpuScheduling::other: return SCHED_OTHER;
    case CpuScheduling::batch: return SCHED_BATCH;
    case CpuScheduling::idle: return SCHED_IDLE;
    case CpuScheduling::fifo: return SCHED_FIFO;
    case CpuScheduling::rr: return SCHED_RR;
    }
    return SCHED_OTHER;
}

/// "none" means what the kernel does without one (systemd.exec(5)).
int io_class_of(IoClass io_class) noexcept {
    switch (io_class) {
    case IoClass::realtime: return kRealTimeClass;
    case IoClass::idle: return kIdleClass;
    case IoClass::none:
    case IoClass::best_effort: break;
    }
    return kBestEffortClass;
}

/// sched_setaffinity(2) takes what is there of a set without a word, and refuses one of which nothing is.
void warn_of_missing(SpawnPlan& plan) {
    const auto there = static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_CONF));
    const auto missing = std::lower_bound(plan.cpu_affinity.begin(), plan.cpu_affinity.end(), there);
    if (missing != plan.cpu_affinity.end()) plan.warnings.push_back(fmt::format("cpu_affinity: there is no processor {}", *missing));
}

} // namespace

void plan_scheduling(const ExecContext& context, SpawnPlan& plan) {
    plan.nice = context.nice;
    if (context.cpu_scheduling_policy) {
        plan.cpu_policy = policy_of(*context.cpu_scheduling_policy);
        const bool real_time = *plan.cpu_policy == SCHED_FIFO || *plan.cpu_policy == SCHED_RR;
        plan.cpu_priority = context.cpu_scheduling_priority.value_or(real_time ? 1 : 0); // the lowest, as systemd
    }
    plan.cpu_reset_on_fork = context.cpu_scheduling_reset_on_fork;
    plan.cpu_affinity = context.cpu_affinity;
    if (!plan.cpu_affinity.empty()) warn_of_missing(plan);
    if (context.io_scheduling_class || context.io_scheduling_priority)
        plan.io_priority = io_class_of(context.io_scheduling_class.value_or(IoClass::best_effort)) << kClassShift |
                           context.io_scheduling_priority.value_or(kNormalLevel);
}

} // namespace swathe
