#include "config/written.h"

#include "base/text.h"
#include "config/build.h"
#include "config/canonical.h"
#include "config/connection_checks.h"
#include "config/endpoint.h"
#include "config/service_checks.h"
#include "config/socket_checks.h"
#include "config/unit_ranges.h"
#include "model/choices.h"
#include "model/instance_name.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

using Names = std::set<std::string, std::less<>>;

/// The settings of one scope of some blocks that TOML has a key for, each directive once, in the order of the directive
/// table.
std::vector<Setting> settings_of(const std::vector<const Block*>& blocks, Scope scope, Format format,
                                 const UnitId& unit) {
    std::vector<Setting> all;
    for (const Directive& directive : directives()) {
        if (directive.scope != scope || directive.toml_key.empty()) continue;
        std::vector<const Setting*> settings;
        for (const Block* block : blocks)
            for (const Setting& setting : block->settings)
                if (setting.directive == &directive) settings.push_back(&setting);
        if (!settings.empty())
            all.push_back({&directive, settings.back()->pos, canonical_value(settings, format, unit)});
    }
    return all;
}

/// TOML sets both time-outs first and one of them then; in a unit the last line wins (systemd.service(5), TimeoutSec=).
void settle_timeouts(std::vector<Setting>& settings, const Block& unit) {
    const Setting* const both = unit.find("timeout_sec");
    if (both == nullptr) return;
    const auto is_earlier = [&](const Setting& s) {
        const std::string_view key = s.directive->toml_key;
        const Setting* const one = key == "timeout_start_sec" || key == "timeout_stop_sec" ? unit.find(key) : nullptr;
        return one != nullptr && one < both; // the block has them in the order in which they are applied
    };
    std::erase_if(settings, is_earlier);
}

/// What systemd overrules in a unit without a word would be an error in TOML (service_checks.h).
void drop_overruled(std::vector<Setting>& settings, const std::vector<const Block*>& blocks, const UnitId& unit) {
    Service service;
    Report ignored; // the loader tells what is wrong
    bool sound = true;
    for (const Block* block : blocks)
        sound = apply(*block, Scope::service, &service, Format::unit, unit, ignored) && sound;
    (void)check_service(service, {blocks, Format::unit, sound}, ignored);
    const auto is_overruled = [&](const Setting& s) {
        const std::string_view key = s.directive->toml_key;
        if (service.accept ? yields_to_accept(key) : needs_accept(key)) return true;
        return (key == "notify_access" && !service.notify_access) || (key == "pid_file" && !service.pid_file);
    };
    settings.erase(std::remove_if(settings.begin(), settings.end(), is_overruled), settings.end());
}

const Directive& listen_directive(std::string_view key) { return *find_toml_directive(Scope::listen, key); }

/// What a unit means without saying it and TOML would not.
void imply(Block& block, Scope scope, const SourcePos& unit) {
    for (const Directive& directive : directives()) {
        const std::string_view word = default_in(directive, Format::unit);
        const bool differs =
            directive.scope == scope && directive.choices != nullptr && word != default_in(directive, Format::toml);
        if (differs && block.find(directive.name()) == nullptr)
            block.settings.push_back({&directive, unit, Raw{std::string(word), unit}});
    }
}

/// systemd counts by addresses.
void imply_source_prefix(Block& block, const std::vector<const Block*>& blocks, const SourcePos& unit) {
    constexpr std::string_view kKey = "source_prefix_ipv6";
    if (!counts_as_systemd(blocks) || block.find(kKey) != nullptr) return;
    block.settings.push_back({find_toml_directive(Scope::service, kKey), unit, Raw{std::int64_t{kSystemdSourcePrefix}, unit}});
}

/// A Listen line, its endpoints put together where they have the same ports.
struct Line {
    SocketKind kind = SocketKind::tcp;
    std::string path; ///< of a UNIX socket
    SourcePos pos;
    struct Claim {
        Raw::List addresses;
        std::vector<PortRange> ports;
    };
    std::vector<Claim> claims; ///< of an IP socket; never empty then
};

/// As unit_config.cpp has it: the ranges of [X-Swathe], and what a bare port and [::] stand for.
void settle_endpoints(SocketUnit& socket, bool from_file) {
    Report ignored; // the loader tells what is wrong
    (void)widen_lines(socket, ignored);
    for (SocketUnit::Line& line : socket.lines)
        for (Endpoint& endpoint : line.endpoints) {
            if (!is_everywhere(endpoint)) continue;
            if (from_file)
                endpoint.addresses.clear();
            else if (socket.v6_only)
                endpoint.addresses = AddressList{endpoint.addresses[1]};
        }
}

