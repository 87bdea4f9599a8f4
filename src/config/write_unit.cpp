#include "config/write_unit.h"

#include "base/text.h"
#include "config/canonical.h"
#include "config/connection_checks.h"
#include "config/exec_line.h"
#include "config/limits.h"
#include "config/service_name.h"
#include "config/socket_checks.h"
#include "config/unit_lexer.h"
#include "config/words.h"
#include "model/choices.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

using T = ValueType;
using Values = std::vector<std::string>;

std::string text_of(const Raw& value) {
    if (const auto* text = value.get<std::string>()) return *text;
    if (const auto* number = value.get<std::int64_t>()) return std::to_string(*number);
    if (const auto* decimal = value.get<double>()) return fmt::format("{}", *decimal);
    if (const bool* on = value.get<bool>()) return *on ? "yes" : "no";
    return {};
}

/// In a percentage there are no specifiers; in all other values a per cent sign is one.
std::string scalar_text(const Directive& directive, const Raw& value) {
    if (directive.type == T::quoted_text) return escape_specifiers(quote_word(text_of(value)));
    return has_per_cent_signs(directive.type) ? text_of(value) : escape_specifiers(text_of(value));
}

/// The words of a line. Where they are split before anyone looks for quotes there are none.
std::string words_line(const Directive& directive, const Raw::List& words) {
    const bool quotes = !is_word_list(directive.type);
    std::string line;
    for (const Raw& word : words) {
        std::string text = text_of(word);
        if (directive.type == T::services) text += ".service";
        line += fmt::format("{}{}", line.empty() ? "" : " ", escape_specifiers(quotes ? quote_word(text) : text));
    }
    return line;
}

std::string command_line(const Raw& command) {
    const auto* words = command.get<Raw::List>();
    if (words == nullptr) return text_of(command);
    Command plain;
    for (const Raw& word : *words) plain.argv.push_back(text_of(word));
    if (!plain.argv.empty()) plain.path = plain.argv.front();
    return to_exec_line(plain);
}

/// A list's lines. An empty one is said only where it means something else than none: of capabilities
/// (systemd.exec(5)).
Values lines_of(const Directive& directive, const Raw::List& list) {
    const bool empty_counts = directive.type == T::capabilities;
    Values lines;
    for (const Raw& item : list)
        if (std::string text = scalar_text(directive, item); !text.empty() || empty_counts)
            lines.push_back(std::move(text));
    if (list.empty() && empty_counts) lines.emplace_back();
    return lines;
}

Values values_of(const Directive& directive, const Raw::List& list) {
    Values values;
    switch (shape_of(directive)) {
    case Shape::scalar: break;
    case Shape::words:
        if (!list.empty()) values.push_back(words_line(directive, list));
        break;
    case Shape::lines: return lines_of(directive, list);
    case Shape::commands:
        for (const Raw& command : list) values.push_back(command_line(command));
        break;
    case Shape::variables:
        for (const Raw& variable : list) values.push_back(quote_word(escape_specifiers(text_of(variable))));
        break;
    }
    return values;
}

std::vector<SourcePos> places_of(const Setting& setting) {
    std::vector<SourcePos> places;
    if (const auto* list = setting.value.get<Raw::List>())
        for (const Raw& item : *list) places.push_back(item.pos);
    if (places.empty()) places.push_back(setting.pos);
    return places;
}

/// Nobody wrote it: no line of the file.
SourcePos implied_at(const SourcePos& block) { return {block.file, 0, 0}; }

/// May `value` stand behind "Key=" and come back as it is? No white space at its ends, no backslash at its end, no line
/// feed.
bool survives(std::string_view value) {
    if (value.size() > limits::kLineBytes - 256) return false; // for the key
    Report report;
    const auto sections = lex_unit(fmt::format("[X]\nKey={}\n[Y]\n", value), SourceFile(), report);
    return !report.has_errors() && sections.size() == 2 && sections.front().lines.size() == 1 &&
           sections.front().lines.front().value == value;
}

/// A unit in the making.
class Writer {
public:
    /// `of_connection`: its marks of model/instance_name.h are specifiers.
    Writer(std::string name, bool of_connection, Report& left_out)
        : unit_{std::move(name), {}}, of_connection_(of_connection), left_out_(left_out) {}

