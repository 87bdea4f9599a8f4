#include "config/values.h"

#include "config/boolean_word.h"
#include "config/items.h"
#include "config/limits.h"
#include "config/number.h"
#include "config/time_span.h"
#include "config/words.h"
#include "model/instance_name.h"

#include <algorithm>
#include <limits>

namespace swathe {
namespace {

/// An integer, or in a unit file the text of one; nothing after a report.
std::optional<std::int64_t> integer_of(const Raw& raw, const ValueContext& context, std::int64_t max) {
    std::optional<std::int64_t> value;
    if (const auto* integer = raw.get<std::int64_t>()) value = *integer;
    if (const auto* text = raw.get<std::string>(); text != nullptr && context.is_unit)
        value = parse_signed(*text);
    if (value && *value >= 0 && *value <= max) return value;
    if (!value && !context.is_unit)
        context.refuse(raw.pos, fmt::format("expected an integer, found {}", raw.kind()));
    else
        context.refuse(raw.pos, fmt::format("expected an integer from 0 to {}", max));
    return std::nullopt;
}

std::optional<Duration> span_of(const Raw& raw, const ValueContext& context) {
    const auto too_long = [&] {
        context.refuse(raw.pos, "expected a number of seconds from 0 to 100 years");
        return std::nullopt;
    };
    constexpr std::int64_t kMaxSeconds = std::chrono::duration_cast<std::chrono::seconds>(kTimeSpanMax).count();
    if (const auto* seconds = raw.get<std::int64_t>()) {
        if (*seconds < 0 || *seconds > kMaxSeconds) return too_long();
        return std::chrono::seconds(*seconds);
    }
    if (const auto* seconds = raw.get<double>()) {
        if (!(*seconds >= 0 && *seconds <= static_cast<double>(kMaxSeconds))) return too_long(); // NaN, too
        return Duration(std::llround(*seconds * 1e6));
    }
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return std::nullopt;
    const auto span = parse_time_span(*text);
    if (span) return *span;
    context.refuse(raw.pos, span.error().message);
    return std::nullopt;
}

bool has_control(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

} // namespace

const std::string* string_of(const Raw& raw, const ValueContext& context) {
    const auto* text = raw.get<std::string>();
    if (text == nullptr) {
        context.refuse(raw.pos, fmt::format("expected a string, found {}", raw.kind()));
    } else if (text->find('\0') != text->npos) {
        context.refuse(raw.pos, "NUL character");
        return nullptr;
    }
    return text;
}

std::string expected_one_of(const std::vector<std::string_view>& names) {
    std::string text = "expected ";
    for (std::size_t i = 0; i < names.size(); ++i)
        text += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", names[i]);
    return text;
}

bool read_boolean(const Raw& raw, const ValueContext& context, bool& out) {
    if (const bool* value = raw.get<bool>()) {
        out = *value;
        return true;
    }
    if (!context.is_unit) return context.refuse(raw.pos, fmt::format("expected true or false, found {}", raw.kind()));
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    const std::optional<bool> word = boolean_word(*text);
    out = word.value_or(false);
    return word || context.refuse(raw.pos, fmt::format("{} is no boolean; expected \"yes\" or \"no\"", quoted(*text)));
}

bool read_count(const Raw& raw, const ValueContext& context, std::uint32_t& out) {
    const auto value = integer_of(raw, context, limits::kCount);
    if (value) out = static_cast<std::uint32_t>(*value);
    return value.has_value();
}

bool read_backlog(const Raw& raw, const ValueContext& context, int& out) {
    const auto value = integer_of(
        raw, context, std::numeric_limits<std::uint32_t>::max()); // systemd's default is the largest of these
    if (value) out = static_cast<int>(std::min(*value, limits::kCount));
    return value.has_value();
}

bool read_time_span(const Raw& raw, const ValueContext& context, Duration& out) {
    const auto span = span_of(raw, context);
    if (!span) return false;
    if (*span == kInfinity) return context.refuse(raw.pos, "cannot be infinite");
    out = *span;
    return true;
}

bool read_window(const Raw& raw, const ValueContext& context, Duration& out) {
    const auto span = span_of(raw, context);
    if (span) out = std::min(*span, kTimeSpanMax);
    return span.has_value();
}

bool read_delay_ceiling(const Raw& raw, const ValueContext& context, std::optional<Duration>& out) {
    const auto span = span_of(raw, context);
    if (!span) return false;
    out = *span == kInfinity ? std::nullopt : span;
    return true;
}

bool read_timeout(const Raw& raw, const ValueContext& context, Duration& out) {
    const auto span = span_of(raw, context);
    if (span) out = *span == Duration::zero() ? kInfinity : *span; // 0 disables: systemd.service(5)
    return span.has_value();
}

bool read_optional_timeout(const Raw& raw, const ValueContext& context, std::optional<Duration>& out) {
    return read_timeout(raw, context, out.emplace());
}

bool read_umask(const Raw& raw, const ValueContext& context, mode_t& out) {
    const auto* text = raw.get<std::string>();
    const auto mode = text == nullptr ? std::nullopt : parse_digits(*text, 8);
    if (!mode || *mode > 0777) return context.refuse(raw.pos, "expected an octal string from \"0000\" to \"0777\"");
    out = static_cast<mode_t>(*mode);
    return true;
}

bool read_signed(const Raw& raw, const ValueContext& context, int min, int max, std::optional<int>& out) {
    std::optional<std::int64_t> value;
    if (const auto* integer = raw.get<std::int64_t>()) value = *integer;
    if (const auto* text = raw.get<std::string>(); text != nullptr && context.is_unit)
        value = parse_signed(*text);
    if (!value || *value < min || *value > max) return context.refuse(raw.pos, fmt::format("expected an integer from {} to {}", min, max));
    out = static_cast<int>(*value);
    return true;
}

bool read_nice(const Raw& raw, const ValueContext& context, std::optional<int>& out) {
    return read_signed(raw, context, -20, 19, out);
}

bool read_oom_score(const Raw& raw, const ValueContext& context, std::optional<int>& out) {
    return read_signed(raw, context, -1000, 1000, out);
}

bool read_description(const Raw& raw, const ValueContext& context, std::string& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    if (has_control(names_instance(context.unit.name) ? with_instance_specifiers(*text) : *text))
        return context.refuse(raw.pos, "control character");
    if (text->size() > limits::kDescriptionBytes)
        return context.refuse(raw.pos, fmt::format("longer than {} bytes", limits::kDescriptionBytes));
    out = *text;
    return true;
}

bool read_unit_description(const Raw& raw, const ValueContext& context, std::string& out) {
    if (!read_description(raw, context, out)) return false;
    if (names_instance(context.unit.name)) out = with_instance_specifiers(out); // it tells of all instances
    return true;
}

bool is_listener_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= limits::kListenerNameBytes &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != ':'; });
}

