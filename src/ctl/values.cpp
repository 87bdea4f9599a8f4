#include "ctl/values.h"

#include "base/text.h"
#include "config/build.h"
#include "config/canonical.h"
#include "config/systemd_units.h"
#include "config/write_toml.h"
#include "config/write_unit.h"
#include "ctl/keys.h"
#include "ctl/text.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace swathe::ctl {
namespace {

using Values = std::vector<ShownValue>;
using Json = nlohmann::ordered_json;

/// Line 0 is what a unit means without saying it.
bool is_implied(const SourcePos& where) noexcept { return where.line == 0; }

bool same_line(const SourcePos& a, const SourcePos& b) noexcept { return a.file == b.file && a.line == b.line; }

/// The parts of a list, a part for each run of elements that stand on one line.
std::vector<ShownValue::Part> parts_of(const Directive& directive, const Setting& setting) {
    const auto* list = setting.value.get<Raw::List>();
    if (list == nullptr || list->empty()) return {{{}, {setting.pos}}};
    std::vector<ShownValue::Part> parts;
    for (auto from = list->begin(); from != list->end();) {
        const auto to =
            std::find_if(from, list->end(), [&](const Raw& item) { return !same_line(item.pos, from->pos); });
        parts.push_back({toml_value(directive, Raw{Raw::List(from, to), from->pos}), {from->pos}});
        from = to;
    }
    return parts;
}

ShownValue default_of(const Directive& directive, std::string_view block, const std::string& listener, Format format) {
    return {&directive, std::string(block), listener, std::string(default_in(directive, format)), {}, true};
}

void add_block(Values& values, const Block& block, Scope scope, std::string_view title, const std::string& listener) {
    for (const Directive& directive : directives()) {
        if (directive.scope != scope || directive.toml_key.empty()) continue;
        const Setting* setting = block.find(directive.name());
        if (setting == nullptr) {
            values.push_back(default_of(directive, title, listener, Format::toml));
            continue;
        }
        const std::string text = toml_value(directive, setting->value);
        if (is_implied(setting->pos))
            values.push_back({&directive, std::string(title), listener, text, {}, true});
        else
            values.push_back({&directive, std::string(title), listener, text, parts_of(directive, *setting), false});
    }
}

std::string listener_name(const WrittenService& service, const Block& listener) {
    const Setting* name = listener.find("name");
    const auto* text = name == nullptr ? nullptr : name->value.get<std::string>();
    if (text != nullptr) return *text;
    return service.text.accepts ? std::string(kConnectionName) : service.name;
}

/// Does the directive stand in this kind of unit at all?
bool fits(const Directive& directive, UnitKind kind) {
    return find_unit_directive(kind, directive.unit_section, directive.unit_key) == &directive;
}

void add_unit(Values& values, const UnitFile& unit) {
    const UnitKind kind = unit.name.ends_with(".socket") ? UnitKind::socket : UnitKind::service;
    for (const Directive& directive : directives()) {
        if (directive.unit_key.empty() || !fits(directive, kind)) continue;
        const bool elsewhere =
            kind == UnitKind::socket &&
            (directive.scope == Scope::file || (directive.scope == Scope::service && directive.unit_section != "Socket"));
        bool said = elsewhere; // the .service unit says it
        for (const UnitFile::Line& line : unit.lines) {
            if (line.directive != &directive) continue;
            const bool implied = std::all_of(line.places.begin(), line.places.end(), is_implied);
            values.push_back({&directive, unit.name, {}, line.value, {}, implied});
            if (!implied) values.back().parts.push_back({{}, line.places});
            said = true;
        }
        if (!said) values.push_back(default_of(directive, unit.name, {}, Format::unit));
    }
}

/// "FILE:LINE", each once.
std::string place_text(const std::vector<SourcePos>& places) {
    std::string text;
    const SourcePos* last = nullptr;
    for (const SourcePos& where : places) {
        if (last != nullptr && same_line(*last, where)) continue;
        text += fmt::format("{}{}", text.empty() ? "" : " ", SourcePos{where.file, where.line, 0}.to_string());
        last = &where;
    }
    return text;
}

std::string origin_of(const ShownValue& value) {
    if (value.is_default) return "default";
    std::vector<SourcePos> places;
    for (const ShownValue::Part& part : value.parts)
        places.insert(places.end(), part.places.begin(), part.places.end());
    return place_text(places);
}

/// timeout_sec sets two others, as far as these are not set themselves.
void spread_timeout(Values& values) {
    const auto both = std::find_if(values.begin(), values.end(), [](const ShownValue& value) {
        return value.directive->toml_key == "timeout_sec" && !value.is_default;
    });
    if (both == values.end()) return;
    for (ShownValue& value : values) {
        const std::string_view key = value.directive->toml_key;
        if (!value.is_default || (key != "timeout_start_sec" && key != "timeout_stop_sec")) continue;
        value.text = both->text;
        value.parts = both->parts;
        value.is_default = false;
    }
}

std::string title_of(const ShownValue& value, Format names) {
    if (names == Format::unit) return fmt::format("# {} [{}]", value.block, value.directive->unit_section);
    if (value.block.empty()) return "# the service as a whole";
    return value.block == "listen" ? fmt::format("# listener {}", escaped(value.listener)) : "# " + value.block;
}

void add_rows(Table& table, const ShownValue& value, std::string_view key) {
    if (value.parts.size() < 2) return table.add({fmt::format("{} = {}", key, escaped(value.text)), origin_of(value)});
    for (const ShownValue::Part& part : value.parts)
        table.add({fmt::format("{} {} {}", key, &part == &value.parts.front() ? "=" : "+", escaped(part.text)),
                   place_text(part.places)});
}

Json json_of(const std::vector<SourcePos>& places) {
    Json list = Json::array();
    for (const SourcePos& where : places)
        list.push_back({{"file", where.file.name()}, {"line", where.line}, {"column", where.column}});
    return list;
}

Json json_of(const ShownValue& value, Format names) {
    Json object;
    object[names == Format::unit ? "unit" : "block"] = value.block;
    object["listener"] = value.listener.empty() ? Json() : Json(value.listener);
    if (names == Format::unit) object["section"] = value.directive->unit_section;
    object["key"] = names == Format::unit ? value.directive->unit_key : value.directive->name();
    object["value"] = value.text;
    object["default"] = value.is_default;
    object["parts"] = Json::array();
    for (const ShownValue::Part& part : value.parts)
        object["parts"].push_back(
            {{"value", part.text.empty() ? value.text : part.text}, {"places", json_of(part.places)}});
    return object;
}

/// The block as its file has it, where the instance of a connection is named by specifiers.
Block shown(Block block, bool of_connection) {
    if (of_connection)
        for (Setting& setting : block.settings) setting.value = with_instance_named(*setting.directive, std::move(setting.value));
    return block;
}

} // namespace

