#include "config/connection_values.h"

#include "config/limits.h"
#include "config/net_values.h"
#include "config/number.h"
#include "config/time_span.h"
#include "config/values.h"
#include "config/words.h"

#include <array>
#include <charconv>

namespace swathe {
namespace {

bool is_unlimited(const Raw& raw) {
    const auto* text = raw.get<std::string>();
    return text != nullptr && (*text == "unlimited" || *text == "infinity");
}

template <class N> std::optional<N> number_of(std::string_view text) {
    N value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || text.front() == '-' || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// An integer, or in a unit file the text of one.
std::optional<std::int64_t> integer_of(const Raw& raw, const ValueContext& context) {
    if (const auto* integer = raw.get<std::int64_t>()) return *integer;
    const auto* text = raw.get<std::string>();
    return text != nullptr && context.is_unit ? parse_signed(*text) : std::nullopt;
}

std::optional<double> decimal_of(const Raw& raw, const ValueContext& context) {
    if (const auto* integer = raw.get<std::int64_t>()) return static_cast<double>(*integer);
    if (const auto* decimal = raw.get<double>()) return *decimal;
    const auto* text = raw.get<std::string>();
    return text != nullptr && context.is_unit ? number_of<double>(*text) : std::nullopt;
}

bool read_limit_from(const Raw& raw, const ValueContext& context, std::int64_t least, std::optional<std::uint32_t>& out) {
    if (is_unlimited(raw)) {
        out.reset();
        return true;
    }
    const auto value = integer_of(raw, context);
    if (!value || *value < least || *value > limits::kCount)
        return context.refuse(raw.pos, fmt::format("expected an integer from {} to {}, or \"unlimited\"", least, limits::kCount));
    out = *value == 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(*value));
    return true;
}

/// Minutes since midnight of "8:00", "08:00".
std::optional<unsigned> minute_of(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == text.npos || colon == 0 || colon > 2 || text.size() != colon + 3) return std::nullopt;
    const auto hour = number_of<unsigned>(text.substr(0, colon));
    const auto minute = number_of<unsigned>(text.substr(colon + 1));
    if (!hour || !minute || *hour > 24 || *minute > 59 || (*hour == 24 && *minute > 0)) return std::nullopt;
    return *hour * 60 + *minute;
}

std::optional<DayTimes> day_times_of(std::string_view text) {
    constexpr unsigned kMidnight = 24 * 60;
    const std::size_t dash = text.find('-');
    if (dash == text.npos) return std::nullopt;
    const auto first = minute_of(text.substr(0, dash)), last = minute_of(text.substr(dash + 1));
    if (!first || !last || *first == kMidnight) return std::nullopt;
    return DayTimes{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(std::min(*last, kMidnight - 1))};
}

struct LogField {
    std::string_view word;
    bool ConnectionLog::*member;
};
constexpr std::array kLogFields{LogField{"host", &ConnectionLog::host}, LogField{"pid", &ConnectionLog::pid},
                                LogField{"duration", &ConnectionLog::duration}, LogField{"bytes", &ConnectionLog::bytes},
                                LogField{"exit", &ConnectionLog::exit}};

/// "s", "min", "2h": a unit alone is one of it.
std::optional<Duration> period_of(std::string_view text) {
    const bool bare = !text.empty() && (text.front() < '0' || text.front() > '9');
    const auto span = parse_time_span(bare ? fmt::format("1{}", text) : std::string(text));
    if (!span || *span < limits::kShortestRatePeriod || *span > limits::kLongestRatePeriod) return std::nullopt;
    return *span;
}

} // namespace

bool read_max_connections(const Raw& raw, const ValueContext& context, std::optional<std::uint32_t>& out) {
    return read_limit_from(raw, context, 1, out);
}

bool read_max_per_source(const Raw& raw, const ValueContext& context, std::optional<std::uint32_t>& out) {
    return read_limit_from(raw, context, 0, out);
}

std::vector<std::string_view> over_source_limits() { return {name_of(OverLimit::refuse), name_of(OverLimit::drop)}; }

