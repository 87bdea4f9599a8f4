#include "process/cgroup_settings.h"

#include "base/text.h"

#include <algorithm>
#include <fstream>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr std::uint64_t kWhole = 10000;        // hundredths of a percent
constexpr std::uint32_t kDefaultWeight = 100;  // the kernel's
constexpr std::uint64_t kPeriod = 100'000;     // microseconds: the kernel's
constexpr std::uint64_t kLongestPeriod = 1'000'000;
constexpr std::uint64_t kLeastQuota = 1'000;

/// The number that a file holds; nothing for "max" and for a file that is not there.
std::optional<std::uint64_t> number_in(const std::string& path) {
    std::ifstream file(path);
    std::uint64_t value = 0;
    return file >> value ? std::optional(value) : std::nullopt;
}

/// Without an overflow: `whole` may be any number.
std::uint64_t share_of(std::uint64_t whole, std::uint32_t hundredths) noexcept {
    return whole / kWhole * hundredths + whole % kWhole * hundredths / kWhole;
}

std::string text_of(const CgroupAmount& amount, std::uint64_t whole) {
    if (amount.hundredths) return std::to_string(share_of(whole, *amount.hundredths));
    return amount.value == CgroupAmount::kNoLimit ? "max" : std::to_string(amount.value);
}

/// One row for each key: its controller, its files, and what it says. Without a value the kernel's default.
struct Rows {
    const CgroupContext& context;
    const CgroupMachine& machine;

    template <class Call> void each(Call call) const {
        amount(call, "memory_max", "memory", "memory.max", context.memory_max, machine.memory_bytes);
        amount(call, "memory_high", "memory", "memory.high", context.memory_high, machine.memory_bytes);
        amount(call, "memory_swap_max", "memory", "memory.swap.max", context.memory_swap_max, machine.memory_bytes);
        amount(call, "tasks_max", "pids", "pids.max", context.tasks_max, machine.tasks);
        number(call, "cpu_weight", "cpu", context.cpu_weight, {{"cpu.weight", std::to_string(weight(context.cpu_weight))}});
        number(call, "cpu_quota", "cpu", context.cpu_quota,
               {{"cpu.max", context.cpu_quota ? cpu_max_text(context.cpu_quota->value) : fmt::format("max {}", kPeriod)}});
        const std::uint32_t io = weight(context.io_weight);
        number(call, "io_weight", "io", context.io_weight,
               {{"io.weight", fmt::format("default {}", io)}, {"io.bfq.weight", std::to_string(bfq_weight(io))}});
    }

private:
    static std::uint32_t weight(const std::optional<Placed<std::uint32_t>>& given) { return given ? given->value : kDefaultWeight; }

    template <class Call>
    static void amount(Call& call, std::string_view key, std::string_view controller, const char* file,
                       const std::optional<Placed<CgroupAmount>>& given, std::uint64_t whole) {
        call(given.has_value(),
             CgroupSetting{key, controller, {{file, given ? text_of(given->value, whole) : "max"}}, given ? given->pos : SourcePos{}});
    }

    template <class Call>
    static void number(Call& call, std::string_view key, std::string_view controller, const std::optional<Placed<std::uint32_t>>& given,
                       std::vector<CgroupSetting::File> files) {
        call(given.has_value(), CgroupSetting{key, controller, std::move(files), given ? given->pos : SourcePos{}});
    }
};

std::vector<CgroupSetting> rows_of(const CgroupContext& context, const CgroupMachine& machine, bool asked_for) {
    std::vector<CgroupSetting> settings;
    Rows{context, machine}.each([&](bool asked, CgroupSetting setting) {
        if (asked == asked_for) settings.push_back(std::move(setting));
    });
    return settings;
}

} // namespace

CgroupMachine read_cgroup_machine(const std::string& top) {
    const auto least = [](std::initializer_list<std::optional<std::uint64_t>> bounds) {
        std::uint64_t value = CgroupAmount::kNoLimit;
        for (const auto& bound : bounds) value = std::min(value, bound.value_or(CgroupAmount::kNoLimit));
        return value;
    };
    const auto installed = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return {least({installed, number_in(top + "/memory.max")}),
            least({number_in("/proc/sys/kernel/pid_max"), number_in("/proc/sys/kernel/threads-max"), number_in(top + "/pids.max")})};
}

std::vector<CgroupSetting> settings_of(const CgroupContext& context, const CgroupMachine& machine) {
    return rows_of(context, machine, true);
}

std::vector<CgroupSetting> defaults_beside(const CgroupContext& context) { return rows_of(context, CgroupMachine{}, false); }

std::string cpu_max_text(std::uint32_t hundredths) {
    const std::uint64_t share = std::max<std::uint64_t>(hundredths, 1);
    const std::uint64_t needed = (kLeastQuota * kWhole + share - 1) / share; // the period in which this share is the least quota
    const std::uint64_t period = std::clamp(needed, kPeriod, kLongestPeriod);
    return fmt::format("{} {}", std::max(share * period / kWhole, kLeastQuota), period);
}

std::uint32_t bfq_weight(std::uint32_t weight) {
    if (weight <= kDefaultWeight) return weight;
    return kDefaultWeight + (weight - kDefaultWeight) * 900 / 9900; // 100 to 1000 for 100 to 10000
}

} // namespace swathe
