#include "config/directive_tables.h"

#include "config/cgroup_values.h"
#include "config/setters.h"

#include <array>

namespace swathe {
namespace {

using enum Scope;
using enum Repeat;
using T = ValueType;

constexpr std::array kTable{
    Directive{service, "memory_max", "Service", "MemoryMax", T::amount, replace, "none", "Memory of all its processes", kNoWords,
              into<&Service::memory_max, read_memory>},
    Directive{service, "memory_high", "Service", "MemoryHigh", T::amount, replace, "none",
              "Memory from which on its processes are slowed down and have to give some back", kNoWords,
              into<&Service::memory_high, read_memory>},
    Directive{service, "memory_swap_max", "Service", "MemorySwapMax", T::amount, replace, "none", "Swap of all its processes", kNoWords,
              into<&Service::memory_swap_max, read_swap>},
    Directive{service, "tasks_max", "Service", "TasksMax", T::amount, replace, "none", "Processes and threads", kNoWords,
              into<&Service::tasks_max, read_tasks>},
    Directive{service, "cpu_weight", "Service", "CPUWeight", T::count, replace, "the kernel's",
              "Share of the processors when they are busy", kNoWords, into<&Service::cpu_weight, read_weight>},
    Directive{service, "cpu_quota", "Service", "CPUQuota", T::percentage, replace, "none", "Processor time at most", kNoWords,
              into<&Service::cpu_quota, read_cpu_quota>},
    Directive{service, "io_weight", "Service", "IOWeight", T::count, replace, "the kernel's", "Share of block devices when they are busy",
              kNoWords, into<&Service::io_weight, read_weight>},
    Directive{service, "delegate", "Service", "Delegate", T::boolean, replace, "false", "The program may make control groups of its own",
              kNoWords, into<&Service::delegate, read_delegate>},
};

} // namespace

std::span<const Directive> cgroup_directives() { return kTable; }

} // namespace swathe
