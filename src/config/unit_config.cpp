#include "config/unit_config.h"

#include "base/text.h"
#include "config/address_file.h"
#include "config/boolean_word.h"
#include "config/build.h"
#include "config/connection_checks.h"
#include "config/service_checks.h"
#include "config/service_name.h"
#include "config/socket_checks.h"
#include "config/unit_ranges.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace swathe {
namespace {

/// A .socket unit, understood.
struct Socket {
    const Unit* unit = nullptr;
    std::vector<Listener> listeners; ///< in file order
    std::string service;             ///< the unit that it starts
    SourcePos service_pos;           ///< where it says so
    bool ok = true;
};

/// Only a bare port and [::] give an endpoint two families; with BindIPv6Only=ipv6-only they are IPv6 alone
/// (systemd.socket(5)).
void drop_ipv4_wildcards(SocketUnit& socket) {
    for (SocketUnit::Line& line : socket.lines)
        for (Endpoint& endpoint : line.endpoints)
            if (is_everywhere(endpoint)) endpoint.addresses = AddressList{endpoint.addresses[1]};
}

/// The addresses of files are for each line, and for what [X-Swathe] adds to it.
bool add_to_lines(SocketUnit& socket, const AddressList& more, const Block& block, Report& report) {
    return std::all_of(socket.lines.begin(), socket.lines.end(),
                       [&](SocketUnit::Line& line) { return add_addresses(line.endpoints, more, block, report); });
}

/// One Listen line with what the unit says of all. Nothing is steered to a UNIX socket.
Listener listener_of(SocketUnit::Line line, const Listener& common) {
    Listener listener = common;
    listener.become(line.kind);
    listener.pos = line.pos;
    listener.endpoints = std::move(line.endpoints);
    listener.path = std::move(line.path);
    if (!listener.is_unix()) return listener;
    listener.listener_mode = ListenerMode::shared;
    listener.guard = {};
    listener.except.clear();
    listener.home.reset();
    listener.connection_rate = listener.source_rate = {};
    listener.blocked.clear();
    return listener;
}

/// The service of a socket with Accept=yes is the template of its own name: systemd.socket(5).
bool check_accept(const Unit& unit, const SocketUnit& own, Report& report) {
    if (!accepts(unit)) return true;
    if (!own.service.empty()) {
        report.error(own.service_pos, "Service",
                     fmt::format("does not go with Accept=yes, which starts instances of {}", shown_unit(service_of(unit))));
        return false;
    }
    if (unit.name.find('@') == unit.name.npos) return true;
    report.error(unit.text.block.find("accept")->pos, "Accept", "an instance of a template cannot have instances of its own");
    return false;
}

Socket build_socket(const Unit& unit, const std::vector<std::string>& allowed, Report& report) {
    Socket socket{&unit, {}, {}, {}, true};
    SocketUnit own;
    Listener common;
    common.name = accepts(unit) ? std::string(kConnectionName) : unit.name; // systemd.socket(5), FileDescriptorName=
    if (accepts(unit)) expect_connections(common);
    common.trigger_limit_fails = true; // systemd's
    socket.ok = report_foreign(unit.text, UnitKind::socket, allowed, report);
    socket.ok = apply(unit.text.block, Scope::socket_unit, &own, Format::unit, unit.id(), report) && socket.ok;
    socket.ok = check_accept(unit, own, report) && socket.ok;
    socket.ok = apply(unit.text.block, Scope::listen, &common, Format::unit, unit.id(), report) && socket.ok;
    socket.ok = socket.ok && check_sources(common.guard, unit.text.block, Format::unit, report);
    const std::vector<Endpoint> of_files = std::exchange(common.endpoints, {});
    socket.ok = widen_lines(own, report) && socket.ok;
    if (!of_files.empty())
        socket.ok = socket.ok && add_to_lines(own, of_files.front().addresses, unit.text.block, report);
    else if (own.v6_only)
        drop_ipv4_wildcards(own);
    for (SocketUnit::Line& line : own.lines) socket.listeners.push_back(listener_of(std::move(line), common));
    if (!socket.listeners.empty()) socket.ok = check_kinds(socket.listeners, unit.text.block, Format::unit, report) && socket.ok;
    for (Listener& listener : socket.listeners) {
        socket.ok = guard_device(listener, unit.text.block, Format::unit, report) && socket.ok;
        socket.ok = check_home(listener, unit.text.block, Format::unit, report) && socket.ok;
    }
    if (socket.listeners.empty() && socket.ok) {
        report.error(unit.pos, "ListenStream",
                     "missing; a socket needs at least one ListenStream=, ListenDatagram= or ListenSequentialPacket=");
        socket.ok = false;
    }
    socket.service = service_of(unit);
    socket.service_pos = own.service.empty() ? unit.pos : own.service_pos;
    return socket;
}

std::optional<Service> build_unit_service(const Unit& unit, std::vector<Socket>& sockets, const std::vector<std::string>& allowed,
                                          Report& report) {
    Service service;
    service.name = unit.service();
    service.pos = unit.pos;
    service.start_limit_hit = LimitAction::fail; // systemd's
    ServiceText text{{}, Format::unit, true};
    for (const Socket& socket : sockets) text.blocks.push_back(&socket.unit->text.block);
    text.blocks.push_back(&unit.text.block);
    if (counts_as_systemd(text.blocks)) service.source_prefix_ipv6 = kSystemdSourcePrefix;
    bool ok = report_foreign(unit.text, UnitKind::service, allowed, report);
    for (Socket& socket : sockets) {
        const Block& block = socket.unit->text.block;
        ok = apply(block, Scope::file, &service, Format::unit, socket.unit->id(), report) && ok;
        text.sound = apply(block, Scope::service, &service, Format::unit, socket.unit->id(), report) && text.sound;
        ok = ok && socket.ok;
        std::move(socket.listeners.begin(), socket.listeners.end(), std::back_inserter(service.listeners));
        service.files.insert(service.files.end(), socket.unit->files.begin(), socket.unit->files.end());
        append_address_files(block, service.files);
    }
    service.files.insert(service.files.end(), unit.files.begin(), unit.files.end());
    ok = apply(unit.text.block, Scope::file, &service, Format::unit, unit.id(), report) && ok;
    text.sound = apply(unit.text.block, Scope::service, &service, Format::unit, unit.id(), report) && text.sound;
    ok = check_service(service, text, report) && ok;
    if (!ok) return std::nullopt;
    return service;
}

/// foo.service and foo@.service can both be called foo.
void drop_twins(std::vector<Service>& services, Report& report) {
    std::map<std::string, SourcePos> seen;
    std::erase_if(services, [&](const Service& service) {
        const auto [twin, is_new] = seen.emplace(service.name, service.pos);
        if (!is_new)
            report.error(service.pos, "",
                         fmt::format("there is also a service {} in {}; rename one of them", service.name, twin->second.file.name()));
        return !is_new;
    });
}

/// Units by all their names.
class UnitNames {
public:
    explicit UnitNames(const std::vector<Unit>& units) {
        for (const Unit& unit : units) {
            by_name_.emplace(unit.name, &unit);
            for (const std::string& alias : unit.aliases) by_name_.emplace(alias, &unit);
        }
    }

