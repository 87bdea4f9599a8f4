#include "config/canonical.h"

#include "config/cgroup_values.h"
#include "config/connection_values.h"
#include "config/exec_line.h"
#include "config/exec_values.h"
#include "config/limit_values.h"
#include "config/number.h"
#include "config/specifier.h"
#include "config/time_span.h"
#include "config/values.h"
#include "config/words.h"
#include "model/socket_stage.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>

namespace swathe {
namespace {

using T = ValueType;

/// A setting with what its reading needs.
struct Source {
    const Directive& directive;
    Format format;
    UnitId unit;
};

/// What a reader makes of a value; nothing if it refuses it.
template <class V, class Read> std::optional<V> read_as(const Raw& raw, Format format, Read read) {
    Report report;
    V value{};
    return read(raw, ValueContext{report, {}, {}, format == Format::unit}, value) ? std::optional<V>(std::move(value))
                                                                                  : std::nullopt;
}

std::string text_of(const Raw& raw) {
    if (const auto* text = raw.get<std::string>()) return *text;
    if (const auto* number = raw.get<std::int64_t>()) return std::to_string(*number);
    return {};
}

/// "1536M": the largest unit that leaves no fraction.
std::string size_text(std::uint64_t bytes) {
    constexpr std::string_view kSuffixes = "KMGTPE";
    std::size_t power = 0;
    while (power < kSuffixes.size() && bytes != 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        ++power;
    }
    return power == 0 ? std::to_string(bytes) : fmt::format("{}{}", bytes, kSuffixes[power - 1]);
}

/// One end of a limit, or an amount: a size in its shortest form, a plain number in digits. Other limits may mean another number by the
/// same text, as "1.5" seconds are 2, and keep it.
std::string amount_text(const Source& source, std::string_view text) {
    const bool in_bytes = takes_in_toml(source.directive, Raw{"1K", {}});
    const bool counts = source.directive.type == T::amount || // a limit of nice has a meaning for signs
                        (takes_in_toml(source.directive, Raw{"0x1", {}}) && !text.starts_with('+'));
    const auto number = in_bytes ? parse_size(text) : counts ? parse_unsigned(text) : std::nullopt;
    if (!number) return std::string(text);
    return in_bytes ? size_text(*number) : std::to_string(*number);
}

Raw amount_of(const Source& source, const Raw& raw) {
    const std::string text = text_of(raw);
    const std::size_t colon = source.directive.type == T::limit ? text.find(':') : text.npos;
    std::string shortest = amount_text(source, std::string_view(text).substr(0, colon));
    if (colon != text.npos) shortest += ":" + amount_text(source, std::string_view(text).substr(colon + 1));
    const auto number = parse_unsigned(shortest);
    if (number && std::to_string(*number) == shortest && *number <= std::numeric_limits<std::int64_t>::max())
        return {static_cast<std::int64_t>(*number), raw.pos};
    return {std::move(shortest), raw.pos};
}

Raw octal_of(const Raw& raw) {
    const auto* text = raw.get<std::string>();
    if (text == nullptr) return raw;
    const auto mode = parse_digits(*text, 8);
    return mode ? Raw{fmt::format("{:04o}", *mode), raw.pos} : raw;
}

/// systemd has longer names of units of time, and two letters for "micro".
std::string without_micro(std::string text) {
    for (const std::string_view micro : {"\u00b5", "\u03bc"})
        if (text.starts_with(micro)) text.replace(0, micro.size(), "u");
    return text;
}

/// The word of the table for one that only units have: "ns" for "nsec", and for a boolean the last or the first if
/// there are no "yes" and "no" among them.
Raw choice_of(const Source& source, const Raw& raw) {
    const auto words = source.directive.choices();
    const auto is_word = [&](std::string_view text) {
        return std::find(words.begin(), words.end(), text) != words.end();
    };
    const std::string text = without_micro(text_of(raw));
    if (is_word(text)) return {text, raw.pos};
    if (source.directive.toml_key == "io_scheduling_class") // where "1" is no boolean
        if (const auto io_class = read_as<std::optional<IoClass>>(raw, source.format, read_io_class))
            return {std::string(name_of(**io_class)), raw.pos};
    if (const auto on = read_as<bool>(raw, source.format, read_boolean)) {
        const std::string_view named = *on ? "yes" : "no";
        return {std::string(is_word(named) ? named : *on ? words.back() : words.front()), raw.pos};
    }
    const auto begins = [&](std::string_view word) { return text.starts_with(word); };
    const auto longer = std::find_if(words.begin(), words.end(), begins);
    return source.format == Format::unit && longer != words.end() ? Raw{std::string(*longer), raw.pos} : raw;
}

/// A list of addresses is named relative to the file that names it.
Raw path_of(const Source& source, const Raw& raw) {
    const auto* text = raw.get<std::string>();
    const bool of_file = source.directive.scope == Scope::listen || source.directive.scope == Scope::rule;
    const bool is_list = of_file && source.directive.toml_key.ends_with("_file");
    if (!is_list || text == nullptr || text->empty() || text->front() == '/') return raw;
    std::error_code ignored; // an empty path then, and the name stays relative
    const auto directory = std::filesystem::absolute(raw.pos.file.name(), ignored).parent_path();
    return {(directory / *text).lexically_normal().string(), raw.pos};
}

/// Ranges, in digits.
Raw processors_of(const Source& source, const Raw& raw) {
    const auto all = read_as<std::vector<unsigned>>(raw, source.format, read_processors);
    if (raw.get<std::string>() == nullptr || !all || all->empty()) return raw;
    std::string text;
    for (auto first = all->begin(); first != all->end();) {
        const auto gap = std::adjacent_find(first, all->end(), [](unsigned a, unsigned b) { return b != a + 1; });
        const auto last = gap == all->end() ? all->end() - 1 : gap;
        text += fmt::format("{}{}", text.empty() ? "" : " ", *first);
        if (last != first) text += fmt::format("-{}", *last);
        first = last + 1;
    }
    return {std::move(text), raw.pos};
}

Raw scalar_of(const Source& source, const Raw& raw) {
    switch (source.directive.type) {
    case T::boolean:
    case T::namespaces: // a boolean, or a line
        if (const auto on = read_as<bool>(raw, source.format, source.directive.toml_key == "delegate" ? read_delegate : read_boolean))
            return {*on, raw.pos};
        return raw;
    case T::time_span:
        if (const auto span = read_as<std::optional<Duration>>(raw, source.format, read_delay_ceiling))
            return {format_time_span(span->value_or(kInfinity)), raw.pos};
        return raw;
    case T::count:
    case T::signal:
    case T::error_number:
    case T::statuses: // a number, or a name
        if (const auto number = parse_signed(text_of(raw))) return {*number, raw.pos};
        return raw;
    case T::decimal:
        if (const auto load = read_as<std::optional<double>>(raw, source.format, read_load)) return {**load, raw.pos};
        return raw;
    case T::quoted_text:
        if (auto text = read_as<std::string>(raw, source.format, read_banner)) return {std::move(*text), raw.pos};
        return raw;
    case T::octal: return octal_of(raw);
    case T::limit:
    case T::amount:
    case T::size: return amount_of(source, raw);
    case T::choice: return choice_of(source, raw);
    case T::path: return path_of(source, raw);
    case T::account: return {text_of(raw), raw.pos};
    case T::processors: return processors_of(source, raw);
    case T::day_times:
    case T::log_fields:
    case T::rate:
    case T::text:
    case T::name:
    case T::percentage:
    case T::accounts:
    case T::paths:
    case T::commands:
    case T::services:
    case T::conditions:
    case T::environment:
    case T::names:
    case T::directories:
    case T::stream:
    case T::capabilities:
    case T::protocols:
    case T::addresses:
    case T::ports:
    case T::endpoints:
    case T::prefixes:
    case T::interfaces:
    case T::netns:
    case T::socket_address:
    case T::system_calls:
    case T::address_families:
    case T::architectures: return raw;
    }
    return raw;
}

void add_words(const Source& source, const Raw& raw, Raw::List& out) {
    const auto* text = raw.get<std::string>();
    if (const auto* list = raw.get<Raw::List>()) {
        for (const Raw& item : *list) add_words(source, item, out);
    } else if (text == nullptr || source.format == Format::toml || is_word_list(source.directive.type)) {
        out.push_back(source.directive.type == T::accounts ? Raw{text_of(raw), raw.pos} : scalar_of(source, raw));
    } else if (const auto words = split_words(*text)) {
        for (const Word& word : *words) out.push_back(scalar_of(source, {word.text, raw.pos}));
    } else {
        out.push_back(raw);
    }
}

/// In units the services among the units that are named; others mean nothing.
void add_service(const Source& source, const Raw& raw, Raw::List& out) {
    constexpr std::string_view kSuffix = ".service";
    Raw::List words;
    add_words(source, raw, words);
    for (Raw& word : words) {
        auto* text = std::get_if<std::string>(&word.value);
        if (source.format == Format::unit) {
            if (text == nullptr || !text->ends_with(kSuffix)) continue;
            text->resize(text->size() - kSuffix.size());
        }
        out.push_back(std::move(word));
    }
}

Raw command_of(const Command& command, const SourcePos& where) {
    const bool plain = !command.ignore_failure && !command.privileged && !command.keep_user && !command.argv.empty() &&
                       command.argv.front() == command.path;
    const auto has_dollar = [](const std::string& word) { return word.find('$') != word.npos; };
    if (!plain || std::any_of(command.argv.begin(), command.argv.end(), has_dollar))
        return {to_exec_line(command), where};
    Raw::List words;
    for (const std::string& word : command.argv) words.push_back({word, where});
    return {std::move(words), where};
}

void add_commands(const Source& source, const Raw& raw, Raw::List& out) {
    Report report;
    const ValueContext context{report, source.directive.toml_key, source.unit, source.format == Format::unit};
    Service service;
    if (source.directive.scope != Scope::service || !source.directive.set(raw, context, &service))
        return out.push_back(raw);
    const auto add_list = [&out](const std::vector<Command>& list) {
        for (const Command& command : list) out.push_back(command_of(command, command.pos));
    };
    for (const auto& [key, list] : commands_of(service)) add_list(*list); // one of them has commands
    for (const auto& [key, list] : socket_commands_of(service)) add_list(*list);
}

void add_variables(const Source& source, const Raw& raw, Raw::List& out) {
    Service service;
    Report report;
    const ValueContext context{report, source.directive.toml_key, source.unit, source.format == Format::unit};
    if (const auto* table = raw.get<Raw::Table>()) {
        for (const RawEntry& entry : *table)
            out.push_back({fmt::format("{}={}", entry.key, text_of(entry.value)), entry.pos});
    } else if (const auto* list = raw.get<Raw::List>()) {
        out.insert(out.end(), list->begin(), list->end());
    } else if (source.directive.scope == Scope::service && source.directive.set(raw, context, &service)) {
        for (const auto& [name, value] : service.environment)
            out.push_back({fmt::format("{}={}", name, value), raw.pos});
    } else {
        out.push_back(raw);
    }
}

void add(const Source& source, const Raw& raw, Raw::List& out) {
    switch (shape_of(source.directive)) {
    case Shape::scalar: out.push_back(scalar_of(source, raw)); break;
    case Shape::words:
        if (source.directive.type == T::services) return add_service(source, raw, out);
        add_words(source, raw, out);
        break;
    case Shape::lines:
        if (const auto* list = raw.get<Raw::List>())
            for (const Raw& item : *list) out.push_back(scalar_of(source, item));
        else
            out.push_back(scalar_of(source, raw));
        break;
    case Shape::commands: add_commands(source, raw, out); break;
    case Shape::variables: add_variables(source, raw, out); break;
    }
}

} // namespace

Shape shape_of(const Directive& directive) noexcept {
    switch (directive.type) {
    case T::commands: return Shape::commands;
    case T::environment: return Shape::variables;
    case T::accounts:
    case T::paths:
    case T::services:
    case T::statuses:
    case T::names:
    case T::directories:
    case T::day_times:
    case T::log_fields:
    case T::protocols:
    case T::addresses:
    case T::ports:
    case T::endpoints:
    case T::prefixes:
    case T::interfaces: return Shape::words;
    case T::processors:
    case T::conditions:
    case T::capabilities:
    case T::system_calls:
    case T::address_families:
    case T::namespaces:
    case T::architectures: return Shape::lines;
    case T::path: return directive.repeat == Repeat::add ? Shape::lines : Shape::scalar;
    case T::text:
    case T::name:
    case T::choice:
    case T::boolean:
    case T::count:
    case T::time_span:
    case T::octal:
    case T::limit:
    case T::amount:
    case T::percentage:
    case T::account:
    case T::signal:
    case T::stream:
    case T::netns:
    case T::socket_address:
    case T::error_number:
    case T::quoted_text:
    case T::decimal:
    case T::rate:
    case T::size: return Shape::scalar;
    }
    return Shape::scalar;
}

Raw canonical_value(const std::vector<const Setting*>& settings, Format format, const UnitId& unit) {
    const Directive& directive = *settings.back()->directive;
    const Source source{directive, format, unit};
    if (shape_of(directive) == Shape::scalar) return scalar_of(source, settings.back()->value);
    Raw::List all;
    for (const Setting* setting : settings) add(source, setting->value, all);
    return {std::move(all), settings.front()->value.pos};
}

bool takes_in_toml(const Directive& directive, const Raw& raw) {
    Report report;
    DaemonSettings daemon;
    GlobalRule rule;
    Service service;
    Listener listener;
    SocketUnit socket;
    const ValueContext context{report, directive.toml_key, "x.service", false};
    switch (directive.scope) {
    case Scope::daemon: return directive.set(raw, context, &daemon);
    case Scope::rule: return directive.set(raw, context, &rule);
    case Scope::file:
    case Scope::service: return directive.set(raw, context, &service);
    case Scope::listen: return directive.set(raw, context, &listener);
    case Scope::socket_unit: return directive.set(raw, context, &socket);
    }
    return false;
}

std::string_view default_in(const Directive& directive, Format format) noexcept {
    constexpr std::string_view kInUnits = " in unit files";
    const std::string_view text = directive.default_text;
    if (!text.ends_with(kInUnits)) return text;
    const std::size_t cut = text.find("; ");
    if (format == Format::toml) return text.substr(0, cut);
    return text.substr(cut + 2, text.size() - cut - 2 - kInUnits.size());
}

} // namespace swathe
