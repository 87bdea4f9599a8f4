#include "config/time_span.h"

#include "base/text.h"

#include <array>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

struct Unit {
    std::string_view name;
    std::int64_t usec;
};

// systemd.time(7), "Displaying time spans". The first name that fits wins, so longer ones stand before their beginnings.
constexpr std::array kUnits{
    Unit{"seconds", kSecond}, Unit{"second", kSecond}, Unit{"sec", kSecond},
    Unit{"minutes", 60 * kSecond}, Unit{"minute", 60 * kSecond}, Unit{"min", 60 * kSecond},
    Unit{"months", 2629800 * kSecond}, Unit{"month", 2629800 * kSecond}, Unit{"M", 2629800 * kSecond},
    Unit{"msec", 1000}, Unit{"ms", 1000}, Unit{"m", 60 * kSecond},
    Unit{"hours", 3600 * kSecond}, Unit{"hour", 3600 * kSecond}, Unit{"hr", 3600 * kSecond}, Unit{"h", 3600 * kSecond},
    Unit{"days", 86400 * kSecond}, Unit{"day", 86400 * kSecond}, Unit{"d", 86400 * kSecond},
    Unit{"weeks", 604800 * kSecond}, Unit{"week", 604800 * kSecond}, Unit{"w", 604800 * kSecond},
    Unit{"years", 31557600 * kSecond}, Unit{"year", 31557600 * kSecond}, Unit{"y", 31557600 * kSecond},
    Unit{"usec", 1}, Unit{"us", 1}, Unit{"\u03bcs", 1}, Unit{"\u00b5s", 1}, Unit{"s", kSecond},
};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Reads one number with its unit off the front of `text`.
class Term {
public:
    Term(std::string_view& text, std::int64_t bare) : text_(text), bare_(bare) {}

    /// Microseconds; nothing if they exceed kTimeSpanMax. Errors as parse_time_span().
    Result<std::optional<std::int64_t>> read() {
        if (text_.empty() || (!is_digit(text_.front()) && text_.front() != '.'))
            return failure("expected a time span such as \"1min 30s\", \"100ms\" or \"infinity\"");
        const std::string_view whole = digits();
        std::string_view fraction;
        if (!text_.empty() && text_.front() == '.') {
            text_.remove_prefix(1);
            fraction = digits();
            if (fraction.empty()) return failure("digits missing behind the point");
        }
        skip_spaces();
        auto unit = read_unit();
        if (!unit) return Failure(std::move(unit).error());
        return amount(whole, fraction, *unit);
    }

private:
    std::string_view digits() {
        std::size_t n = 0;
        while (n < text_.size() && is_digit(text_[n])) ++n;
        const std::string_view found = text_.substr(0, n);
        text_.remove_prefix(n);
        return found;
    }

    void skip_spaces() {
        while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) text_.remove_prefix(1);
    }

    Result<std::int64_t> read_unit() {
        if (text_.empty() || is_digit(text_.front()) || text_.front() == '.') return bare_; // systemd: "5 20ms" is 5 s and 20 ms
        for (const Unit& unit : kUnits)
            if (text_.substr(0, unit.name.size()) == unit.name) {
                text_.remove_prefix(unit.name.size());
                skip_spaces();
                return unit.usec;
            }
        return failure(fmt::format("unknown unit of time {}", quoted(text_, 16)));
    }

    static std::optional<std::int64_t> amount(std::string_view whole, std::string_view fraction, std::int64_t unit) {
        std::int64_t value = 0;
        for (const char digit : whole) {
            value = value * 10 + (digit - '0');
            if (value > kTimeSpanMax.count() / unit) return std::nullopt;
        }
        value *= unit;
        std::int64_t scale = unit;
        for (const char digit : fraction) {
            value += scale * (digit - '0') / 10;
            scale /= 10;
        }
        return value <= kTimeSpanMax.count() ? std::optional(value) : std::nullopt;
    }

    std::string_view& text_;
    std::int64_t bare_; ///< unit of a number without one, in microseconds
};

} // namespace

Result<Duration> parse_time_span(std::string_view text, Duration bare) {
    text = trim(text);
    if (text == "infinity") return kInfinity;
    std::int64_t sum = 0;
    do {
        auto term = Term(text, bare.count()).read();
        if (!term) return Failure(std::move(term).error());
        if (!*term || **term > kTimeSpanMax.count() - sum) return failure("longer than 100 years; for no limit write \"infinity\"");
        sum += **term;
    } while (!text.empty());
    return Duration(sum);
}

std::string format_time_span(Duration span) {
    if (span == kInfinity) return "infinity";
    if (span == Duration::zero()) return "0";
    static constexpr std::array kShown{Unit{"d", 86400 * kSecond}, Unit{"h", 3600 * kSecond}, Unit{"min", 60 * kSecond},
                                       Unit{"s", kSecond}, Unit{"ms", 1000}, Unit{"us", 1}};
    std::string text;
    std::int64_t rest = span.count();
    for (const Unit& unit : kShown) {
        if (rest < unit.usec) continue;
        text += fmt::format("{}{}{}", text.empty() ? "" : " ", rest / unit.usec, unit.name);
        rest %= unit.usec;
    }
    return text;
}

} // namespace swathe
