#include "config/exec_values.h"

#include "config/limits.h"
#include "config/number.h"
#include "config/service_values.h"
#include "config/words.h"
#include "model/capabilities.h"

#include <algorithm>
#include <functional>

namespace swathe {
namespace {

using Take = std::function<bool(const std::string& word, const SourcePos& where)>;

/// Gives each word of a list to `take`, whatever becomes of those before it.
bool for_each_word(const Raw& raw, const ValueContext& context, const Take& take) {
    bool ok = true;
    if (const auto* list = raw.get<Raw::List>()) {
        for (const Raw& item : *list) {
            const std::string* text = string_of(item, context);
            ok = text != nullptr && take(*text, item.pos) && ok;
        }
        return ok;
    }
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    if (!context.is_unit) return take(*text, raw.pos);
    const auto words = split_words(*text);
    if (!words) return context.refuse(raw.pos, words.error().message);
    for (const Word& word : *words) ok = take(word.text, raw.pos) && ok;
    return ok;
}

bool add_name(const std::string& text, bool assignments, const SourcePos& where, const ValueContext& context,
              std::vector<std::string>& out) {
    const std::size_t equals = assignments ? text.find('=') : text.npos;
    if (!is_variable_name(std::string_view(text).substr(0, equals)))
        return context.refuse(where, fmt::format("{} is no name of an environment variable", quoted(text)));
    if (text.size() > limits::kWordBytes) return context.refuse(where, fmt::format("longer than {} bytes", limits::kWordBytes));
    if (out.size() == limits::kEnvironment)
        return context.refuse(where, fmt::format("more than {} variables", limits::kEnvironment));
    out.push_back(text);
    return true;
}

std::optional<unsigned> processor_of(std::string_view text) {
    const auto number = parse_unsigned(text);
    return number && *number < limits::kProcessors ? std::optional(static_cast<unsigned>(*number)) : std::nullopt;
}

bool add_processors(std::string_view range, const SourcePos& where, const ValueContext& context, std::vector<unsigned>& out) {
    const std::size_t dash = range.find('-');
    const auto first = processor_of(range.substr(0, dash));
    const auto last = dash == range.npos ? first : processor_of(range.substr(dash + 1));
    if (!first || !last || *last < *first)
        return context.refuse(where, fmt::format("{}: expected processors such as \"0-3,5\", below {}", quoted(range),
                                                 limits::kProcessors));
    for (unsigned processor = *first; processor <= *last; ++processor) out.push_back(processor);
    return true;
}

/// The parts of `text` between characters of `separators`, without empty ones.
std::vector<std::string_view> parts_of(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    for (std::size_t at = text.find_first_not_of(separators); at != text.npos; at = text.find_first_not_of(separators, at)) {
        const std::size_t end = std::min(text.find_first_of(separators, at), text.size());
        parts.push_back(text.substr(at, end - at));
        at = end;
    }
    return parts;
}

constexpr CapabilitySet kAll = ~CapabilitySet{0};
constexpr CapabilitySet kNamed = (CapabilitySet{1} << kCapabilityNames.size()) - 1;

/// What a set is before its first value, and what "~" leaves of.
struct SetKind {
    CapabilitySet initial, all;
};
constexpr SetKind kBounding{kAll, kAll}; // does not take away what a kernel of tomorrow has
constexpr SetKind kAmbient{0, kNamed};

/// One line, or one string of a list in TOML.
bool merge_capabilities(const std::string& line, const SourcePos& where, const ValueContext& context, const SetKind& kind,
                        CapabilitySet& out) {
    const bool inverted = line.starts_with('~');
    CapabilitySet sum = 0;
    for (const std::string_view name : parts_of(std::string_view(line).substr(inverted ? 1 : 0), " \t\r\n")) {
        const auto capability = capability_of(name);
        if (!capability) return context.refuse(where, fmt::format("{} is no capability", quoted(name)));
        sum |= CapabilitySet{1} << *capability;
    }
    if (sum == 0 || out == kind.initial)
        out = inverted ? kind.all & ~sum : sum;
    else
        out = inverted ? out & ~sum : out | sum;
    return true;
}

bool read_capability_lines(const Raw& raw, const ValueContext& context, const SetKind& kind, CapabilitySet& out) {
    const auto* list = raw.get<Raw::List>();
    if (list == nullptr) {
        const std::string* line = string_of(raw, context);
        return line != nullptr && merge_capabilities(*line, raw.pos, context, kind, out);
    }
    if (list->empty()) out = 0;
    bool ok = true;
    for (const Raw& item : *list) {
        const std::string* line = string_of(item, context);
        ok = line != nullptr && merge_capabilities(*line, item.pos, context, kind, out) && ok;
    }
    return ok;
}

bool add_directory(const std::string& text, const SourcePos& where, const ValueContext& context, std::vector<Placed<std::string>>& out) {
    const auto refuse = [&](std::string_view why) { return context.refuse(where, fmt::format("{} {}", quoted(text), why)); };
    if (text.starts_with('/')) return refuse("is no relative path");
    if (text.find(':') != text.npos) return refuse("has a \":\" in it, which separates directories in their variable");
    std::string path;
    for (const std::string_view part : parts_of(text, "/")) {
        if (part == "..") return refuse("leads out of its directory");
        if (part.size() > limits::kFileNameBytes) return refuse(fmt::format("has a name of more than {} bytes", limits::kFileNameBytes));
        if (part == ".") continue;
        if (!path.empty()) path += '/';
        path += part;
    }
    if (path.empty()) return refuse("names no directory");
    if (path.size() > limits::kPathBytes) return refuse(fmt::format("is longer than {} bytes", limits::kPathBytes));
    if (out.size() == limits::kOwnDirectories)
        return context.refuse(where, fmt::format("more than {} directories", limits::kOwnDirectories));
    out.push_back({std::move(path), where});
    return true;
}

} // namespace

bool read_variable_names(const Raw& raw, const ValueContext& context, std::vector<std::string>& out) {
    return for_each_word(raw, context, [&](const auto& word, const auto& where) { return add_name(word, false, where, context, out); });
}

bool read_unset_variables(const Raw& raw, const ValueContext& context, std::vector<std::string>& out) {
    return for_each_word(raw, context, [&](const auto& word, const auto& where) { return add_name(word, true, where, context, out); });
}

bool read_absolute_path(const Raw& raw, const ValueContext& context, std::optional<Placed<std::string>>& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    if (!text->starts_with('/')) return context.refuse(raw.pos, fmt::format("{} is no absolute path", quoted(*text)));
    if (text->size() > limits::kPathBytes) return context.refuse(raw.pos, fmt::format("longer than {} bytes", limits::kPathBytes));
    out = Placed<std::string>{*text, raw.pos};
    return true;
}

bool read_processors(const Raw& raw, const ValueContext& context, std::vector<unsigned>& out) {
    const auto take = [&](const Raw& item) {
        const auto* number = item.get<std::int64_t>();
        const std::string written = number != nullptr ? std::to_string(*number) : std::string();
        const std::string* text = number != nullptr ? &written : string_of(item, context);
        if (text == nullptr) return false;
        bool ok = true;
        for (const std::string_view range : parts_of(*text, ", \t")) ok = add_processors(range, item.pos, context, out) && ok;
        return ok;
    };
    bool ok = true;
    if (const auto* list = raw.get<Raw::List>())
        for (const Raw& item : *list) ok = take(item) && ok;
    else
        ok = take(raw);
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return ok;
}

bool read_capabilities(const Raw& raw, const ValueContext& context, CapabilitySet& out) {
    return read_capability_lines(raw, context, kAmbient, out);
}

bool read_bounding_set(const Raw& raw, const ValueContext& context, std::optional<CapabilitySet>& out) {
    CapabilitySet set = out.value_or(kAll);
    if (!read_capability_lines(raw, context, kBounding, set)) return false;
    out = set == kAll ? std::nullopt : std::optional<CapabilitySet>(set);
    return true;
}

bool read_io_class(const Raw& raw, const ValueContext& context, std::optional<IoClass>& out) {
    const auto* text = raw.get<std::string>();
    const auto number = context.is_unit && text != nullptr ? parse_unsigned(*text) : std::nullopt;
    if (!number || *number >= kChoices<IoClass>.size()) return read_optional_choice(raw, context, out);
    out = kChoices<IoClass>[*number].value;
    return true;
}

bool read_directories(const Raw& raw, const ValueContext& context, std::vector<Placed<std::string>>& out) {
    return for_each_word(raw, context, [&](const auto& word, const auto& where) { return add_directory(word, where, context, out); });
}

bool read_directory_mode(const Raw& raw, const ValueContext& context, mode_t& out) {
    const auto* text = raw.get<std::string>();
    const auto mode = text == nullptr ? std::nullopt : parse_digits(*text, 8);
    if (!mode || *mode > 07777) return context.refuse(raw.pos, "expected an octal string from \"0000\" to \"7777\"");
    out = static_cast<mode_t>(*mode);
    return true;
}

bool read_preserve_mode(const Raw& raw, const ValueContext& context, PreserveMode& out) {
    const auto* text = raw.get<std::string>();
    if (!context.is_unit || (text != nullptr && *text == name_of(PreserveMode::restart))) return read_choice(raw, context, out);
    bool preserve = false;
    if (!read_boolean(raw, context, preserve)) return false;
    out = preserve ? PreserveMode::yes : PreserveMode::no;
    return true;
}

} // namespace swathe
