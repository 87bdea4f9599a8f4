#include "ctl/keys.h"

#include "base/text.h"
#include "ctl/since.h"
#include "ctl/text.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <strings.h>

namespace swathe::ctl {
namespace {

bool same_letters(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

/// "[Service] ExecStart="; "" = not in unit files.
std::string in_units(const Directive& directive) {
    return directive.unit_key.empty() ? "" : fmt::format("[{}] {}=", directive.unit_section, directive.unit_key);
}

std::string in_toml(const Directive& directive) {
    if (directive.toml_key.empty()) return {};
    return directive.scope == Scope::daemon ? fmt::format("{} of swathe.toml", to_string(directive.scope))
                                            : std::string(to_string(directive.scope));
}

const char* repeat_of(const Directive& directive) {
    return directive.repeat == Repeat::add ? "all count" : "the last one counts";
}

std::string default_of(const Directive& directive) {
    return directive.default_text.empty() ? "required" : std::string(directive.default_text);
}

nlohmann::ordered_json json_of(const Directive& directive) {
    const auto text = [](std::string_view value) {
        return value.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(value);
    };
    nlohmann::ordered_json object;
    object["key"] = text(directive.toml_key);
    object["table"] = text(in_toml(directive));
    object["section"] = text(directive.unit_section);
    object["unit_key"] = text(directive.unit_key);
    object["type"] = to_string(directive.type);
    object["choices"] = nlohmann::ordered_json::array();
    if (directive.choices != nullptr)
        for (const std::string_view word : directive.choices()) object["choices"].push_back(word);
    object["default"] = text(directive.default_text);
    object["adds_up"] = directive.repeat == Repeat::add;
    object["since"] = text(since_of(directive));
    object["summary"] = directive.summary;
    return object;
}

} // namespace

std::vector<const Directive*> directives_called(std::string_view key) {
    if (key.ends_with('=')) key.remove_suffix(1);
    std::vector<const Directive*> found;
    for (const Directive& directive : directives())
        if (key.empty() || directive.toml_key == key || same_letters(directive.unit_key, key))
            found.push_back(&directive);
    return found;
}

std::string nearest_key(std::string_view key) {
    std::vector<std::string_view> known;
    for (const Directive& directive : directives())
        for (const std::string_view name : {directive.toml_key, directive.unit_key})
            if (!name.empty()) known.push_back(name);
    return std::string(nearest_name(key, known).value_or(""));
}

std::string keys_table(const std::vector<const Directive*>& all) {
    Table table;
    table.add({"KEY", "IN", "UNIT FILES", "TYPE", "DEFAULT"});
    for (const Directive* d : all)
        table.add({std::string(d->name()), std::string(to_string(d->scope)), in_units(*d),
                   std::string(to_string(d->type)), default_of(*d)});
    return table.to_string();
}

std::string keys_in_full(const std::vector<const Directive*>& all) {
    std::string text;
    for (const Directive* d : all) {
        Table facts;
        if (!d->toml_key.empty()) facts.add({"  TOML:", fmt::format("{} in {}", d->toml_key, in_toml(*d))});
        if (!d->unit_key.empty()) facts.add({"  Unit files:", in_units(*d)});
        facts.add({"  Type:", std::string(to_string(d->type))});
        if (d->choices != nullptr) facts.add({"  Words:", fmt::format("{}", fmt::join(d->choices(), ", "))});
        facts.add({"  Default:", default_of(*d)});
        facts.add({"  Given twice:", repeat_of(*d)});
        if (const std::string since = since_of(*d); !since.empty()) facts.add({"  Since:", since});
        text += fmt::format("{}{}: {}\n{}", text.empty() ? "" : "\n", d->name(), d->summary, facts.to_string());
    }
    return text;
}

std::string keys_json(const std::vector<const Directive*>& all) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Directive* directive : all) list.push_back(json_of(*directive));
    return list.dump(-1, ' ', true);
}

} // namespace swathe::ctl
