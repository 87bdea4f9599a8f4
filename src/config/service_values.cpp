#include "config/service_values.h"

#include "config/exec_line.h"
#include "config/items.h"
#include "config/limits.h"
#include "config/service_name.h"
#include "config/specifier.h"
#include "config/values.h"
#include "config/words.h"

#include <algorithm>

namespace swathe {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

bool add_variable(std::string_view name, std::string_view value, const SourcePos& where, const ValueContext& context,
                  Environment& out) {
    if (!is_variable_name(name))
        return context.refuse(where, fmt::format("{} is no name of an environment variable", quoted(name)));
    if (name.size() + 1 + value.size() > limits::kWordBytes)
        return context.refuse(where, fmt::format("{} is longer than {} bytes", name, limits::kWordBytes));
    if (out.size() == limits::kEnvironment)
        return context.refuse(where, fmt::format("more than {} variables", limits::kEnvironment));
    out.emplace_back(name, value);
    return true;
}

bool add_assignment(std::string_view text, const SourcePos& where, const ValueContext& context, Environment& out) {
    const std::size_t equals = text.find('=');
    if (equals == text.npos) return context.refuse(where, fmt::format("{}: expected NAME=VALUE", quoted(text)));
    return add_variable(text.substr(0, equals), text.substr(equals + 1), where, context, out);
}

bool read_line(const std::string& line, const Raw& raw, const ValueContext& context, Environment& out) {
    const auto words = split_words(line);
    if (!words) return context.refuse(raw.pos, words.error().message);
    bool ok = true;
    for (const Word& word : *words) {
        if (word.unknown_escape && context.is_unit) { // systemd.exec(5): such a line is as good as not there
            ok = context.refuse(raw.pos, fmt::format("{}: unknown escape sequence", quoted(word.text)));
            continue;
        }
        if (word.unknown_escape) context.warn(raw.pos, "unknown escape sequence; the backslash is kept");
        const auto text = expand_specifiers(word.text, context.unit);
        ok =
            (text ? add_assignment(*text, raw.pos, context, out) : context.refuse(raw.pos, text.error().message)) && ok;
    }
    return ok;
}

bool read_table(const Raw::Table& table, const ValueContext& context, Environment& out) {
    bool ok = true;
    for (const RawEntry& entry : table) {
        const std::string* value = string_of(entry.value, context);
        ok = value != nullptr && add_variable(entry.key, *value, entry.pos, context, out) && ok;
    }
    return ok;
}

bool add_command(Command command, const SourcePos& where, const ValueContext& context, std::vector<Command>& out) {
    if (out.size() == limits::kCommands) return context.refuse(where, fmt::format("more than {} commands", limits::kCommands));
    command.pos = where;
    out.push_back(std::move(command));
    return true;
}

bool add_words(const Raw::List& list, const SourcePos& where, const ValueContext& context, std::vector<Command>& out) {
    std::vector<std::string> words;
    for (const Raw& item : list) {
        const std::string* word = string_of(item, context);
        if (word == nullptr) return false;
        words.push_back(*word);
    }
    auto command = command_of(std::move(words), context.unit);
    if (!command) return context.refuse(where, command.error().message);
    return add_command(std::move(*command), where, context, out);
}

bool add_line(const Raw& raw, const ValueContext& context, std::vector<Command>& out) {
    const std::string* line = string_of(raw, context);
    if (line == nullptr) return false;
    auto parsed = parse_exec_line(*line, context.unit);
    if (!parsed) return context.refuse(raw.pos, parsed.error().message);
    for (const std::string& warning : parsed->warnings) context.warn(raw.pos, warning);
    bool ok = true;
    for (Command& command : parsed->commands) ok = ok && add_command(std::move(command), raw.pos, context, out);
    return ok;
}

bool add_service(const Raw& raw, const ValueContext& context, std::vector<ServiceName>& out) {
    constexpr std::string_view kSuffix = ".service";
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    std::string_view name = *text;
    if (context.is_unit && !name.ends_with(kSuffix)) return true;
    if (context.is_unit) name.remove_suffix(kSuffix.size());
    if (const auto ok = check_service_name(name); !ok) return context.is_unit || context.refuse(raw.pos, ok.error().message);
    if (out.size() == limits::kServiceNames)
        return context.refuse(raw.pos, fmt::format("more than {} services", limits::kServiceNames));
    out.push_back({std::string(name), raw.pos});
    return true;
}

} // namespace

