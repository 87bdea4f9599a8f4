#include "config/directives.h"

#include "config/directive_tables.h"

#include <algorithm>
#include <array>

namespace swathe {
namespace {

using enum Scope;
using enum Repeat;
using T = ValueType;

/// May a directive stand in a unit of this kind? [X-Swathe] is in both, and so are some of [Unit].
bool fits(const Directive& directive, UnitKind kind) noexcept {
    switch (directive.scope) {
    case daemon:
    case rule: return false;
    case file: return true;
    case listen:
    case socket_unit: return kind == UnitKind::socket;
    case service:
        if (directive.type == T::conditions) return true;
        if (directive.unit_section == "Socket") return kind == UnitKind::socket; // a key of systemd's that is about the service
        return kind == UnitKind::service || directive.unit_section == "X-Swathe";
    }
    return false;
}

/// Where systemd had some directives once, and still finds them.
struct OldPlace {
    std::string_view section, key, now_section, now_key;
};
constexpr std::array kOldPlaces{
    OldPlace{"Unit", "StartLimitInterval", "Unit", "StartLimitIntervalSec"},
    OldPlace{"Service", "StartLimitInterval", "Unit", "StartLimitIntervalSec"},
    OldPlace{"Service", "StartLimitBurst", "Unit", "StartLimitBurst"},
    OldPlace{"Service", "ReadWriteDirectories", "Service", "ReadWritePaths"},
    OldPlace{"Service", "ReadOnlyDirectories", "Service", "ReadOnlyPaths"},
    OldPlace{"Service", "InaccessibleDirectories", "Service", "InaccessiblePaths"},
};

} // namespace

std::span<const Directive> directives() {
    static const std::vector<Directive> table = [] {
        std::vector<Directive> all;
        for (const auto part :
             {network_directives(), loading_directives(), socket_directives(), service_directives(), condition_directives(),
              connection_directives(), exec_directives(), sandbox_directives(), cgroup_directives()})
            all.insert(all.end(), part.begin(), part.end());
        return all;
    }();
    return table;
}

const Directive* find_toml_directive(Scope scope, std::string_view key) {
    const auto table = directives();
    const auto found = std::find_if(table.begin(), table.end(),
                                    [&](const Directive& d) { return d.scope == scope && d.toml_key == key; });
    return found == table.end() || key.empty() ? nullptr : &*found;
}

const Directive* find_unit_directive(UnitKind kind, std::string_view section, std::string_view key) {
    for (const OldPlace& old : kOldPlaces)
        if (old.section == section && old.key == key) return find_unit_directive(kind, old.now_section, old.now_key);
    const auto table = directives();
    const auto found = std::find_if(table.begin(), table.end(), [&](const Directive& d) {
        return d.unit_key == key && d.unit_section == section && fits(d, kind);
    });
    return found == table.end() || key.empty() ? nullptr : &*found;
}

std::string_view to_string(ValueType type) noexcept {
    switch (type) {
    case T::text: return "text";
    case T::name: return "name";
    case T::choice: return "choice";
    case T::boolean: return "boolean";
    case T::count: return "number";
    case T::time_span: return "time span";
    case T::octal: return "octal number";
    case T::limit: return "limit";
    case T::amount: return "amount";
    case T::percentage: return "percentage";
    case T::account: return "account";
    case T::accounts: return "accounts";
    case T::path: return "path";
    case T::paths: return "paths";
    case T::commands: return "commands";
    case T::services: return "services";
    case T::conditions: return "conditions";
    case T::signal: return "signal";
    case T::statuses: return "exit statuses";
    case T::environment: return "variables";
    case T::names: return "names";
    case T::directories: return "directories";
    case T::stream: return "stream";
    case T::processors: return "processors";
    case T::capabilities: return "capabilities";
    case T::protocols: return "protocols";
    case T::addresses: return "addresses";
    case T::ports: return "ports";
    case T::endpoints: return "endpoints";
    case T::prefixes: return "prefixes";
    case T::interfaces: return "interfaces";
    case T::netns: return "network namespace";
    case T::socket_address: return "socket address";
    case T::system_calls: return "system calls";
    case T::error_number: return "error number";
    case T::architectures: return "architectures";
    case T::address_families: return "address families";
    case T::namespaces: return "namespaces";
    case T::size: return "size";
    case T::quoted_text: return "text";
    case T::decimal: return "decimal number";
    case T::day_times: return "times of day";
    case T::log_fields: return "words";
    case T::rate: return "rate";
    }
    return {};
}

std::string_view to_string(Scope scope) noexcept {
    switch (scope) {
    case daemon:
    case file: return "the top level";
    case rule: return "[[drop]] and [[pass]]";
    case listen: return "[[listen]]";
    case service: return "[service]";
    case socket_unit: return "[Socket]";
    }
    return {};
}

bool is_word_list(ValueType type) noexcept {
    return type == T::endpoints || type == T::prefixes || type == T::interfaces || type == T::accounts || type == T::services ||
           type == T::statuses || type == T::day_times || type == T::log_fields;
}

bool has_per_cent_signs(ValueType type) noexcept { return type == T::amount || type == T::percentage; }

bool is_list(const Directive& directive) noexcept {
    const T type = directive.type;
    return directive.repeat == add || is_word_list(type) || type == T::addresses || type == T::ports || type == T::protocols;
}

} // namespace swathe
