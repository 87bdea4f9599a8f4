#include "config/cgroup_values.h"

#include "config/limit_values.h"
#include "config/limits.h"
#include "config/number.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::uint32_t kWhole = 10000; // hundredths of a percent

/// A string, or the digits of an integer in TOML; nothing after a report.
std::optional<std::string> written(const Raw& raw, const ValueContext& context) {
    if (const auto* number = raw.get<std::int64_t>()) return std::to_string(*number); // a negative one is refused as text
    const std::string* text = string_of(raw, context);
    return text == nullptr ? std::nullopt : std::optional(*text);
}

using ParseNumber = std::optional<std::uint64_t> (*)(std::string_view);

std::optional<CgroupAmount> parse_amount(std::string_view text, ParseNumber parse) {
    if (text == "infinity") return CgroupAmount{};
    if (text.ends_with('%')) {
        const auto share = parse_percentage(text);
        if (!share || *share > kWhole) return std::nullopt;
        return CgroupAmount{0, *share};
    }
    const auto value = parse(text);
    if (!value || *value == CgroupAmount::kNoLimit) return std::nullopt;
    return CgroupAmount{*value, std::nullopt};
}

bool is_zero(const CgroupAmount& amount) noexcept { return amount.hundredths.value_or(amount.value == 0 ? 0 : 1) == 0; }

bool read_amount(const Raw& raw, const ValueContext& context, ParseNumber parse, bool may_be_zero, std::string_view expected,
                 PlacedAmount& out) {
    const auto text = written(raw, context);
    if (!text) return false;
    const auto amount = parse_amount(*text, parse);
    if (!amount) return context.refuse(raw.pos, expected);
    if (is_zero(*amount) && !may_be_zero) return context.refuse(raw.pos, "must be more than 0");
    out = Placed<CgroupAmount>{*amount, raw.pos};
    return true;
}

constexpr std::string_view kBytesExpected =
    "expected a number of bytes such as \"64M\", a percentage from \"0%\" to \"100%\" or \"infinity\"";
constexpr std::string_view kTasksExpected = "expected a number, a percentage from \"0%\" to \"100%\" or \"infinity\"";

} // namespace

std::optional<std::uint32_t> parse_percentage(std::string_view text) {
    if (!text.ends_with('%')) return std::nullopt;
    text.remove_suffix(1);
    const std::size_t dot = text.find('.');
    const auto whole = parse_digits(text.substr(0, dot));
    const std::string_view digits = dot == text.npos ? "0" : text.substr(dot + 1);
    const auto fraction = parse_digits(digits);
    if (!whole || !fraction || digits.size() > 2) return std::nullopt;
    constexpr std::uint32_t kMax = std::numeric_limits<std::uint32_t>::max();
    if (*whole > kMax / 100 - 1) return std::nullopt;
    return static_cast<std::uint32_t>(*whole * 100 + *fraction * (digits.size() == 1 ? 10 : 1));
}

bool read_memory(const Raw& raw, const ValueContext& context, PlacedAmount& out) {
    return read_amount(raw, context, parse_size, false, kBytesExpected, out);
}

bool read_swap(const Raw& raw, const ValueContext& context, PlacedAmount& out) {
    return read_amount(raw, context, parse_size, true, kBytesExpected, out);
}

bool read_tasks(const Raw& raw, const ValueContext& context, PlacedAmount& out) {
    return read_amount(raw, context, parse_unsigned, false, kTasksExpected, out);
}

bool read_weight(const Raw& raw, const ValueContext& context, PlacedNumber& out) {
    const auto text = written(raw, context);
    if (!text) return false;
    const auto value = parse_unsigned(*text);
    if (!value || *value < 1 || *value > limits::kWeight)
        return context.refuse(raw.pos, fmt::format("expected an integer from 1 to {}", limits::kWeight));
    out = Placed<std::uint32_t>{static_cast<std::uint32_t>(*value), raw.pos};
    return true;
}

bool read_cpu_quota(const Raw& raw, const ValueContext& context, PlacedNumber& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    const auto share = parse_percentage(*text);
    if (!share || *share == 0 || *share > limits::kCpuQuotaPercent * 100)
        return context.refuse(raw.pos,
                              fmt::format("expected a percentage of one processor from \"0.01%\" to \"{}%\"", limits::kCpuQuotaPercent));
    out = Placed<std::uint32_t>{*share, raw.pos};
    return true;
}

bool read_delegate(const Raw& raw, const ValueContext& context, bool& out) {
    static constexpr std::array<std::string_view, 11> kControllers{
        "cpu", "cpuacct", "cpuset", "io", "blkio", "memory", "devices", "pids", "bpf-firewall", "bpf-devices", "bpf-foreign"};
    const auto* text = raw.get<std::string>();
    const std::string_view first = text == nullptr ? "" : std::string_view(*text).substr(0, text->find(' '));
    const bool is_known = std::find(kControllers.begin(), kControllers.end(), first) != kControllers.end();
    if (!context.is_unit || text == nullptr || !(is_known || first.empty())) return read_boolean(raw, context, out);
    context.warn(raw.pos, "all controllers that there are are delegated, not only those of the list");
    out = true;
    return true;
}

} // namespace swathe