    void add(const Directive& directive, std::string value, const std::vector<SourcePos>& places) {
        if (of_connection_) value = with_instance_specifiers(value);
        if (survives(value)) return unit_.lines.push_back({&directive, value, places});
        left_out_.warning(places.front(), directive.name(), "no line of a unit file can have this value");
    }
    void add(const Setting& setting) {
        const Directive& directive = *setting.directive;
        if (directive.unit_key.empty())
            return left_out_.warning(setting.pos, directive.name(), "there is no such key in unit files");
        const Values values = unit_values(directive, setting.value);
        const auto places = places_of(setting);
        for (std::size_t i = 0; i < values.size(); ++i)
            add(directive, values[i], values.size() == places.size() ? std::vector{places[i]} : places);
    }
    /// What TOML means without saying it and a unit would not.
    void imply(const Block& block, Scope scope) {
        for (const Directive& directive : directives()) {
            const std::string_view word = default_in(directive, Format::toml);
            const bool differs =
                directive.scope == scope && directive.choices != nullptr && word != default_in(directive, Format::unit);
            if (differs && block.find(directive.name()) == nullptr)
                add(directive, std::string(word), {implied_at(block.pos)});
        }
    }
    void imply_source_prefix(const Block& block) {
        const Directive& directive = *find_toml_directive(Scope::service, "source_prefix_ipv6");
        if (counts_as_systemd({&block}) && block.find(directive.name()) == nullptr)
            add(directive, std::string(default_in(directive, Format::toml)), {implied_at(block.pos)});
    }
    UnitFile finish() {
        std::stable_sort(unit_.lines.begin(), unit_.lines.end(), [](const auto& a, const auto& b) {
            return section_rank(*a.directive) < section_rank(*b.directive);
        });
        return std::move(unit_);
    }

private:
    UnitFile unit_;
    bool of_connection_;
    Report& left_out_;
};

std::string string_of(const Block& block, std::string_view key) {
    const Setting* setting = block.find(key);
    return setting == nullptr ? std::string() : text_of(setting->value);
}

/// "80,443,8000-8999", or "*".
std::string port_list(const Block& listener) {
    const Setting* ports = listener.find("ports");
    const auto* list = ports == nullptr ? nullptr : ports->value.get<Raw::List>();
    std::string text;
    if (list != nullptr)
        for (const Raw& port : *list) text += (text.empty() ? "" : ",") + text_of(port);
    return text == "all" ? "*" : text;
}

/// The endpoints of a listener's line. Without addresses of its own it has those of AddressesFile=, and names the ports
/// alone.
std::string endpoints_of(const Block& listener) {
    const std::string ports = port_list(listener);
    const Setting* addresses = listener.find("addresses");
    const auto* list = addresses == nullptr ? nullptr : addresses->value.get<Raw::List>();
    if (list == nullptr) return "[::]:" + ports;
    std::string line;
    for (const Raw& item : *list) {
        const std::string address = text_of(item);
        const bool brackets = address.find(':') != address.npos;
        line += fmt::format("{}{}{}{}:{}", line.empty() ? "" : " ", brackets ? "[" : "", address, brackets ? "]" : "",
                            ports);
    }
    return line;
}

const Directive& socket_directive(std::string_view key) {
    return *find_unit_directive(UnitKind::socket, "Socket", key);
}

std::string_view listen_key(std::string_view protocol) {
    if (protocol == "udp" || protocol == "unix-datagram") return "ListenDatagram";
    return protocol == "unix-seqpacket" ? "ListenSequentialPacket" : "ListenStream";
}

/// The line that makes the socket. Its words end at white space, whatever is around it.
void add_listen_line(Writer& writer, const Block& listener, Report& left_out) {
    const Directive& directive = socket_directive(listen_key(string_of(listener, "protocol")));
    const Setting* claim = listener.find("path") != nullptr ? listener.find("path") : listener.find("addresses");
    const auto places = claim == nullptr ? std::vector{listener.pos} : places_of(*claim);
    const std::string path = string_of(listener, "path");
    if (path.find_first_of(" \t") != path.npos)
        left_out.warning(places.front(), "path", "no line of a unit file can have this value");
    else
        writer.add(directive, path.empty() ? endpoints_of(listener) : escape_specifiers(path), places);
}

/// Is it about the service, but stands in the .socket unit? Each socket says it, but for lists, which would add up.
bool is_of_socket(const Directive& directive) noexcept { return directive.scope == Scope::service && directive.unit_section == "Socket"; }

/// What the Listen line says; all else a unit says of all its sockets.
bool is_of_line(std::string_view key) noexcept {
    return key == "protocol" || key == "addresses" || key == "ports" || key == "path";
}

SocketKind kind_of(const Block& listener) {
    const auto& kinds = kChoices<SocketKind>;
    const std::string word = string_of(listener, "protocol");
    return std::find_if(kinds.begin(), kinds.end(), [&](const auto& kind) { return kind.name == word; })->value;
}

/// The keys that keep two listeners out of one unit, as a list; "" = none. Nobody asks for what is nothing for a socket
/// of that kind.
std::string differences(const Block& a, const Block& b) {
    std::string keys;
    const auto note = [&](const Setting& said, const Block& other, bool compare) {
        const std::string_view key = said.directive->toml_key;
        if (key == "name" || is_of_line(key) || !is_for(key, kind_of(other))) return;
        const Setting* const theirs = other.find(key);
        if (theirs != nullptr &&
            (!compare || unit_values(*said.directive, said.value) == unit_values(*said.directive, theirs->value)))
            return;
        keys += fmt::format("{}{}", keys.empty() ? "" : ", ", key);
    };
    for (const Setting& said : a.settings) note(said, b, true);
    for (const Setting& said : b.settings) note(said, a, false); // those that both have are compared
    return keys;
}