Line line_of(const SocketUnit::Line& text) {
    Line line{text.kind, text.path, text.pos, {}};
    for (const Endpoint& endpoint : text.endpoints) {
        const auto same = std::find_if(line.claims.begin(), line.claims.end(), [&](const auto& c) { return c.ports == endpoint.ports; });
        Line::Claim& claim = same != line.claims.end() ? *same : line.claims.emplace_back(Line::Claim{{}, endpoint.ports});
        for (const auto& address : endpoint.addresses) claim.addresses.push_back({address.value.to_string(), address.pos});
    }
    return line;
}

Raw ports_of(const std::vector<PortRange>& ports, const SourcePos& where) {
    Raw::List list;
    for (const PortRange& range : ports)
        list.push_back(range.first == range.last ? Raw{std::int64_t{range.first}, where}
                                                 : Raw{range.to_string(), where});
    return {std::move(list), where};
}

/// What of the unit is nothing for a socket of this kind is for its other sockets (socket_checks.h).
Block listener_of(const Line& line, const std::vector<Setting>& common, const SourcePos& unit) {
    Block block{line.pos, {}};
    block.settings.push_back({&listen_directive("protocol"), line.pos, Raw{std::string(name_of(line.kind)), line.pos}});
    block.settings.insert(block.settings.end(), common.begin(), common.end());
    imply(block, Scope::listen, unit);
    std::erase_if(block.settings, [&](const Setting& s) { return !is_for(s.directive->toml_key, line.kind); });
    return block;
}

/// One [[listen]] of a line of an IP socket: its own keys, then what holds for all of the unit.
Block ip_listener_of(const Line& line, const Line::Claim& claim, const std::vector<Setting>& common, const SourcePos& unit) {
    Block block = listener_of(line, common, unit);
    if (!claim.addresses.empty())
        block.settings.push_back({&listen_directive("addresses"), line.pos, Raw{claim.addresses, line.pos}});
    block.settings.push_back({&listen_directive("ports"), line.pos, ports_of(claim.ports, line.pos)});
    return block;
}

Block unix_listener_of(const Line& line, const std::vector<Setting>& common, const SourcePos& unit) {
    Block block = listener_of(line, common, unit);
    block.settings.push_back({&listen_directive("path"), line.pos, Raw{line.path, line.pos}});
    return block;
}

/// The listeners of a .socket unit.
void add_listeners(const Unit& unit, std::vector<Block>& out, Report& left_out) {
    SocketUnit socket;
    Report ignored; // the loader tells what is wrong
    (void)apply(unit.text.block, Scope::socket_unit, &socket, Format::unit, unit.id(), ignored);
    std::vector<Setting> common = settings_of({&unit.text.block}, Scope::listen, Format::unit, unit.id());
    const bool from_file = unit.text.block.find("addresses_file") != nullptr;
    if (unit.text.block.find("name") == nullptr)
        common.push_back({&listen_directive("name"), unit.pos, Raw{accepts(unit) ? std::string(kConnectionName) : unit.name, unit.pos}});
    settle_endpoints(socket, from_file);
    for (const SocketUnit::Line& text : socket.lines) {
        const Line line = line_of(text);
        if (!line.path.empty()) {
            out.push_back(unix_listener_of(line, common, unit.pos));
            continue;
        }
        if (line.claims.size() > 1)
            left_out.warning(line.pos, line.kind == SocketKind::tcp ? "ListenStream" : "ListenDatagram",
                             "endpoints with different ports are one socket here, and in TOML one each");
        for (const Line::Claim& claim : line.claims) out.push_back(ip_listener_of(line, claim, common, unit.pos));
    }
}

/// TOML tells the listeners of a service apart by their names; units need not.
void number_names(std::vector<Block>& listeners, Report& left_out) {
    Names seen;
    for (Block& block : listeners) {
        const auto name = std::find_if(block.settings.begin(), block.settings.end(),
                                       [](const Setting& s) { return s.directive->toml_key == "name"; });
        const std::string wanted = std::get<std::string>(name->value.value);
        std::string unique = wanted;
        for (int n = 2; !seen.insert(unique).second; ++n) unique = fmt::format("{}-{}", wanted, n);
        if (unique == wanted) continue;
        left_out.warning(block.pos, "FileDescriptorName",
                         fmt::format("in TOML each listener of a service has a name of its own; this one is {} there",
                                     quoted(unique)));
        name->value.value = unique;
    }
}

