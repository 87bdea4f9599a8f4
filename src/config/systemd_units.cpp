#include "config/systemd_units.h"

#include "base/text.h"
#include "config/build.h"
#include "config/files.h"
#include "config/net_values.h"
#include "config/service_name.h"
#include "config/specifier.h"
#include "config/unit_reader.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::string_view kSection = "X-Swathe";
constexpr std::string_view kListen = "Listen";

/// What the files of one unit say.
struct UnitSays {
    std::string name;
    std::string description;
    SourcePos pos;                   ///< of its first [X-Swathe]
    std::vector<std::string> files;  ///< all, in order
    std::vector<UnitSocket> sockets; ///< of [Socket]
    UnitText ours;                   ///< [X-Swathe] without Listen=
    std::vector<Raw> listen;         ///< the words of Listen=
};

SourcePos place_of(const std::string& path) { return {SourceFile(path), 0, 0}; }

bool is_template(std::string_view name) noexcept { return name.find("@.") != name.npos; }

/// "foo@bar.socket" -> "foo@.socket"; "" = no instance
std::string template_of(std::string_view name) {
    const std::size_t at = name.find('@');
    return at == name.npos ? std::string() : fmt::format("{}{}", name.substr(0, at + 1), name.substr(name.rfind('.')));
}

/// Another name of a unit: systemd reads it under the name that it leads to.
bool is_alias(const ConfigFile& file) {
    std::error_code ignored;
    if (file.path.empty() || !std::filesystem::is_symlink(file.path, ignored)) return false;
    const std::string target = std::filesystem::read_symlink(file.path, ignored).filename().string();
    return target != file.name && target != template_of(file.name) && target.ends_with(".socket");
}

/// An instance has its template's files, and its own drop-ins before those of the same name.
void inherit_template(ConfigFile& file, const std::map<std::string, const ConfigFile*>& by_name) {
    const auto found = by_name.find(template_of(file.name));
    if (found == by_name.end()) return;
    const ConfigFile& base = *found->second;
    if (file.path.empty()) file.path = base.path;
    const auto name_of = [](const std::string& path) { return std::filesystem::path(path).filename().string(); };
    std::map<std::string, std::string> drop_ins;
    for (const auto* list : {&std::as_const(file.drop_ins), &base.drop_ins})
        for (const std::string& path : *list) drop_ins.emplace(name_of(path), path);
    file.drop_ins.clear();
    for (auto& [name, path] : drop_ins) file.drop_ins.push_back(std::move(path));
}

struct Text {
    std::string path;
    std::string text;
    [[nodiscard]] bool is_ours() const { return text.find(fmt::format("[{}]", kSection)) != text.npos; }
};

/// The texts of a unit that has something to say to us; none of one that has not, or that is masked.
std::vector<Text> texts_of(const ConfigFile& file, Report& report) {
    std::vector<std::string> paths = file.drop_ins;
    if (!file.path.empty()) paths.insert(paths.begin(), file.path);
    std::vector<Text> texts;
    std::vector<std::string> unreadable;
    bool masked = false;
    for (const std::string& path : paths) {
        auto read = read_config_file(path);
        if (!read)
            unreadable.push_back(fmt::format("{}: {}", path, read.error().to_string()));
        else if (read->masked)
            masked = masked || path == file.path;
        else
            texts.push_back({path, std::move(read->text)});
    }
    const auto ours = std::find_if(texts.begin(), texts.end(), [](const Text& text) { return text.is_ours(); });
    if (ours == texts.end()) return {};
    for (const std::string& why : unreadable) report.warning(place_of(ours->path), "", fmt::format("not read for {}: {}", file.name, why));
    if (!masked) return texts;
    report.warning(place_of(ours->path), "", fmt::format("{} is masked: nothing is steered to it", file.name));
    return {};
}

/// systemd.socket(5): an empty value of any Listen key takes back all of them.
void take_socket_line(UnitSays& says, const UnitLine& line) {
    if (!line.key.starts_with("Listen")) return;
    if (line.value.empty()) return says.sockets.clear();
    const auto value = expand_specifiers(line.value, says.name);
    if (!value) return; // a path with %t or the like
    const auto socket = parse_unit_socket(std::string_view(line.key).substr(kListen.size()), *value);
    if (socket && std::find(says.sockets.begin(), says.sockets.end(), *socket) == says.sockets.end()) says.sockets.push_back(*socket);
}

void take_listen_words(UnitSays& says, const UnitLine& line, Report& report) {
    if (line.value.empty()) return says.listen.clear();
    for (std::size_t at = line.value.find_first_not_of(" \t"); at != line.value.npos; at = line.value.find_first_not_of(" \t", at)) {
        const std::size_t end = std::min(line.value.find_first_of(" \t", at), line.value.size());
        auto word = expand_specifiers(std::string_view(line.value).substr(at, end - at), says.name);
        if (word)
            says.listen.push_back({std::move(*word), line.place(at)});
        else
            report.error(line.place(at), line.key, word.error().message);
        at = end;
    }
}

