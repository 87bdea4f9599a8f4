#pragma once

#include "base/clock.h"
#include "model/placed.h"

#include <cstdint>
#include <optional>

namespace swathe {

/// An amount of memory or a number of tasks: absolute, or a share of what the machine has.
struct CgroupAmount {
    static constexpr std::uint64_t kNoLimit = UINT64_MAX;
    std::uint64_t value = kNoLimit;            ///< bytes or tasks; kNoLimit = "infinity"
    std::optional<std::uint32_t> hundredths;   ///< of a percent, 0 to 10000: instead of `value`
    friend bool operator==(const CgroupAmount&, const CgroupAmount&) noexcept = default;
};

/// What a service's control group is given: systemd.resource-control(5). Nothing = as the kernel has it.
struct CgroupContext {
    std::optional<Placed<CgroupAmount>> memory_max, memory_high, memory_swap_max, tasks_max;
    std::optional<Placed<std::uint32_t>> cpu_weight; ///< 1 to 10000
    std::optional<Placed<std::uint32_t>> cpu_quota;  ///< hundredths of a percent of one processor, from 1
    std::optional<Placed<std::uint32_t>> io_weight;  ///< 1 to 10000
    bool delegate = false;                           ///< the service's user may make groups below its own
};

} // namespace swathe