    /// Null = there is none.
    [[nodiscard]] const Unit* find(std::string_view name) const {
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? nullptr : found->second;
    }

private:
    std::map<std::string_view, const Unit*> by_name_;
};

} // namespace

bool accepts(const Unit& socket) {
    const Setting* accept = socket.text.block.find("accept");
    const auto* text = accept == nullptr ? nullptr : accept->value.get<std::string>();
    return text != nullptr && boolean_word(*text).value_or(false);
}

std::string service_of(const Unit& socket) {
    if (accepts(socket)) return connection_unit(socket.stem());
    const Setting* service = socket.text.block.find("Service");
    const auto* name = service == nullptr ? nullptr : service->value.get<std::string>();
    const bool sound = name != nullptr && name->ends_with(".service"); // else it was refused
    return sound ? *name : fmt::format("{}.service", socket.stem());
}

std::vector<Service> build_unit_services(const std::vector<Unit>& sockets, const std::vector<Unit>& services,
                                         Report& report, const std::vector<std::string>& allowed) {
    const UnitNames known_services(services);
    const UnitNames known_sockets(sockets);
    std::map<std::string, std::vector<Socket>> by_service; ///< by the unit's own name, whatever Service= calls it
    for (const Unit& unit : sockets) {
        if (unit.masked || unit.broken) continue;
        if (const auto ok = check_service_name(unit.stem()); !ok) {
            report.error(unit.pos, "", ok.error().message);
            continue;
        }
        Socket socket = build_socket(unit, allowed, report);
        const Unit* target = known_services.find(socket.service);
        if (target == nullptr)
            report.error(socket.service_pos, "",
                         fmt::format("there is no unit {} for this socket to start{}", quoted(shown_unit(socket.service)),
                                     accepts(unit) ? ": with Accept=yes that is a template" : ""));
        else if (target->masked)
            report.warning(socket.service_pos, "", fmt::format("{} is masked: nothing listens for it", shown_unit(socket.service)));
        if (target != nullptr) by_service[target->name].push_back(std::move(socket));
    }
    std::vector<Service> built;
    for (const Unit& unit : services) {
        const auto group = by_service.find(unit.name);
        if (unit.masked || unit.broken) continue;
        if (group == by_service.end()) {
            const bool has_socket = known_sockets.find(fmt::format("{}.socket", unit.stem())) !=
                                    nullptr; // masked, broken, or for another service
            if (!has_socket) report.warning(unit.pos, "", "no .socket unit starts it; it is ignored");
        } else if (const auto ok = check_service_name(unit.service()); !ok) {
            report.error(unit.pos, "", ok.error().message);
        } else if (auto service = build_unit_service(unit, group->second, allowed, report)) {
            built.push_back(std::move(*service));
        }
    }
    drop_twins(built, report);
    return built;
}

} // namespace swathe
