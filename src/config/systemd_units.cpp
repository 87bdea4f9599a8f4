#include "config/systemd_units.h"

#include "base/text.h"
#include "config/address_file.h"
#include "config/build.h"
#include "config/files.h"
#include "config/service_name.h"
#include "config/socket_checks.h"
#include "config/source_finder.h"
#include "config/specifier.h"
#include "config/unit_ranges.h"
#include "config/unit_reader.h"
#include "model/choices.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::string_view kSection = "X-Swathe";
constexpr std::string_view kListen = "Listen";
constexpr std::string_view kPrefixOfIpv6 = "source_prefix_ipv6";

/// What the files of one unit say.
struct UnitSays {
    std::string name;
    std::string description;
    SourcePos pos;                   ///< of its first [X-Swathe]
    std::vector<std::string> files;  ///< all, in order
    std::vector<std::optional<UnitSocket>> lines; ///< of [Socket]: the Listen lines that "#2" counts; empty: no IP socket
    UnitText ours;                   ///< [X-Swathe]

    [[nodiscard]] std::vector<UnitSocket> sockets() const; ///< each once
};

std::vector<UnitSocket> UnitSays::sockets() const {
    std::vector<UnitSocket> all;
    for (const auto& socket : lines)
        if (socket && std::find(all.begin(), all.end(), *socket) == all.end()) all.push_back(*socket);
    return all;
}

/// A listener to be: where a range of [X-Swathe] leads to.
struct Target {
    Protocol protocol = Protocol::tcp;
    std::optional<SocketAddress> home; ///< which of the unit's sockets, where that is said
    std::vector<Endpoint> endpoints;
    SourcePos pos;
};

SourcePos place_of(const std::string& path) { return {SourceFile(path), 0, 0}; }

/// The units for which there are drop-ins: an instance of a template may have nothing else.
std::set<std::string> units_with_drop_ins(const std::vector<std::string>& directories) {
    constexpr std::string_view kEnd = ".socket.d";
    std::set<std::string> names;
    for (const std::string& directory : directories) {
        std::error_code unreadable; // not ours to tell
        for (std::filesystem::directory_iterator at(directory, unreadable), end; !unreadable && at != end; at.increment(unreadable)) {
            const std::string name = at->path().filename().string();
            if (!name.ends_with(kEnd) || name.ends_with("-.socket.d") || name.ends_with("@.socket.d")) continue;
            names.insert(name.substr(0, name.size() - 2));
        }
    }
    return names;
}

/// Every unit of systemd's, and those that have drop-ins without a file.
std::map<std::string, SourceList> socket_units(const std::vector<std::string>& directories) {
    Report theirs; // a directory that cannot be read is not ours
    SourceFinder finder({directories, false, {}}, {"", ".socket", ".conf"}, theirs);
    std::map<std::string, SourceList> units;
    for (SourceList& list : finder.all()) units.emplace(list.name, std::move(list));
    for (const std::string& name : units_with_drop_ins(directories)) {
        if (units.contains(name)) continue;
        auto known = finder.find(name); // an instance, or by another name
        SourceList list = known ? std::move(*known) : finder.find_plain(name);
        units.emplace(list.name, std::move(list));
    }
    return units;
}

struct Text {
    std::string path;
    std::string text;
    [[nodiscard]] bool is_ours() const { return text.find(fmt::format("[{}]", kSection)) != text.npos; }
};

/// The texts of a unit that has something to say to us; none of one that has not, or that is masked.
std::vector<Text> texts_of(const SourceList& unit, Report& report) {
    std::vector<std::string> paths;
    if (!unit.files.empty()) paths.push_back(unit.files.front().path);
    for (const Source& drop_in : unit.drop_ins)
        if (drop_in.use == SourceUse::read) paths.push_back(drop_in.path);
    std::vector<Text> texts;
    std::vector<std::string> unreadable;
    bool masked = false;
    for (const std::string& path : paths) {
        auto read = read_config_file(path);
        if (!read)
            unreadable.push_back(fmt::format("{}: {}", path, read.error().to_string()));
        else if (read->masked)
            masked = masked || (!unit.files.empty() && path == unit.files.front().path);
        else
            texts.push_back({path, std::move(read->text)});
    }
    const auto ours = std::find_if(texts.begin(), texts.end(), [](const Text& text) { return text.is_ours(); });
    if (ours == texts.end()) return {};
    for (const std::string& why : unreadable) report.warning(place_of(ours->path), "", fmt::format("not read for {}: {}", unit.name, why));
    if (!masked) return texts;
    report.warning(place_of(ours->path), "", fmt::format("{} is masked: nothing is steered to it", unit.name));
    return {};
}

/// systemd.socket(5): an empty value of any Listen key takes back all of them.
void take_socket_line(UnitSays& says, const UnitLine& line) {
    if (!line.key.starts_with(kListen)) return;
    if (line.value.empty()) return says.lines.clear();
    const std::string_view kind = std::string_view(line.key).substr(kListen.size());
    if (kind != "Stream" && kind != "Datagram" && kind != "SequentialPacket") return;
    const auto value = expand_specifiers(line.value, says.name);
    says.lines.push_back(value ? parse_unit_socket(kind, *value) : std::nullopt); // none: a path with %t or the like
}

