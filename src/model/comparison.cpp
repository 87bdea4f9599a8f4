#include "model/comparison.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fnmatch.h>

namespace swathe {
namespace {

using Operator = Comparison::Operator;
using Symbol = std::pair<std::string_view, Operator>;

// longer ones first
constexpr std::array kOfTexts{Symbol{"!$=", Operator::matches_not},     Symbol{"$=", Operator::matches},
                              Symbol{"<>", Operator::unequal},          Symbol{"<=", Operator::less_or_equal},
                              Symbol{">=", Operator::greater_or_equal}, Symbol{"==", Operator::equal},
                              Symbol{"!=", Operator::other_text},       Symbol{"<", Operator::less},
                              Symbol{">", Operator::greater},           Symbol{"=", Operator::same_text}};
constexpr std::array kOfNumbers{Symbol{"<>", Operator::unequal},          Symbol{"!=", Operator::unequal},
                                Symbol{"<=", Operator::less_or_equal},    Symbol{"==", Operator::equal},
                                Symbol{">=", Operator::greater_or_equal}, Symbol{"<", Operator::less},
                                Symbol{">", Operator::greater},           Symbol{"=", Operator::equal}};

template <std::size_t N>
std::optional<Comparison> read(std::string_view text, const std::array<Symbol, N>& symbols, std::optional<Operator> bare) {
    text = trim(text);
    const auto found = std::find_if(symbols.begin(), symbols.end(), [&](const Symbol& s) { return text.starts_with(s.first); });
    const bool has_operator = found != symbols.end();
    if (!has_operator && !bare) return std::nullopt;
    const std::string_view value = trim(text.substr(has_operator ? found->first.size() : 0));
    if (value.empty()) return std::nullopt;
    return Comparison{has_operator ? found->second : *bare, std::string(value)};
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool counts(char c) noexcept { return is_digit(c) || is_letter(c) || c == '-' || c == '.' || c == '~' || c == '^'; }

void drop_what_does_not_count(std::string_view& text) noexcept {
    while (!text.empty() && !counts(text.front())) text.remove_prefix(1);
}

template <class Is> std::string_view take_while(std::string_view& text, Is is) noexcept {
    const auto end = std::find_if_not(text.begin(), text.end(), is);
    const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(taken.size());
    return taken;
}

std::strong_ordering compare_numbers(std::string_view a, std::string_view b) noexcept {
    a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
    b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
    const auto by_length = a.size() <=> b.size();
    return by_length != 0 ? by_length : a.compare(b) <=> 0;
}

/// Who begins with a separator that the other does not have is the older one. Nothing: both have it, or neither, and it is gone.
std::optional<std::strong_ordering> compare_separator(char separator, std::string_view& a, std::string_view& b) noexcept {
    const bool in_a = a.starts_with(separator);
    const bool in_b = b.starts_with(separator);
    if (in_a != in_b) return in_a ? std::strong_ordering::less : std::strong_ordering::greater;
    if (in_a) a.remove_prefix(1), b.remove_prefix(1);
    return std::nullopt;
}

} // namespace

std::optional<Comparison> read_text_comparison(std::string_view text, std::optional<Operator> bare) { return read(text, kOfTexts, bare); }

std::optional<Comparison> read_number_comparison(std::string_view text) { return read(text, kOfNumbers, Operator::greater_or_equal); }

std::string_view symbol_of(Operator op) noexcept {
    const auto found =
        std::find_if(kOfNumbers.begin(), kOfNumbers.end(), [&](const Symbol& s) { return s.second == op && s.first != "<>"; });
    return found == kOfNumbers.end() ? std::string_view() : found->first;
}

std::strong_ordering compare_versions(std::string_view a, std::string_view b) noexcept {
    while (true) {
        drop_what_does_not_count(a);
        drop_what_does_not_count(b);
        if (const auto order = compare_separator('~', a, b)) return *order;
        if (a.empty() || b.empty()) return a.size() <=> b.size();
        for (const char separator : {'-', '^', '.'})
            if (const auto order = compare_separator(separator, a, b)) return *order;
        if (a.empty() && b.empty()) return std::strong_ordering::equal;
        const bool number = (!a.empty() && is_digit(a.front())) || (!b.empty() && is_digit(b.front()));
        const std::string_view of_a = number ? take_while(a, is_digit) : take_while(a, is_letter);
        const std::string_view of_b = number ? take_while(b, is_digit) : take_while(b, is_letter);
        if (number && of_a.empty() != of_b.empty()) return of_a.empty() ? std::strong_ordering::less : std::strong_ordering::greater;
        const auto order = number ? compare_numbers(of_a, of_b) : of_a.compare(of_b) <=> 0;
        if (order != 0) return order;
    }
}

bool holds(const Comparison& comparison, const std::string& text) noexcept {
    const auto order = compare_versions(text, comparison.value);
    switch (comparison.op) {
    case Operator::less: return order < 0;
    case Operator::less_or_equal: return order <= 0;
    case Operator::equal: return order == 0;
    case Operator::unequal: return order != 0;
    case Operator::greater_or_equal: return order >= 0;
    case Operator::greater: return order > 0;
    case Operator::same_text: return text == comparison.value;
    case Operator::other_text: return text != comparison.value;
    case Operator::matches: return ::fnmatch(comparison.value.c_str(), text.c_str(), 0) == 0;
    case Operator::matches_not: return ::fnmatch(comparison.value.c_str(), text.c_str(), 0) != 0;
    }
    return false;
}

bool holds(Operator op, std::uint64_t left, std::uint64_t right) noexcept {
    switch (op) {
    case Operator::less: return left < right;
    case Operator::less_or_equal: return left <= right;
    case Operator::equal:
    case Operator::same_text:
    case Operator::matches: return left == right;
    case Operator::unequal:
    case Operator::other_text:
    case Operator::matches_not: return left != right;
    case Operator::greater_or_equal: return left >= right;
    case Operator::greater: return left > right;
    }
    return false;
}

} // namespace swathe