bool read_over_source_limit(const Raw& raw, const ValueContext& context, OverLimit& out) {
    const auto* text = raw.get<std::string>();
    if (text != nullptr && *text == name_of(OverLimit::queue))
        return context.refuse(raw.pos, "who waits would keep those of all other sources waiting");
    return read_choice(raw, context, out);
}

bool read_prefix_length(const Raw& raw, const ValueContext& context, unsigned longest, std::uint8_t& out) {
    const auto value = integer_of(raw, context);
    if (!value || *value < 1 || *value > longest) return context.refuse(raw.pos, fmt::format("expected an integer from 1 to {}", longest));
    out = static_cast<std::uint8_t>(*value);
    return true;
}

bool read_load(const Raw& raw, const ValueContext& context, std::optional<double>& out) {
    const auto value = decimal_of(raw, context);
    if (!value || !(*value >= limits::kLeastLoad && *value <= limits::kLoad)) // NaN is neither
        return context.refuse(raw.pos, fmt::format("expected a load average from {} to {} such as 2.5", limits::kLeastLoad, limits::kLoad));
    out = value;
    return true;
}

bool read_day_times(const Raw& raw, const ValueContext& context, std::vector<DayTimes>& out) {
    return each_of_some(raw, context, [&](const Raw& item) {
        const std::string* text = string_of(item, context);
        if (text == nullptr) return false;
        const auto times = day_times_of(*text);
        if (!times) return context.refuse(item.pos, fmt::format("{}: expected times of day such as \"08:00-18:00\"", quoted(*text)));
        if (out.size() == limits::kDayTimes) return context.refuse(item.pos, fmt::format("more than {} of them", limits::kDayTimes));
        out.push_back(*times);
        return true;
    });
}

bool read_banner(const Raw& raw, const ValueContext& context, std::string& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    std::string banner = *text;
    if (context.is_unit) {
        const auto words = split_words(*text);
        if (!words) return context.refuse(raw.pos, words.error().message);
        banner.clear();
        for (const Word& word : *words) (banner += &word == &words->front() ? "" : " ") += word.text;
    }
    if (banner.size() > limits::kBannerBytes) return context.refuse(raw.pos, fmt::format("longer than {} bytes", limits::kBannerBytes));
    out = std::move(banner);
    return true;
}

std::vector<std::string_view> log_fields() {
    std::vector<std::string_view> words;
    for (const LogField& field : kLogFields) words.push_back(field.word);
    return words;
}

bool read_log_fields(const Raw& raw, const ValueContext& context, ConnectionLog& out) {
    bool ok = true;
    for (const Raw& item : items_of(raw)) {
        const std::string* text = string_of(item, context);
        const auto known =
            std::find_if(kLogFields.begin(), kLogFields.end(), [&](const LogField& f) { return text != nullptr && f.word == *text; });
        if (known != kLogFields.end())
            out.*known->member = true;
        else if (text != nullptr)
            context.refuse(item.pos, fmt::format("{} is not known; {}", quoted(*text), expected_one_of(log_fields())));
        ok = known != kLogFields.end() && ok;
    }
    return ok;
}

bool read_rate(const Raw& raw, const ValueContext& context, ConnectionRate& out) {
    if (is_unlimited(raw)) {
        out.count = 0;
        return true;
    }
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    const std::size_t slash = std::min(text->find('/'), text->size());
    const auto count = number_of<std::uint32_t>(std::string_view(*text).substr(0, slash));
    const auto period = slash == text->size() ? std::nullopt : period_of(std::string_view(*text).substr(slash + 1));
    if (!count || *count == 0 || *count > limits::kRate || !period)
        return context.refuse(raw.pos, fmt::format("{}: expected a rate such as \"100/s\", \"10/min\" or \"5/2h\": 1 to {} in 1ms to 1d",
                                                   quoted(*text), limits::kRate));
    out.count = *count;
    out.per = *period;
    return true;
}

bool read_rate_burst(const Raw& raw, const ValueContext& context, std::uint32_t& out) {
    const auto value = integer_of(raw, context);
    if (!value || *value < 1 || *value > limits::kRate)
        return context.refuse(raw.pos, fmt::format("expected an integer from 1 to {}", limits::kRate));
    out = static_cast<std::uint32_t>(*value);
    return true;
}

} // namespace swathe
