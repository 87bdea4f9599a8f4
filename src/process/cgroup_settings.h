#pragma once

#include "model/cgroup_context.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// What percentages refer to: systemd.resource-control(5), MemoryMax= and TasksMax=.
struct CgroupMachine {
    std::uint64_t memory_bytes = 0; ///< installed, or what the topmost visible group may have
    std::uint64_t tasks = 0;        ///< processes and threads, likewise
};

/// `top`: the directory of the topmost visible group, whose own limits count. Files that cannot be read count as no limit.
[[nodiscard]] CgroupMachine read_cgroup_machine(const std::string& top);

/// One thing to write into a group's directory.
struct CgroupSetting {
    struct File {
        const char* name = "";
        std::string text;
    };
    std::string_view key;        ///< of the configuration: "memory_max"
    std::string_view controller; ///< "memory"
    std::vector<File> files;     ///< of which at least one must be there
    SourcePos pos;               ///< of the key
};

/// What `context` asks for, in its order.
[[nodiscard]] std::vector<CgroupSetting> settings_of(const CgroupContext& context, const CgroupMachine& machine);

/// The kernel's defaults of all that `context` does not ask for: for a group that had other settings before.
[[nodiscard]] std::vector<CgroupSetting> defaults_beside(const CgroupContext& context);

/// "QUOTA PERIOD" in microseconds for cpu.max. `hundredths` of a percent of one processor; the kernel wants a quota of 1 ms and a
/// period of 1 s at most, so that a small share gets a longer period, and less than 0.1% is 0.1%.
[[nodiscard]] std::string cpu_max_text(std::uint32_t hundredths);

/// `weight` from 1 to 10000 as BFQ has it, from 1 to 1000; 100 stays 100.
[[nodiscard]] std::uint32_t bfq_weight(std::uint32_t weight);

} // namespace swathe