bool read_listener_name(const Raw& raw, const ValueContext& context, std::string& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    if (!is_listener_name(*text))
        return context.refuse(
            raw.pos, fmt::format("{} is no name for LISTEN_FDNAMES: printable ASCII without \":\", 1 to {} bytes",
                                 quoted(*text), limits::kListenerNameBytes));
    out = *text;
    return true;
}

bool read_log_level(const Raw& raw, const ValueContext& context, std::string& out) {
    static const std::vector<std::string_view> kLevels{"error", "warning", "notice", "info", "debug"};
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    if (std::find(kLevels.begin(), kLevels.end(), *text) == kLevels.end())
        return context.refuse(raw.pos, fmt::format("{} is not known; {}", quoted(*text), expected_one_of(kLevels)));
    out = *text;
    return true;
}

bool read_account(const Raw& raw, const ValueContext& context, std::string& out) {
    std::string name;
    if (const auto* number = raw.get<std::int64_t>()) {
        name = std::to_string(*number);
    } else {
        const std::string* text = string_of(raw, context);
        if (text == nullptr) return false;
        name = *text;
    }
    const auto refuse = [&](std::string_view why) {
        return context.refuse(raw.pos, fmt::format("{} {}", quoted(name), why));
    };
    if (name.find_first_not_of("0123456789") == name.npos && !name.empty()) {
        const auto id = parse_digits(name);
        if (!id || *id >= 0xffffffff || *id == 0xffff)
            return refuse("is no user or group number"); // both mean "none" to system calls
    } else if (name.empty() || name.size() > limits::kUserNameBytes || name.front() == '-' || name == "." ||
               name == ".." || name.find_first_of(":/ ,\t\"'\\") != name.npos || has_control(name)) {
        return refuse("is no user or group name");
    }
    out = std::move(name);
    return true;
}

bool read_accounts(const Raw& raw, const ValueContext& context, std::vector<Placed<std::string>>& out) {
    const auto take = [&](const Raw& item) {
        std::optional<Placed<std::string>> account;
        if (!read_placed_account(item, context, account)) return false;
        if (out.size() == limits::kAccounts) return context.refuse(item.pos, fmt::format("more than {} of them", limits::kAccounts));
        out.push_back(std::move(*account));
        return true;
    };
    return each_item(raw, take);
}

bool read_placed_account(const Raw& raw, const ValueContext& context, std::optional<Placed<std::string>>& out) {
    std::string name;
    if (!read_account(raw, context, name)) return false;
    out = Placed<std::string>{std::move(name), raw.pos};
    return true;
}

} // namespace swathe
