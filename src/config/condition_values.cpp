#include "config/condition_values.h"

#include "base/text.h"
#include "config/boolean_word.h"
#include "config/limit_values.h"
#include "config/limits.h"
#include "config/number.h"
#include "config/values.h"
#include "config/words.h"
#include "model/capabilities.h"
#include "model/comparison.h"
#include "model/condition_name.h"

#include <algorithm>
#include <array>
#include <limits>

namespace swathe {
namespace {

using Kind = Condition::Kind;

constexpr std::array<std::string_view, 9> kSecurity{"selinux", "apparmor", "tomoyo",          "smack",       "ima",
                                                    "audit",   "tpm2",     "uefi-secureboot", "measured-uki"};

/// Takes a mark off the front, with white space behind it.
bool take(std::string_view& text, char mark) noexcept {
    text = trim(text);
    if (!text.starts_with(mark)) return false;
    text = trim(text.substr(1));
    return true;
}

/// What kind() says a value is, in the form that is compared; reports and returns nothing if it is not of this kind.
class ValueOf {
public:
    ValueOf(const ValueContext& context, const SourcePos& where, std::string_view text) : context_(context), where_(where), text_(text) {}

    std::optional<std::string> run(Kind kind) const {
        using enum Condition::Kind;
        switch (kind) {
        case path_exists:
        case path_exists_glob:
        case path_is_directory:
        case path_is_symbolic_link:
        case path_is_mount_point:
        case path_is_read_write:
        case path_is_socket:
        case directory_not_empty:
        case file_not_empty:
        case file_is_executable:
        case needs_update: return path();
        case kernel_version:
        case os_release: return expressions(kind == os_release);
        case memory:
        case cpus: return amount(kind == memory);
        case ac_power:
        case first_boot: return boolean();
        case virtualization: return boolean_word(std::string(text_)) ? boolean() : word();
        case capability: return capability_of(text_) ? word() : refused(fmt::format("{} is no capability", quoted(text_)));
        case security: return security_word();
        case host:
        case kernel_command_line:
        case kernel_module_loaded:
        case architecture:
        case user:
        case group:
        case environment:
        case cpu_feature:
        case control_group_controller: return word();
        }
        return std::nullopt;
    }

private:
    std::optional<std::string> refused(std::string_view why) const {
        (void)context_.refuse(where_, why);
        return std::nullopt;
    }

    std::optional<std::string> word() const {
        return text_.empty() ? refused("says nothing to look for") : std::optional<std::string>(text_);
    }

    std::optional<std::string> path() const {
        if (!text_.starts_with('/')) return refused(fmt::format("{} is no absolute path", quoted(text_)));
        if (text_.size() > limits::kPathBytes) return refused(fmt::format("longer than {} bytes", limits::kPathBytes));
        return std::string(text_);
    }

    std::optional<std::string> boolean() const {
        const auto yes = boolean_word(std::string(text_));
        return yes ? std::optional<std::string>(*yes ? "yes" : "no") : refused("expected \"yes\" or \"no\"");
    }

    std::optional<std::string> security_word() const {
        if (!text_.empty() && std::find(kSecurity.begin(), kSecurity.end(), text_) == kSecurity.end())
            context_.warn(where_, fmt::format("whether there is {} cannot be told; it counts as not there", quoted(text_)));
        return word();
    }

    /// The words of a line, each an expression.
    std::optional<std::string> expressions(bool have_keys) const {
        const auto words = split_words(text_);
        if (!words) return refused(words.error().message);
        std::string all;
        for (const Word& one : *words) {
            const std::size_t key = have_keys ? std::min(one.text.find_first_of("<>=!$ "), one.text.size()) : 0;
            const auto bare = have_keys ? std::nullopt : std::optional(Comparison::Operator::matches);
            const bool sound = key > 0 || !have_keys;
            const bool is_line = one.text.find(kExpressionEnd) == one.text.npos;
            if (!sound || !is_line || !read_text_comparison(std::string_view(one.text).substr(key), bare)) {
                const char* const form = have_keys ? "KEY, an operator and a value" : "a version, behind an operator or not";
                return refused(fmt::format("{}: expected {}", quoted(one.text), form));
            }
            if (!all.empty()) all += kExpressionEnd;
            all += one.text;
        }
        return all.empty() ? refused("says nothing to compare with") : std::optional(all);
    }

    std::optional<std::string> amount(bool bytes) const {
        const auto comparison = read_number_comparison(text_);
        const auto number = !comparison ? std::nullopt : bytes ? parse_size(comparison->value) : count_in(comparison->value);
        if (!number)
            return refused(fmt::format("{}: expected {}", quoted(text_), bytes ? "a size such as \">=2G\"" : "a number such as \">=4\""));
        return fmt::format("{}{}", symbol_of(comparison->op), *number);
    }

    static std::optional<std::uint64_t> count_in(std::string_view text) {
        const auto count = parse_unsigned(text);
        return count && *count <= std::numeric_limits<std::uint32_t>::max() ? count : std::nullopt;
    }

    const ValueContext& context_;
    const SourcePos& where_;
    std::string_view text_;
};

bool stands_before(const Condition& a, const Condition& b) noexcept {
    return std::pair(a.assertion, a.kind) < std::pair(b.assertion, b.kind);
}

bool add_condition(const Raw& raw, const ValueContext& context, Condition condition, std::vector<Condition>& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    std::string_view rest = *text;
    condition.trigger = take(rest, '|');
    condition.negated = take(rest, '!');
    auto value = ValueOf(context, raw.pos, rest).run(condition.kind);
    if (!value) return false;
    if (out.size() == limits::kConditions)
        return context.refuse(raw.pos, fmt::format("more than {} conditions and assertions", limits::kConditions));
    condition.value = std::move(*value);
    condition.pos = raw.pos;
    out.insert(std::upper_bound(out.begin(), out.end(), condition, stands_before), std::move(condition));
    return true;
}

} // namespace

bool read_conditions(const Raw& raw, const ValueContext& context, Condition::Kind kind, bool assertion, std::vector<Condition>& out) {
    Condition condition;
    condition.kind = kind;
    condition.assertion = assertion;
    const auto* list = raw.get<Raw::List>();
    if (list == nullptr) return add_condition(raw, context, condition, out);
    bool ok = true;
    for (const Raw& item : *list) ok = add_condition(item, context, condition, out) && ok;
    return ok;
}

} // namespace swathe