void take_section(UnitSays& says, UnitSection section, Report& report) {
    for (const UnitLine& line : section.lines) {
        if (section.name == "Socket") take_socket_line(says, line);
        if (section.name == "Unit" && line.key == "Description")
            says.description = expand_specifiers(line.value, says.name).value_or(line.value);
    }
    if (section.name != kSection) return;
    if (says.pos.line == 0) says.pos = section.pos;
    merge_unit(says.ours, UnitKind::socket, says.name, {std::move(section)}, report);
}

UnitSays read_texts(const std::string& name, const std::vector<Text>& texts, Report& report) {
    UnitSays says;
    says.name = name;
    for (const Text& text : texts) {
        Report theirs; // systemd tells what is wrong in its own files
        for (UnitSection& section : lex_unit(text.text, SourceFile(text.path), text.is_ours() ? report : theirs))
            take_section(says, std::move(section), report);
        says.files.push_back(text.path);
    }
    says.ours.block.pos = says.pos;
    return says;
}

/// What of [X-Swathe] is about a service or a socket of ours.
bool refuse_what_is_systemds(const UnitSays& says, Report& report) {
    bool ok = true;
    for (const Setting& setting : says.ours.block.settings) {
        if (is_for_systemd_units(*setting.directive)) continue;
        report.error(setting.pos, setting.directive->unit_key,
                     fmt::format("systemd supervises {}, and has made its sockets: it means nothing here", says.name));
        ok = false;
    }
    return ok;
}

/// Nothing can wait for a socket that systemd has closed. Who wants to be let through to others must say so.
bool settle_when_down(const UnitSays& says, Listener& listener, Report& report) {
    const Setting* said = says.ours.block.find("when_down");
    if (said == nullptr) listener.when_down = WhenDown::drop;
    if (listener.when_down != WhenDown::queue) return true;
    report.error(said->value.pos, said->directive->unit_key,
                 fmt::format("who comes while {} is stopped cannot be queued, for then there is no socket; say drop or pass", says.name));
    return false;
}

/// Has the unit a socket of this protocol, and at this address if one is given?
bool has_socket(const UnitSays& says, Protocol protocol, const std::optional<SocketAddress>& home) {
    return std::any_of(says.lines.begin(), says.lines.end(), [&](const std::optional<UnitSocket>& socket) {
        return socket && socket->protocol == protocol && (!home || *home == socket->address);
    });
}

/// Where a range without a word in front leads to: to each protocol that the unit has a socket of.
Result<std::vector<Target>> targets_everywhere(const UnitSays& says, const Listener& common) {
    std::vector<Target> targets;
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        if (has_socket(says, protocol, common.home)) targets.push_back({protocol, common.home, {}, {}});
    if (!targets.empty()) return targets;
    if (common.home) return failure(fmt::format("{} has no socket at {}", says.name, common.home->to_string()));
    return failure(fmt::format("{} has no TCP or UDP socket", says.name));
}

Result<std::vector<Target>> targets_of(const std::string& word, const UnitSays& says, const Listener& common) {
    if (word.empty()) return targets_everywhere(says, common);
    if (!word.starts_with('#')) {
        const Protocol protocol = word == "tcp" ? Protocol::tcp : Protocol::udp;
        if (has_socket(says, protocol, common.home)) return std::vector{Target{protocol, common.home, {}, {}}};
        const std::string at = common.home ? " at " + common.home->to_string() : "";
        return failure(fmt::format("{} has no {} socket{}", says.name, word, at));
    }
    const auto number = line_number(word, says.lines.size());
    if (!number) return Failure(number.error());
    const auto& socket = says.lines[*number];
    if (!socket) return failure(not_steerable(word));
    return std::vector{Target{socket->protocol, socket->address, {}, {}}};
}

/// Ranges that lead to the same socket make one listener.
void add_range(std::vector<Target>& targets, Target wanted, const SocketUnit::Range& range) {
    auto found = std::find_if(targets.begin(), targets.end(), [&](const Target& one) {
        return one.protocol == wanted.protocol && one.home == wanted.home;
    });
    if (found == targets.end()) {
        wanted.pos = range.pos;
        found = targets.insert(found, std::move(wanted));
    }
    found->endpoints.insert(found->endpoints.end(), range.endpoints.begin(), range.endpoints.end());
}

/// Nothing after an error, which is reported.
std::vector<Target> spread(const SocketUnit& ranges, const UnitSays& says, const Listener& common, Report& report) {
    std::vector<Target> targets;
    bool ok = true;
    for (const SocketUnit::Range& range : ranges.ranges) {
        auto found = targets_of(range.listener, says, common);
        if (!found) {
            const Setting* home = range.listener.starts_with('#') ? nullptr : says.ours.block.find("home");
            report.error(home == nullptr ? range.pos : home->value.pos, home == nullptr ? kListen : home->directive->unit_key,
                         found.error().message);
            ok = false;
            continue;
        }
        for (Target& target : *found) add_range(targets, std::move(target), range);
    }
    return ok ? targets : std::vector<Target>{};
}

