#include "config/limit_values.h"

#include "base/text.h"
#include "config/limits.h"
#include "config/number.h"
#include "config/time_span.h"
#include "config/values.h"

#include <limits>

namespace swathe {
namespace {

constexpr rlim_t kHighestNice = 19, kLowestNice = 20; // +19, -20
constexpr rlim_t kRawNice = 40;

/// Takes the digits off the front of `text`.
std::string_view take_digits(std::string_view& text) {
    const std::string_view found = text.substr(0, text.find_first_not_of("0123456789"));
    text.remove_prefix(found.size());
    return found;
}

void skip_spaces(std::string_view& text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

/// Reads one number with its suffix off the front of `text`. `power` is that of the term before, and becomes that of this one.
std::optional<std::uint64_t> take_term(std::string_view& text, std::size_t& power) {
    constexpr std::string_view kSuffixes = "BKMGTPE";
    const auto whole = parse_digits(take_digits(text));
    if (!whole) return std::nullopt;
    std::string_view fraction;
    if (!text.empty() && text.front() == '.') {
        text.remove_prefix(1);
        fraction = take_digits(text);
        if (fraction.empty()) return std::nullopt;
    }
    skip_spaces(text);
    std::size_t own = text.empty() ? 0 : kSuffixes.find(text.front());
    if (own == kSuffixes.npos) own = 0; // no suffix: the caller takes the rest as a term, and finds no number
    else if (!text.empty()) text.remove_prefix(1);
    if (own >= power) return std::nullopt;
    power = own;
    skip_spaces(text);

    const unsigned shift = 10 * static_cast<unsigned>(own);
    if (*whole > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
    std::uint64_t part = 0; // of the fraction: digit by digit from its end, so that it cannot overflow
    for (auto digit = fraction.rbegin(); digit != fraction.rend(); ++digit)
        part = (part + (static_cast<std::uint64_t>(*digit - '0') << shift)) / 10;
    const std::uint64_t value = *whole << shift;
    if (part > std::numeric_limits<std::uint64_t>::max() - value) return std::nullopt;
    return value + part;
}

std::optional<rlim_t> parse_nice(std::string_view text) {
    const char sign = text.empty() ? '\0' : text.front();
    const bool is_nice = sign == '+' || sign == '-';
    const std::string_view number = text.substr(is_nice ? 1 : 0);
    const auto value = parse_unsigned(number);
    if (!value || (is_nice && number.front() == '+')) return std::nullopt;
    if (sign == '+') return *value > kHighestNice ? std::nullopt : std::optional<rlim_t>(20 - *value);
    if (sign == '-') return *value > kLowestNice ? std::nullopt : std::optional<rlim_t>(20 + *value);
    if (*value > kRawNice) return std::nullopt;
    return *value == 0 ? 1 : *value; // systemd.exec(5): 0 is equivalent to 1
}

std::optional<rlim_t> parse_time(std::string_view text, Duration bare) {
    const auto span = parse_time_span(text, bare);
    if (!span || *span == kInfinity) return std::nullopt; // "infinity" alone is looked at before
    if (bare == std::chrono::microseconds(1)) return static_cast<rlim_t>(span->count());
    return static_cast<rlim_t>(std::chrono::ceil<std::chrono::seconds>(*span).count());
}

/// One end of a limit.
std::optional<rlim_t> parse_bound(std::string_view text, LimitUnit unit) {
    if (text == "infinity") return RLIM_INFINITY;
    std::optional<rlim_t> value;
    switch (unit) {
    case LimitUnit::count: value = parse_unsigned(text); break;
    case LimitUnit::bytes: value = parse_size(text); break;
    case LimitUnit::seconds: value = parse_time(text, std::chrono::seconds(1)); break;
    case LimitUnit::microseconds: value = parse_time(text, std::chrono::microseconds(1)); break;
    case LimitUnit::nice: value = parse_nice(text); break;
    }
    return value && *value < RLIM_INFINITY ? value : std::nullopt;
}

std::string_view expected(LimitUnit unit) noexcept {
    switch (unit) {
    case LimitUnit::count: return "expected a number, \"SOFT:HARD\" or \"infinity\"";
    case LimitUnit::bytes: return "expected a number of bytes such as \"64M\", \"SOFT:HARD\" or \"infinity\"";
    case LimitUnit::seconds:
    case LimitUnit::microseconds: return "expected a time span such as \"30s\", \"SOFT:HARD\" or \"infinity\"";
    case LimitUnit::nice:
        return "expected a nice value from \"-20\" to \"+19\" with its sign, a number from 0 to 40, \"SOFT:HARD\" or \"infinity\"";
    }
    return {};
}

} // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t sum = 0;
    std::size_t power = std::numeric_limits<std::size_t>::max();
    text = trim(text);
    do {
        const auto term = take_term(text, power);
        if (!term || *term >= std::numeric_limits<std::uint64_t>::max() - sum) return std::nullopt;
        sum += *term;
    } while (!text.empty());
    return sum;
}

bool read_limit(const Raw& raw, const ValueContext& context, LimitUnit unit, std::optional<rlimit>& out) {
    std::string written;
    if (const auto* number = raw.get<std::int64_t>()) {
        written = std::to_string(*number);
        if (*number < 0) return context.refuse(raw.pos, expected(unit)); // a nice value stands in a string: -5 and +5 look alike there
    } else {
        const std::string* text = string_of(raw, context);
        if (text == nullptr) return false;
        written = *text;
    }
    const std::string_view all = written;
    const std::size_t colon = all.find(':');
    const auto soft = parse_bound(all.substr(0, colon), unit);
    const auto hard = colon == all.npos ? soft : parse_bound(all.substr(colon + 1), unit);
    if (!soft || !hard) return context.refuse(raw.pos, expected(unit));
    if (*soft > *hard) return context.refuse(raw.pos, "the soft limit exceeds the hard one");
    out = rlimit{*soft, *hard};
    return true;
}

bool read_ring_bytes(const Raw& raw, const ValueContext& context, std::uint32_t& out) {
    std::optional<std::uint64_t> size;
    if (const auto* number = raw.get<std::int64_t>()) {
        if (*number >= 0) size = static_cast<std::uint64_t>(*number);
    } else {
        const std::string* text = string_of(raw, context);
        if (text == nullptr) return false;
        size = parse_size(*text);
    }
    if (!size) return context.refuse(raw.pos, "expected a number of bytes such as 65536 or \"64K\"");
    if (*size > limits::kLogRingBytes) return context.refuse(raw.pos, fmt::format("more than {} bytes", limits::kLogRingBytes));
    out = static_cast<std::uint32_t>(*size);
    return true;
}

} // namespace swathe
