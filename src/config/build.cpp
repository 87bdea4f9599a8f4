#include "config/build.h"

#include "base/text.h"
#include "config/address_file.h"
#include "config/service_checks.h"
#include "config/service_name.h"
#include "config/socket_checks.h"
#include "config/values.h"

#include <map>

#include <fmt/format.h>

namespace swathe {
namespace {

/// Gives the listeners without one their name. LISTEN_FDNAMES tells several listeners apart only if each has its own.
bool check_names(std::vector<Listener>& listeners, std::string_view service, bool accepts, Report& report) {
    bool ok = true;
    if (accepts) service = kConnectionName;
    std::map<std::string_view, SourcePos> seen;
    for (Listener& listener : listeners) {
        if (listener.name.empty() && listeners.size() == 1 && is_listener_name(service)) listener.name = service;
        if (listener.name.empty()) {
            report.error(listener.pos, "name",
                         listeners.size() > 1
                             ? "missing; where a service has several listeners, each needs one"
                             : "missing; the service's name cannot stand in for it: it has a \":\" in it");
            ok = false;
            continue;
        }
        const auto [same, fresh] = seen.emplace(listener.name, listener.pos);
        if (fresh) continue;
        report.error(listener.pos, "name",
                     fmt::format("{} is already the name of the listener at {}", quoted(listener.name),
                                 same->second.to_string()));
        ok = false;
    }
    return ok;
}

/// Where a block says what it claims; reports if it does not.
const Setting* claim_of(const Block& block, Report& report) {
    const Setting* addresses = block.find("addresses");
    if (addresses == nullptr) addresses = block.find("addresses_file");
    if (addresses == nullptr) report.error(block.pos, "addresses", "missing");
    return addresses;
}

std::optional<Listener> build_unix_listener(Listener listener, bool ok, const Block& block, Report& report) {
    if (block.find("path") == nullptr) report.error(block.pos, "path", "missing");
    if (!ok || block.find("path") == nullptr || !check_kinds({&listener, 1}, block, Format::toml, report)) return std::nullopt;
    return listener;
}

std::optional<Listener> build_listener(const Block& block, bool accepts, Report& report) {
    Listener listener;
    if (accepts) expect_connections(listener);
    listener.pos = block.pos;
    bool ok = apply(block, Scope::listen, &listener, Format::toml, {}, report);
    report_missing(block, Scope::listen, Format::toml, report);
    if (listener.is_unix()) return build_unix_listener(std::move(listener), ok, block, report);
    const Setting* claim = claim_of(block, report);
    if (block.find("ports") == nullptr) report.error(block.pos, "ports", "missing");
    ok = ok && check_sources(listener.guard, block, Format::toml, report);
    if (!ok || block.find("protocol") == nullptr || claim == nullptr || block.find("ports") == nullptr) return std::nullopt;
    if (!check_kinds({&listener, 1}, block, Format::toml, report)) return std::nullopt;
    if (!guard_device(listener, block, Format::toml, report)) return std::nullopt;
    if (listener.endpoints.front().addresses.empty()) {
        report.error(claim->pos, claim->directive->name(), "no address to listen on");
        return std::nullopt;
    }
    if (!check_home(listener, block, Format::toml, report)) return std::nullopt;
    return listener;
}

} // namespace

void expect_connections(Listener& listener) noexcept {
    listener.trigger_limit.burst = 200; // systemd.socket(5), TriggerLimitBurst=, PollLimitBurst=
    listener.poll_limit.burst = 150;
}

bool check_sources(const Guard& guard, const Block& block, Format format, Report& report) {
    const Setting* file = block.find("from_file");
    if (file == nullptr || !guard.from.empty()) return true;
    report.error(file->pos, key_of(*file->directive, format), "no source: nobody could reach the listener");
    return false; // an empty guard would let everyone in
}

bool check_home(const Listener& listener, const Block& block, Format format, Report& report) {
    if (!listener.home) return true;
    const Setting& home = *block.find("home");
    const auto refuse = [&](std::string_view why) {
        report.error(home.value.pos, key_of(*home.directive, format), why);
        return false;
    };
    const Family family = listener.home->address.family;
    if (!listener.has_family(family))
        return refuse(fmt::format("an {} address, but the listener has none in its range", to_string(family)));
    const bool mixed = listener.has_family(Family::ipv4) && listener.has_family(Family::ipv6);
    const bool takes_both = family == Family::ipv4 || listener.home->address == Address::any(Family::ipv6);
    if (mixed && !takes_both &&
        listener.family_sockets == FamilySockets::dual) // ipv6(7): only the wildcard and mapped addresses take IPv4
        return refuse("a socket bound to an IPv6 address takes no IPv4; give an IPv4 address, [::], or family_sockets "
                      "= \"split\"");
    return true;
}

std::optional<Service> build_service(const TomlService& text, std::string_view name, Report& report) {
    Service service;
    service.name = name;
    service.pos = text.file.pos;
    bool ok = apply(text.file, Scope::file, &service, Format::toml, {}, report);
    for (const Block& block : text.listeners) {
        append_address_files(block, service.files);
        auto listener = build_listener(block, text.accepts, report);
        if (listener)
            service.listeners.push_back(std::move(*listener));
        else
            ok = false;
    }
    if (text.listeners.empty()) {
        report.error(text.file.pos, "listen", "missing; a service needs at least one [[listen]]");
        ok = false;
    }
    ok = check_names(service.listeners, name, text.accepts, report) && ok;
    const std::string service_unit = text.accepts ? connection_unit(name) : service.name + ".service";
    const bool sound = apply(text.service, Scope::service, &service, Format::toml, {service_unit, text.file.pos.file.name()}, report);
    ok = check_service(service, {{&text.service}, Format::toml, sound}, report) && ok;
    if (!ok) return std::nullopt;
    return service;
}

std::optional<GlobalRule> build_rule(const TomlDaemon::Rule& text, Report& report) {
    GlobalRule rule;
    rule.verdict = text.verdict;
    rule.pos = text.block.pos;
    const bool ok = apply(text.block, Scope::rule, &rule, Format::toml, {}, report);
    report_missing(text.block, Scope::rule, Format::toml, report);
    if (claim_of(text.block, report) == nullptr || !ok) return std::nullopt;
    const bool from_nobody = text.block.find("from_file") != nullptr && rule.guard.from.empty();
    if (from_nobody || rule.endpoints.front().addresses.empty()) return std::nullopt; // matches nothing, as was warned
    if (rule.protocols.empty()) rule.protocols = {Protocol::tcp, Protocol::udp};
    if (rule.endpoints.front().ports.empty()) rule.endpoints.front().ports = {PortRange::all()};
    return rule;
}

} // namespace swathe