/// Is there for each family of the listener one socket of the unit, and only one, that takes it?
bool check_sockets(const UnitSays& says, const Listener& listener, Report& report) {
    bool ok = true;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        if (!listener.has_family(family)) continue;
        const auto chosen = choose_unit_socket(says.sockets(), listener.protocol, family, listener.home);
        if (chosen) continue;
        report.error(listener.pos, kListen, fmt::format("{}: {}", says.name, chosen.error().message));
        ok = false;
    }
    return ok;
}

std::vector<Listener> build_listeners(const UnitSays& says, const SocketUnit& ranges, const Listener& common, Report& report) {
    std::vector<Listener> listeners;
    for (Target& target : spread(ranges, says, common, report)) {
        Listener listener = common;
        listener.protocol = target.protocol;
        listener.home = target.home;
        listener.pos = target.pos;
        listener.endpoints = std::move(target.endpoints);
        const auto& of_files = common.endpoints;
        if (!of_files.empty() && !add_addresses(listener.endpoints, of_files.front().addresses, says.ours.block, report)) return {};
        if (!check_sockets(says, listener, report)) return {};
        listeners.push_back(std::move(listener));
    }
    return listeners;
}

std::optional<Service> build_service(UnitSays says, Report& report) {
    Service service;
    Listener common;
    common.name = says.name;
    common.family_sockets = FamilySockets::split; // a slot for each: systemd may have a socket for each
    SocketUnit ranges;
    const Block& block = says.ours.block;
    bool ok = refuse_what_is_systemds(says, report);
    ok = apply(block, Scope::socket_unit, &ranges, Format::unit, says.name, report) && ok;
    ok = apply(block, Scope::listen, &common, Format::unit, says.name, report) && ok;
    ok = apply(block, Scope::service, &service, Format::unit, says.name, report) && ok;
    ok = settle_when_down(says, common, report) && check_sources(common.guard, block, Format::unit, report) && ok;
    if (block.find(kListen) == nullptr) {
        report.error(says.pos, kListen, fmt::format("missing; say which addresses and ports lead to {}", says.name));
        ok = false;
    }
    if (!ok) return std::nullopt;

    service.listeners = build_listeners(says, ranges, common, report);
    if (service.listeners.empty() || !check_kinds(service.listeners, block, Format::unit, report)) return std::nullopt;
    service.name = says.name;
    service.description = says.description;
    service.pos = place_of(says.files.front());
    service.files = std::move(says.files);
    append_address_files(says.ours.block, service.files);
    service.systemd = SystemdUnit{says.name, says.sockets()};
    return service;
}

/// What of a unit's files is said to us.
BesideText text_of(const SourceList& unit, const std::vector<Text>& texts, const Block& ours) {
    const auto is_ours = [&](const std::string& path) {
        return std::any_of(texts.begin(), texts.end(), [&](const Text& text) { return text.path == path && text.is_ours(); });
    };
    BesideText said{{unit.name, unit.name, unit.aliases, {}, {}}, ours};
    const auto take = [&](const std::vector<Source>& from, std::vector<Source>& to) {
        for (const Source& source : from)
            if (is_ours(source.use == SourceUse::hidden ? source.hidden_by : source.path)) to.push_back(source);
    };
    take(unit.files, said.sources.files);
    take(unit.drop_ins, said.sources.drop_ins);
    return said;
}

} // namespace

bool is_for_systemd_units(const Directive& directive) noexcept {
    if (directive.unit_section != kSection) return false;
    const std::string_view name = directive.name();
    if (name == "family_sockets" || name == "listener_mode" || name == "trigger_limit_hit") return false;
    if (name == "source_prefix_ipv4" || name == kPrefixOfIpv6) return true; // of source_rate
    return directive.scope == Scope::listen || name == kListen;
}

std::string_view default_beside_systemd(const Directive& directive) noexcept {
    if (directive.name() == kListen) return {}; // it must be given
    if (directive.name() == kPrefixOfIpv6) return "64"; // MaxConnectionsPerSource= of such a unit is systemd's to count
    return directive.name() == "when_down" ? name_of(WhenDown::drop) : directive.default_text;
}

std::vector<Service> read_systemd_units(const std::vector<std::string>& directories, Report& report, std::vector<BesideText>* said) {
    std::vector<Service> services;
    for (const auto& [name, unit] : socket_units(directories)) {
        const std::vector<Text> texts = texts_of(unit, report);
        if (texts.empty()) continue;
        if (const auto ok = check_service_name(name); !ok) {
            report.error(place_of(texts.front().path), "", ok.error().message);
            continue;
        }
        UnitSays says = read_texts(name, texts, report);
        if (says.pos.line == 0) continue; // it was only in a comment
        if (said != nullptr) said->push_back(text_of(unit, texts, says.ours.block));
        if (unit.files.empty()) report.warning(says.pos, "", fmt::format("a drop-in, but systemd's directories have no {}", name));
        if (auto service = build_service(std::move(says), report)) services.push_back(std::move(*service));
    }
    return services;
}

} // namespace swathe