/// The listeners that can stand in one .socket unit: with Accept=yes a second one would start a service of its own.
std::vector<const Block*> sharing(const std::vector<Block>& listeners, Report& left_out) {
    std::vector<const Block*> together;
    for (const Block& listener : listeners) {
        std::string keys;
        for (const Block* other : together)
            if (keys.empty()) keys = differences(*other, listener);
        if (!keys.empty()) {
            left_out.warning(
                listener.pos, "listen",
                fmt::format("left out: with Accept=yes one .socket unit has all listeners, and says the same of them; "
                            "this one differs in {}",
                            keys));
            continue;
        }
        if (const Setting* name = listener.find("name"); name != nullptr && !together.empty())
            left_out.warning(name->pos, "name", "with Accept=yes the listeners of a .socket unit have one name");
        together.push_back(&listener);
    }
    return together;
}

/// What a unit says of all its sockets, each key once.
Block common_of(const std::vector<const Block*>& listeners) {
    Block common{listeners.front()->pos, {}};
    for (const Block* listener : listeners)
        for (const Setting& said : listener->settings) {
            const bool own = listener != listeners.front() && said.directive->toml_key == "name";
            if (!own && !is_of_line(said.directive->toml_key) && common.find(said.directive->name()) == nullptr)
                common.settings.push_back(said);
        }
    return common;
}

UnitFile socket_of(const WrittenService& service, const std::vector<const Block*>& listeners, std::string_view stem,
                   bool first, Report& left_out) {
    const bool accepts = service.text.accepts;
    Writer writer(fmt::format("{}.socket", stem), false, left_out);
    for (const Block* listener : listeners) add_listen_line(writer, *listener, left_out);
    const Block common = common_of(listeners);
    if (common.find("name") == nullptr && !accepts)
        writer.add(socket_directive("FileDescriptorName"), service.name, {implied_at(common.pos)});
    if (stem != service.name && !accepts)
        writer.add(socket_directive("Service"), service.name + ".service", {implied_at(common.pos)});
    for (const Setting& setting : common.settings) writer.add(setting);
    for (const Setting& setting : service.text.service.settings)
        if (is_of_socket(*setting.directive) && (first || setting.directive->repeat == Repeat::replace)) writer.add(setting);
    writer.imply(common, Scope::listen);
    return writer.finish();
}

/// Sockets are put in the order of their units' names: by the listeners' own names where that keeps their order, else
/// by number.
Values socket_stems(const WrittenService& service) {
    const auto& listeners = service.text.listeners;
    if (listeners.size() == 1) return {service.name};
    Values named, numbered;
    const std::size_t digits = std::to_string(listeners.size()).size();
    for (const Block& listener : listeners) {
        named.push_back(fmt::format("{}-{}", service.name, string_of(listener, "name")));
        numbered.push_back(fmt::format("{}-{:0{}}", service.name, named.size(), digits));
    }
    const auto is_plain = [](const std::string& name) {
        return name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == name.npos;
    };
    const bool plain =
        std::all_of(listeners.begin(), listeners.end(), [&](const Block& b) { return is_plain(string_of(b, "name")); });
    const bool in_order = std::adjacent_find(named.begin(), named.end(), std::greater_equal<>()) == named.end();
    return plain && in_order ? named : numbered;
}

} // namespace

int section_rank(const Directive& directive) noexcept {
    if (directive.unit_section == "Unit") return 0;
    return directive.unit_section == "X-Swathe" ? 2 : 1;
}

std::vector<std::string> unit_values(const Directive& directive, const Raw& value) {
    if (const auto* list = value.get<Raw::List>()) return values_of(directive, *list);
    return {scalar_text(directive, value)};
}

std::vector<UnitFile> to_units(const WrittenService& service, Report& left_out) {
    std::vector<UnitFile> units;
    const bool accepts = service.text.accepts;
    const auto& listeners = service.text.listeners;
    if (accepts) {
        units.push_back(socket_of(service, sharing(listeners, left_out), service.name, true, left_out));
    } else {
        const Values stems = socket_stems(service);
        for (std::size_t i = 0; i < stems.size(); ++i)
            units.push_back(socket_of(service, {&listeners[i]}, stems[i], i == 0, left_out));
    }
    Writer writer(shown_unit(accepts ? connection_unit(service.name) : service.name + ".service"), accepts, left_out);
    for (const Setting& setting : service.text.file.settings) writer.add(setting);
    for (const Setting& setting : service.text.service.settings)
        if (!is_of_socket(*setting.directive)) writer.add(setting);
    writer.imply(service.text.service, Scope::service);
    writer.imply_source_prefix(service.text.service);
    units.push_back(writer.finish());
    return units;
}

std::string text_of(const UnitFile& unit) {
    std::string text;
    std::string_view section;
    for (const UnitFile::Line& line : unit.lines) {
        if (line.directive->unit_section != section) {
            section = line.directive->unit_section;
            text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", section);
        }
        text += fmt::format("{}={}\n", line.directive->unit_key, line.value);
    }
    return text;
}

} // namespace swathe
