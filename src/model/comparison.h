#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace swathe {

/// What a condition says of a value. systemd.unit(5), ConditionKernelVersion=, ConditionOSRelease=, ConditionMemory=, ConditionCPUs=.
struct Comparison {
    enum class Operator : std::uint8_t {
        less,             ///< "<"
        less_or_equal,    ///< "<="
        equal,            ///< "==", and of numbers "="
        unequal,          ///< "<>", and of numbers "!="
        greater_or_equal, ///< ">="
        greater,          ///< ">"
        same_text,        ///< "="
        other_text,       ///< "!="
        matches,          ///< "$=": a shell pattern
        matches_not,      ///< "!$="
    };
    Operator op = Operator::equal;
    std::string value; ///< without white space around it
};

/// "OPERATOR VALUE" of versions and texts; `bare`: what a value without an operator means, nothing = it must have one. Nothing: not of
/// this form, or no value.
[[nodiscard]] std::optional<Comparison> read_text_comparison(std::string_view text, std::optional<Comparison::Operator> bare);

/// The same of numbers, where ">=" may be left out.
[[nodiscard]] std::optional<Comparison> read_number_comparison(std::string_view text);

/// The operator as it is written for numbers: ">=".
[[nodiscard]] std::string_view symbol_of(Comparison::Operator op) noexcept;

/// Which version is the newer one: the UAPI group's "Version Format Specification", as systemd has it.
[[nodiscard]] std::strong_ordering compare_versions(std::string_view a, std::string_view b) noexcept;

/// What `comparison` says of a text or version; of a number.
[[nodiscard]] bool holds(const Comparison& comparison, const std::string& text) noexcept;
[[nodiscard]] bool holds(Comparison::Operator op, std::uint64_t left, std::uint64_t right) noexcept;

} // namespace swathe
