#include "config/write_toml.h"

#include "base/text.h"
#include "config/canonical.h"
#include "config/exec_line.h"
#include "config/words.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

std::string value_text(const Raw& value);

std::string list_text(const Raw::List& list) {
    std::string text;
    for (const Raw& item : list) text += (text.empty() ? "" : ", ") + value_text(item);
    return "[" + text + "]";
}

std::string table_text(const Raw::Table& table) {
    std::string text;
    for (const RawEntry& entry : table)
        text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", toml_string(entry.key), value_text(entry.value));
    return "{ " + text + " }";
}

struct ValueText {
    std::string operator()(const std::string& text) const { return toml_string(text); }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(bool on) const { return on ? "true" : "false"; }
    std::string operator()(const Raw::List& list) const { return list_text(list); }
    std::string operator()(const Raw::Table& table) const { return table_text(table); }
    std::string operator()(const Raw::Other& other) const { return toml_string(other.name); }
};

std::string value_text(const Raw& value) { return std::visit(ValueText{}, value.value); }

/// A command among several of which one is a line.
std::string line_of(const Raw& command) {
    const auto* words = command.get<Raw::List>();
    if (words == nullptr) return std::get<std::string>(command.value);
    Command plain;
    for (const Raw& word : *words) plain.argv.push_back(std::get<std::string>(word.value));
    plain.path = plain.argv.front();
    return to_exec_line(plain);
}

/// TOML takes a line, the words of a command, or a list of such words; but no list of lines.
std::string commands_text(const Raw& value) {
    const auto* commands = value.get<Raw::List>();
    if (commands == nullptr || commands->empty()) return value_text(value);
    if (commands->size() == 1) return value_text(commands->front());
    const auto is_words = [](const Raw& command) { return command.get<Raw::List>() != nullptr; };
    if (std::all_of(commands->begin(), commands->end(), is_words)) return list_text(*commands);
    std::string line;
    for (const Raw& command : *commands) line += (line.empty() ? "" : " ; ") + line_of(command);
    return toml_string(line);
}

/// Which values have specifiers.
enum class Specifiers : std::uint8_t {
    lines, ///< those of lines of commands alone
    all,   ///< in the file of an instance, and of a service with one per connection
};

bool has_line(const Directive& directive, const Raw& value) {
    const auto* list = value.get<Raw::List>();
    const auto is_line = [](const Raw& command) { return command.get<std::string>() != nullptr; };
    return directive.type == ValueType::commands && list != nullptr && std::any_of(list->begin(), list->end(), is_line);
}

void name_instance(Raw& value) {
    if (auto* text = std::get_if<std::string>(&value.value)) *text = with_instance_specifiers(*text);
    if (auto* list = std::get_if<Raw::List>(&value.value))
        for (Raw& item : *list) name_instance(item);
}

void escape_all(Raw& value) {
    if (auto* text = std::get_if<std::string>(&value.value)) *text = escape_specifiers(*text);
    if (auto* list = std::get_if<Raw::List>(&value.value))
        for (Raw& item : *list) escape_all(item);
}

/// Where a per cent sign is a specifier; in a line of commands it has been written so already.
Raw with_specifiers_escaped(const Directive& directive, Raw value) {
    if (!has_per_cent_signs(directive.type) && !has_line(directive, value)) escape_all(value);
    return value;
}

std::string block_text(const Block& block, Specifiers specifiers, bool of_connection) {
    std::string text;
    for (const Directive& directive : directives()) // general keys first, whatever the order of the files
        for (const Setting& setting : block.settings)
            if (setting.directive == &directive) {
                Raw value = specifiers == Specifiers::all ? with_specifiers_escaped(directive, setting.value) : setting.value;
                if (of_connection) value = with_instance_named(directive, std::move(value));
                text += fmt::format("{} = {}\n", directive.toml_key, toml_value(directive, value));
            }
    return text;
}

} // namespace

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const char c = text.front();
        if (c == '"' || c == '\\')
            out.append({'\\', c});
        else if (length == 0)
            out += "\\uFFFD";
        else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        else
            out += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return out + '"';
}

Raw with_instance_named(const Directive& directive, Raw value) {
    if (has_line(directive, value))
        for (Raw& command : std::get<Raw::List>(value.value)) command.value = line_of(command); // its specifiers are escaped before
    name_instance(value);
    return value;
}

std::string toml_value(const Directive& directive, const Raw& value) {
    return directive.type == ValueType::commands ? commands_text(value) : value_text(value);
}

std::string to_toml(const WrittenService& service) {
    const bool of_connection = service.text.accepts;
    const bool instance = service.name.find('@') != service.name.npos;
    const Specifiers of_file = instance ? Specifiers::all : Specifiers::lines;
    std::string text = block_text(service.text.file, of_file, of_connection);
    const auto add = [&](const std::string& header, const Block& block, Specifiers specifiers) {
        text += fmt::format("{}{}\n{}", text.empty() ? "" : "\n", header, block_text(block, specifiers, of_connection));
    };
    for (const Block& listener : service.text.listeners) add("[[listen]]", listener, of_file);
    add("[service]", service.text.service, of_connection ? Specifiers::all : of_file);
    return text;
}

} // namespace swathe
