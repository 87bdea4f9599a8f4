#include "ctl/schema.h"

#include "config/canonical.h"
#include "config/directives.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace swathe::ctl {
namespace {

using Json = nlohmann::ordered_json;
using T = ValueType;

Json text() { return {{"type", "string"}}; }
Json text(std::string_view pattern) { return {{"type", "string"}, {"pattern", pattern}}; }
Json number(std::int64_t least, std::int64_t most) {
    return {{"type", "integer"}, {"minimum", least}, {"maximum", most}};
}
Json natural() { return {{"type", "integer"}, {"minimum", 0}}; }
Json any_of(std::initializer_list<Json> forms) { return {{"anyOf", Json(forms)}}; }

Json words(const Directive& directive) {
    Json list = Json::array();
    for (const std::string_view word : directive.choices()) list.push_back(word);
    return {{"enum", std::move(list)}};
}

// Character classes rather than grammars: an editor runs these on whatever is typed, and nested repetitions take
// exponential time.
constexpr std::string_view kSize = "^ *[0-9][0-9. BKMGTPE]*$";
constexpr std::string_view kTimeSpan = "^ *(infinity *|[0-9.][0-9. a-zA-Z\\u00b5\\u03bc]*)$";
constexpr std::string_view kAddresses = "^[0-9A-Fa-f:.]+(/[0-9]{1,3}|-[0-9A-Fa-f:.]+)?$";
constexpr std::string_view kPorts = "^(all|\\*|[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?)$";
constexpr std::string_view kVariable = "^[A-Za-z_][A-Za-z0-9_]*";

Json integers(const Directive& directive) {
    const auto takes = [&](std::int64_t value) { return takes_in_toml(directive, Raw{value, {}}); };
    Json form{{"type", "integer"}};
    if (!takes(-1)) form["minimum"] = takes(0) ? 0 : 1;
    return form;
}

/// A value, or an element of a list.
Json element(const Directive& directive) {
    switch (directive.type) {
    case T::boolean: return {{"type", "boolean"}};
    case T::choice:
        if (takes_in_toml(directive, Raw{true, {}})) return any_of({words(directive), {{"type", "boolean"}}});
        return words(directive);
    case T::protocols: return words(directive);
    case T::count: // of types of service, some numbers have names
        if (takes_in_toml(directive, Raw{std::string("low-delay"), {}})) return any_of({integers(directive), text("^[a-z-]+$")});
        if (takes_in_toml(directive, Raw{std::string("unlimited"), {}}))
            return any_of({integers(directive), text("^(unlimited|infinity)$")});
        return integers(directive);
    case T::decimal: return {{"type", "number"}, {"exclusiveMinimum", 0}};
    case T::day_times: return text("^[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2}$");
    case T::log_fields: return words(directive);
    case T::rate: return text("^([0-9]+/[0-9a-z. ]+|unlimited|infinity)$");
    case T::time_span: return any_of({{{"type", "number"}, {"minimum", 0}}, text(kTimeSpan)});
    case T::octal: return text("^[0-7]{1,5}$");
    case T::limit: return any_of({natural(), text("^[-+0-9A-Za-z. ]+(:[-+0-9A-Za-z. ]+)?$")});
    case T::amount: return any_of({natural(), text("^(infinity|[0-9]+(\\.[0-9]{1,2})?%|[0-9. BKMGTPE]+)$")});
    case T::size: return any_of({natural(), text(kSize)});
    case T::percentage: return text("^[0-9]+(\\.[0-9]{1,2})?%$");
    case T::account:
    case T::accounts: return any_of({natural(), text("^[^:/ ,\\t\"'\\\\]+$")});
    case T::signal: return any_of({number(1, 64), text("^(SIG)?[A-Z0-9]+([+-][0-9]+)?$")});
    case T::statuses: return any_of({number(0, 255), text("^[A-Z0-9_+-]+$")});
    case T::error_number: return any_of({number(1, 4095), text("^([A-Z0-9]+|kill)$")});
    case T::processors: return any_of({natural(), text("^[-0-9, \\t]*$")});
    case T::ports: return any_of({number(1, 65535), text(kPorts)});
    case T::addresses:
    case T::prefixes: return text(kAddresses);
    case T::endpoints: return text("^[\\[\\]0-9A-Fa-f:./*,-]+$");
    case T::interfaces: return text("^[^/: ]{1,15}$");
    case T::services: return text("^[-A-Za-z0-9:_.\\\\@]+$");
    case T::socket_address: return text(":[0-9]{1,5}$");
    case T::name: return text("^[ -9;-~]+$");
    case T::namespaces: return any_of({{{"type", "boolean"}}, text()});
    case T::conditions: return text("[^ ]");
    case T::address_families:
    case T::quoted_text:
    case T::text:
    case T::path:
    case T::paths:
    case T::names:
    case T::directories:
    case T::stream:
    case T::capabilities:
    case T::netns:
    case T::system_calls:
    case T::architectures:
    case T::commands:
    case T::environment: return text();
    }
    return {};
}

Json list_of(const Directive& directive, Json items) {
    Json list{{"type", "array"}, {"items", std::move(items)}};
    if (!takes_in_toml(directive, Raw{Raw::List{}, {}})) list["minItems"] = 1;
    return list;
}

Json value_of(const Directive& directive) {
    switch (shape_of(directive)) {
    case Shape::scalar: return element(directive);
    case Shape::words:
    case Shape::lines: return any_of({element(directive), list_of(directive, element(directive))});
    case Shape::commands: {
        const Json line = text("[^ ]");
        const Json command{{"type", "array"}, {"items", text()}, {"minItems", 1}};
        return any_of({line, list_of(directive, text()), {{"type", "array"}, {"items", command}}});
    }
    case Shape::variables:
        return any_of({{{"type", "object"},
                        {"propertyNames", {{"pattern", fmt::format("{}$", kVariable)}}},
                        {"additionalProperties", text()}},
                       {{"type", "array"}, {"items", text(fmt::format("{}=", kVariable))}}});
    }
    return {};
}

/// The default as JSON, where it is a value and not told in words.
Json default_of(const Directive& directive) {
    const std::string_view word = default_in(directive, Format::toml);
    if (directive.type == T::boolean) return word == "true";
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    const bool whole = !word.empty() && error == std::errc{} && end == word.data() + word.size();
    if (directive.type == T::count && whole) return value;
    const bool is_word = shape_of(directive) == Shape::scalar && takes_in_toml(directive, Raw{std::string(word), {}});
    const bool is_prose = directive.type == T::text || directive.type == T::name || directive.type == T::account ||
                          directive.type == T::netns;
    return is_word && !is_prose ? Json(word) : Json();
}

std::string description_of(const Directive& directive) {
    std::string line = fmt::format("{}.", directive.summary);
    line += fmt::format(" Default: {}.", directive.default_text.empty() ? "required" : directive.default_text);
    if (!directive.unit_key.empty())
        line += fmt::format(" In unit files: [{}] {}=.", directive.unit_section, directive.unit_key);
    return line;
}

Json requires_key(std::string_view key) {
    Json form;
    form["required"] = Json::array({key});
    return form;
}

/// What the default says of one key: "required, unless KEY is VALUE", "required, unless KEY or KEY is given". One of
/// these has to hold.
void add_condition(Json& all, const Directive& directive) {
    constexpr std::string_view kUnless = "required, unless ", kOr = " or ", kIs = " is ";
    std::string_view rest = directive.default_text;
    const std::size_t is = rest.rfind(kIs);
    if (!rest.starts_with(kUnless) || is == rest.npos) return;
    const std::string_view value = rest.substr(is + kIs.size());
    rest = rest.substr(kUnless.size(), is - kUnless.size());
    Json forms = Json::array();
    forms.push_back(requires_key(directive.toml_key));
    if (is_list(directive)) forms.push_back(requires_key(fmt::format("+{}", directive.toml_key)));
    for (std::size_t at = 0; at != rest.npos;) {
        const std::size_t end = rest.find(kOr, at);
        const std::string_view key = rest.substr(at, end == rest.npos ? end : end - at);
        Json form = requires_key(key);
        if (value != "given") form["properties"][std::string(key)]["const"] = value;
        forms.push_back(std::move(form));
        at = end == rest.npos ? end : end + kOr.size();
    }
    Json condition;
    condition["anyOf"] = std::move(forms);
    all.push_back(std::move(condition));
}

/// The table of one scope.
Json table_of(Scope scope, bool complete) {
    Json table{{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}};
    Json required = Json::array(), conditions = Json::array();
    for (const Directive& directive : directives()) {
        if (directive.scope != scope || directive.toml_key.empty()) continue;
        Json value = value_of(directive);
        value["description"] = description_of(directive);
        if (Json word = default_of(directive); !word.is_null()) value["default"] = std::move(word);
        if (is_list(directive)) table["properties"][fmt::format("+{}", directive.toml_key)] = value; // appends
        table["properties"][std::string(directive.toml_key)] = std::move(value);
        if (directive.default_text.empty()) required.push_back(directive.toml_key);
        add_condition(conditions, directive);
    }
    if (complete && !required.empty()) table["required"] = std::move(required);
    if (complete && !conditions.empty()) table["allOf"] = std::move(conditions);
    return table;
}

Json tables(Json table, bool one_at_least) {
    Json list{{"type", "array"}, {"items", std::move(table)}};
    if (one_at_least) list["minItems"] = 1;
    return list;
}

Json service_schema(bool complete) {
    Json schema = table_of(Scope::file, complete);
    schema["properties"]["listen"] = tables(table_of(Scope::listen, complete), complete);
    schema["properties"]["service"] = table_of(Scope::service, complete);
    if (complete) schema["required"] = {"listen", "service"};
    return schema;
}

Json daemon_schema() {
    Json schema = table_of(Scope::daemon, false);
    for (const char* verdict : {"drop", "pass"})
        schema["properties"][verdict] = tables(table_of(Scope::rule, true), false);
    return schema;
}

const char* title_of(Schema schema) noexcept {
    switch (schema) {
    case Schema::service: return "swathe: services.d/NAME.toml";
    case Schema::drop_in: return "swathe: services.d/NAME.toml.d/*.toml";
    case Schema::daemon: return "swathe: swathe.toml";
    }
    return "";
}

} // namespace

std::string schema_text(Schema schema) {
    Json root{{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", title_of(schema)}};
    root.update(schema == Schema::daemon ? daemon_schema() : service_schema(schema == Schema::service));
    return root.dump(2, ' ', true);
}

} // namespace swathe::ctl