std::vector<ShownValue> values_in_toml(const WrittenService& service) {
    Values values;
    const bool accepts = service.text.accepts;
    add_block(values, shown(service.text.file, accepts), Scope::file, "", {});
    for (const Block& listener : service.text.listeners)
        add_block(values, listener, Scope::listen, "listen", listener_name(service, listener));
    add_block(values, shown(service.text.service, accepts), Scope::service, "service", {});
    spread_timeout(values);
    return values;
}

std::vector<ShownValue> values_in_units(const WrittenService& service, Report& left_out) {
    Values values;
    for (const UnitFile& unit : to_units(service, left_out)) {
        Values own;
        add_unit(own, unit);
        std::stable_sort(own.begin(), own.end(), [](const ShownValue& a, const ShownValue& b) {
            return section_rank(*a.directive) < section_rank(*b.directive);
        });
        std::move(own.begin(), own.end(), std::back_inserter(values));
    }
    spread_timeout(values);
    return values;
}

std::vector<ShownValue> values_beside(const BesideText& unit) {
    const std::string& name = unit.sources.name;
    Values values;
    for (const Directive& directive : directives()) {
        if (!is_for_systemd_units(directive)) continue;
        std::vector<const Setting*> settings; // each on a line of its own: the words in front of ranges belong to their lines
        for (const Setting& setting : unit.ours.settings)
            if (setting.directive == &directive) settings.push_back(&setting);
        if (directive.repeat == Repeat::replace && settings.size() > 1) settings.erase(settings.begin(), settings.end() - 1);
        for (const Setting* setting : settings)
            for (std::string& text : unit_values(directive, canonical_value({setting}, Format::unit, name)))
                values.push_back({&directive, name, {}, std::move(text), {{{}, {setting->pos}}}, false});
        if (settings.empty()) values.push_back({&directive, name, {}, std::string(default_beside_systemd(directive)), {}, true});
    }
    return values;
}

std::vector<ShownValue> only_keys(std::vector<ShownValue> values, const std::vector<std::string>& keys,
                                  std::string& unknown) {
    if (keys.empty()) return values;
    std::vector<const Directive*> wanted;
    for (const std::string& key : keys) {
        const auto called = directives_called(key);
        if (called.empty() || key.empty()) return unknown = key, Values{};
        wanted.insert(wanted.end(), called.begin(), called.end());
    }
    const auto is_unwanted = [&](const ShownValue& v) {
        return std::find(wanted.begin(), wanted.end(), v.directive) == wanted.end();
    };
    values.erase(std::remove_if(values.begin(), values.end(), is_unwanted), values.end());
    return values;
}

std::string values_table(const std::vector<ShownValue>& values, Format names) {
    std::string text, title;
    Table table;
    const auto flush = [&] {
        text += table.to_string();
        table = {};
    };
    for (const ShownValue& value : values) {
        if (const std::string own = title_of(value, names); own != title) {
            flush();
            text += fmt::format("{}{}\n", text.empty() ? "" : "\n", own);
            title = own;
        }
        add_rows(table, value, names == Format::unit ? value.directive->unit_key : value.directive->name());
    }
    flush();
    return text;
}

std::string values_json(const std::string& service, Format written, const std::vector<std::string>& files,
                        const std::vector<ShownValue>& values, Format names) {
    Json object;
    object["service"] = service;
    object["format"] = written == Format::unit ? "units" : "toml";
    object["files"] = files;
    object["values"] = Json::array();
    for (const ShownValue& value : values) object["values"].push_back(json_of(value, names));
    return object.dump(-1, ' ', true, Json::error_handler_t::replace);
}

} // namespace swathe::ctl