/// In a unit a name that nothing here has means nothing; in TOML it is an error.
void drop_strangers(std::vector<Setting>& settings, std::string_view self, const Names& known, Report& left_out) {
    for (Setting& setting : settings) {
        if (setting.directive->type != ValueType::services) continue;
        auto& list = std::get<Raw::List>(setting.value.value);
        const auto is_stranger = [&](const Raw& item) {
            const auto* name = item.get<std::string>();
            if (name == nullptr || (known.contains(*name) && *name != self)) return false;
            if (*name != self)
                left_out.warning(item.pos, setting.directive->unit_key,
                                 fmt::format("there is no service {} here", quoted(*name)));
            return true;
        };
        list.erase(std::remove_if(list.begin(), list.end(), is_stranger), list.end());
    }
    const auto is_empty = [](const Setting& s) {
        const auto* list = s.value.get<Raw::List>();
        return s.directive->type == ValueType::services && list != nullptr && list->empty();
    };
    settings.erase(std::remove_if(settings.begin(), settings.end(), is_empty), settings.end());
}

void report_left_out(const Unit& unit, Report& left_out) {
    for (const UnitText::Foreign& line : unit.text.foreign)
        left_out.warning(line.pos, line.key,
                         fmt::format("has no counterpart in TOML: [{}] {}={}", line.section, line.key, line.value));
    for (const Setting& setting : unit.text.block.settings) {
        const Directive& directive = *setting.directive;
        if (directive.toml_key.empty() && directive.scope != Scope::socket_unit)
            left_out.warning(setting.pos, directive.unit_key, "is for unit files alone");
    }
}

} // namespace

WrittenService written_in_toml(std::string_view name, const TomlService& text) {
    WrittenService written{std::string(name), Format::toml, {}};
    const std::string full_name = text.accepts ? connection_unit(name) : written.name + ".service";
    written.text.accepts = text.accepts;
    const UnitId unit(full_name, text.file.pos.file.name());
    written.text.file = {text.file.pos, settings_of({&text.file}, Scope::file, Format::toml, unit)};
    written.text.service = {text.service.pos, settings_of({&text.service}, Scope::service, Format::toml, unit)};
    written.text.has_service = text.has_service;
    for (const Block& listener : text.listeners)
        written.text.listeners.push_back({listener.pos, settings_of({&listener}, Scope::listen, Format::toml, unit)});
    return written;
}

WrittenService written_in_units(const Unit& service, const std::vector<const Unit*>& sockets, const Names& services,
                                Report& left_out) {
    WrittenService written{std::string(service.service()), Format::unit, {}};
    written.text.accepts = names_instance(service.name);
    std::vector<const Block*> blocks;
    for (const Unit* socket : sockets) {
        blocks.push_back(&socket->text.block);
        add_listeners(*socket, written.text.listeners, left_out);
        report_left_out(*socket, left_out);
    }
    blocks.push_back(&service.text.block);
    number_names(written.text.listeners, left_out);
    written.text.file = {service.pos, settings_of(blocks, Scope::file, Format::unit, service.id())};
    written.text.service = {service.pos, settings_of(blocks, Scope::service, Format::unit, service.id())};
    written.text.has_service = true;
    settle_timeouts(written.text.service.settings, service.text.block);
    drop_overruled(written.text.service.settings, blocks, service.id());
    drop_strangers(written.text.service.settings, service.service(), services, left_out);
    imply(written.text.service, Scope::service, service.pos);
    imply_source_prefix(written.text.service, blocks, service.pos);
    report_left_out(service, left_out);
    return written;
}

std::vector<const Unit*> sockets_of(const Unit& service, const std::vector<Unit>& sockets) {
    const auto starts = [&](const Unit& socket) {
        const std::string name = service_of(socket);
        const bool by_alias = std::find(service.aliases.begin(), service.aliases.end(), name) != service.aliases.end();
        return !socket.masked && !socket.broken && (name == service.name || by_alias);
    };
    std::vector<const Unit*> found;
    for (const Unit& socket : sockets)
        if (starts(socket)) found.push_back(&socket);
    return found;
}

Names service_names(const Texts& texts) {
    Names names;
    for (const TomlText& text : texts.toml) names.insert(text.name);
    Names started;
    for (const Unit& socket : texts.sockets)
        if (!socket.masked && !socket.broken) started.insert(service_of(socket));
    for (const Unit& unit : texts.services) {
        const bool by_alias = std::any_of(unit.aliases.begin(), unit.aliases.end(),
                                          [&](const auto& alias) { return started.contains(alias); });
        if (!unit.masked && (by_alias || started.contains(unit.name))) names.insert(std::string(unit.service()));
    }
    return names;
}

std::optional<WrittenService> find_written(const Texts& texts, std::string_view name, Report& left_out) {
    for (const TomlText& text : texts.toml)
        if (text.name == name) return written_in_toml(text.name, text.text);
    for (const Unit& unit : texts.services) {
        if (unit.service() != name || unit.masked) continue;
        const auto sockets = sockets_of(unit, texts.sockets);
        if (!sockets.empty()) return written_in_units(unit, sockets, service_names(texts), left_out);
    }
    return std::nullopt;
}

} // namespace swathe