bool is_variable_name(std::string_view name) noexcept {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    return !name.empty() && letter(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool read_commands(const Raw& raw, const ValueContext& context, std::vector<Command>& out) {
    const auto* list = raw.get<Raw::List>();
    if (list == nullptr) return add_line(raw, context, out);
    const auto is_list = [](const Raw& item) { return item.get<Raw::List>() != nullptr; };
    if (std::none_of(list->begin(), list->end(), is_list)) return list->empty() || add_words(*list, raw.pos, context, out);
    bool ok = true;
    for (const Raw& item : *list) {
        const auto* words = item.get<Raw::List>();
        const bool taken =
            words != nullptr ? add_words(*words, item.pos, context, out)
                             : context.refuse(item.pos, fmt::format("expected a list of words as the others, found {}", item.kind()));
        ok = taken && ok;
    }
    return ok;
}

bool read_environment(const Raw& raw, const ValueContext& context, Environment& out) {
    if (const auto* table = raw.get<Raw::Table>()) return read_table(*table, context, out);
    if (const auto* list = raw.get<Raw::List>()) {
        bool ok = true;
        for (const Raw& item : *list) {
            const std::string* text = string_of(item, context);
            ok = text != nullptr && add_assignment(*text, item.pos, context, out) && ok;
        }
        return ok;
    }
    if (!context.is_unit)
        return context.refuse(raw.pos,
                              fmt::format("expected a table or a list of \"NAME=VALUE\", found {}", raw.kind()));
    const std::string* line = string_of(raw, context);
    return line != nullptr && read_line(*line, raw, context, out);
}

bool read_environment_files(const Raw& raw, const ValueContext& context, std::vector<EnvironmentFile>& out) {
    const auto take = [&](const Raw& item) {
        const std::string* text = string_of(item, context);
        if (text == nullptr) return false;
        const bool optional = text->starts_with('-');
        std::string path = text->substr(optional ? 1 : 0);
        if (!path.starts_with('/')) return context.refuse(item.pos, fmt::format("{} is no absolute path", quoted(*text)));
        if (path.size() > limits::kPathBytes) return context.refuse(item.pos, fmt::format("longer than {} bytes", limits::kPathBytes));
        if (out.size() == limits::kEnvironmentFiles)
            return context.refuse(item.pos, fmt::format("more than {} files", limits::kEnvironmentFiles));
        out.push_back({std::move(path), optional, item.pos});
        return true;
    };
    return each_item(raw, take);
}

bool read_working_directory(const Raw& raw, const ValueContext& context, Service& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    std::string_view path = *text;
    const bool optional = !path.empty() && path.front() == '-';
    if (optional) path.remove_prefix(1);
    if (path != "~" && (path.empty() || path.front() != '/'))
        return context.refuse(raw.pos, fmt::format("{} is neither an absolute path nor \"~\"", quoted(*text)));
    if (path.size() > limits::kPathBytes)
        return context.refuse(raw.pos, fmt::format("longer than {} bytes", limits::kPathBytes));
    out.working_directory = Placed<std::string>{std::string(path), raw.pos};
    out.working_directory_optional = optional;
    return true;
}

bool read_both_timeouts(const Raw& raw, const ValueContext& context, Service& out) {
    if (!read_timeout(raw, context, out.timeout_stop_sec)) return false;
    out.timeout_start_sec = out.timeout_stop_sec;
    return true;
}

bool read_service_names(const Raw& raw, const ValueContext& context, std::vector<ServiceName>& out) {
    return each_item(raw, [&](const Raw& item) { return add_service(item, context, out); });
}

bool read_pid_file(const Raw& raw, const ValueContext& context, std::optional<Placed<std::string>>& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    const std::string path = text->starts_with('/') ? *text : "/run/" + *text;
    const auto parts = split(path, '/');
    if (text->empty() || path.back() == '/' || std::find(parts.begin(), parts.end(), "..") != parts.end())
        return context.refuse(raw.pos, fmt::format("{} is no path of a file without \"..\"", quoted(*text)));
    if (path.size() > limits::kPathBytes) return context.refuse(raw.pos, fmt::format("longer than {} bytes", limits::kPathBytes));
    out = Placed<std::string>{path, raw.pos};
    return true;
}

bool read_workers(const Raw& raw, const ValueContext& context, std::uint32_t& out) {
    std::uint32_t count = 0;
    if (!read_count(raw, context, count)) return false;
    if (count < 1 || count > limits::kWorkers)
        return context.refuse(raw.pos, fmt::format("expected an integer from 1 to {}", limits::kWorkers));
    out = count;
    return true;
}

} // namespace swathe