void take_section(UnitSays& says, UnitSection section, Report& report) {
    for (const UnitLine& line : section.lines) {
        if (section.name == "Socket") take_socket_line(says, line);
        if (section.name == "Unit" && line.key == "Description")
            says.description = expand_specifiers(line.value, says.name).value_or(line.value);
        if (section.name == kSection && line.key == kListen) take_listen_words(says, line, report);
    }
    if (section.name != kSection) return;
    if (says.pos.line == 0) says.pos = section.pos;
    std::erase_if(section.lines, [](const UnitLine& line) { return line.key == kListen; });
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
        const std::string_view name = setting.directive->name();
        if (setting.directive->scope == Scope::listen && name != "family_sockets" && name != "trigger_limit_hit") continue;
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

/// A bare port or [::] is the port alone where AddressesFile= has the addresses, as in unit files of ours.
bool add_addresses(std::vector<Endpoint>& endpoints, const AddressList& more, const SourcePos& pos, Report& report) {
    for (Endpoint& endpoint : endpoints) {
        if (endpoint.addresses.size() == 2) endpoint.addresses.clear();
        endpoint.addresses.append(more);
        if (!endpoint.addresses.empty()) continue;
        report.error(pos, "AddressesFile", "no address to listen on");
        return false;
    }
    return true;
}

std::optional<std::vector<Endpoint>> read_endpoints(const UnitSays& says, const std::vector<Endpoint>& of_files, Report& report) {
    std::vector<Endpoint> endpoints;
    bool ok = true;
    for (const Raw& word : says.listen)
        ok = read_listen_line(Raw{Raw::List{word}, word.pos}, {report, kListen, says.name, true}, endpoints) && ok;
    if (says.listen.empty()) report.error(says.pos, kListen, fmt::format("missing; say which addresses and ports lead to {}", says.name));
    if (!ok || endpoints.empty()) return std::nullopt;
    if (of_files.empty()) return endpoints;
    const SourcePos& file = says.ours.block.find("addresses_file")->pos;
    if (!add_addresses(endpoints, of_files.front().addresses, file, report)) return std::nullopt;
    return endpoints;
}

/// Is there for each family of the listener one socket of the unit, and only one, that takes it?
bool check_sockets(const UnitSays& says, const Listener& listener, Report& report) {
    bool ok = true;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        if (!listener.has_family(family)) continue;
        const auto chosen = choose_unit_socket(says.sockets, listener.protocol, family, listener.home);
        if (chosen) continue;
        report.error(listener.pos, kListen, fmt::format("{}: {}", says.name, chosen.error().message));
        ok = false;
    }
    return ok;
}

std::vector<Listener> build_listeners(const UnitSays& says, const Listener& common, Report& report) {
    std::vector<Listener> listeners;
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        const auto concerns = [&](const UnitSocket& socket) {
            return socket.protocol == protocol && (!common.home || *common.home == socket.address);
        };
        if (std::none_of(says.sockets.begin(), says.sockets.end(), concerns)) continue;
        Listener listener = common;
        listener.protocol = protocol;
        if (!check_sockets(says, listener, report)) return {};
        listeners.push_back(std::move(listener));
    }
    if (!listeners.empty()) return listeners;
    const Setting* home = says.ours.block.find("home");
    if (home != nullptr)
        report.error(home->value.pos, home->directive->unit_key,
                     fmt::format("{} has no socket at {}", says.name, common.home->to_string()));
    else
        report.error(says.pos, "", fmt::format("{} has no TCP or UDP socket", says.name));
    return {};
}

std::optional<Service> build_service(UnitSays says, Report& report) {
    Listener common;
    common.name = says.name;
    common.family_sockets = FamilySockets::split; // a slot for each: systemd may have a socket for each
    bool ok = refuse_what_is_systemds(says, report);
    ok = apply(says.ours.block, Scope::listen, &common, Format::unit, says.name, report) && ok;
    const std::vector<Endpoint> of_files = std::exchange(common.endpoints, {});
    ok = settle_when_down(says, common, report) && check_sources(common.guard, says.ours.block, Format::unit, report) && ok;
    auto endpoints = read_endpoints(says, of_files, report);
    if (!endpoints || !ok) return std::nullopt;
    common.endpoints = std::move(*endpoints);
    common.pos = says.listen.front().pos;

    Service service;
    service.listeners = build_listeners(says, common, report);
    if (service.listeners.empty()) return std::nullopt;
    service.name = says.name;
    service.description = says.description;
    service.pos = place_of(says.files.front());
    service.files = std::move(says.files);
    service.systemd = SystemdUnit{says.name, std::move(says.sockets)};
    return service;
}

} // namespace

std::vector<Service> read_systemd_units(const std::vector<std::string>& directories, Report& report) {
    Report theirs; // a directory that cannot be read is not ours
    std::vector<ConfigFile> files = find_config_files({directories, false}, "", ".socket", ".conf", theirs);
    std::map<std::string, const ConfigFile*> by_name;
    for (const ConfigFile& file : files) by_name.emplace(file.name, &file);
    std::vector<Service> services;
    for (ConfigFile file : files) {
        if (is_template(file.name) || is_alias(file)) continue; // neither is a unit
        inherit_template(file, by_name);
        const std::vector<Text> texts = texts_of(file, report);
        if (texts.empty()) continue;
        if (const auto ok = check_service_name(file.name); !ok) {
            report.error(place_of(texts.front().path), "", ok.error().message);
            continue;
        }
        UnitSays says = read_texts(file.name, texts, report);
        if (says.pos.line == 0) continue; // it was only in a comment
        if (file.path.empty()) report.warning(says.pos, "", fmt::format("a drop-in, but systemd's directories have no {}", file.name));
        if (auto service = build_service(std::move(says), report)) services.push_back(std::move(*service));
    }
    return services;
}

} // namespace swathe
