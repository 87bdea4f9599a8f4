#pragma once

#include "config/socket_unit.h"
#include "config/value_context.h"
#include "model/config.h"

#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace swathe {

/// Which part of a configuration a directive belongs to.
enum class Scope : std::uint8_t {
    daemon,      ///< swathe.toml, top level
    rule,        ///< swathe.toml, [[drop]] and [[pass]]
    file,        ///< a service's file, top level; [Unit]
    listen,      ///< [[listen]]; [Socket] of a .socket file
    service,     ///< [service]; [Service] of a .service file
    socket_unit, ///< [Socket] of a .socket file only
};

enum class ValueType : std::uint8_t {
    text,
    name,
    choice,
    boolean,
    count,
    time_span,
    octal,
    limit,
    amount,
    percentage,
    account,
    accounts,
    path,
    paths,
    commands,
    services,
    conditions,
    signal,
    statuses,
    environment,
    names,
    directories,
    stream,
    processors,
    capabilities,
    protocols,
    addresses,
    ports,
    endpoints,
    prefixes,
    interfaces,
    netns,
    socket_address,
    system_calls,
    error_number,
    architectures,
    address_families,
    namespaces,
    size,
    quoted_text, ///< in unit files words, in quotes where they need them
    decimal,
    day_times,
    log_fields,
    rate,
};

/// How often a directive may stand in a unit file, drop-ins included. An empty value takes back all earlier ones.
/// In TOML a later file's value always replaces an earlier one.
enum class Repeat : std::uint8_t {
    replace, ///< the last one counts
    add,     ///< all count
};

/// What a setter fills.
using Recipient = std::variant<DaemonSettings*, GlobalRule*, Service*, Listener*, SocketUnit*>;

/// One setting: its names in both formats, what it takes, and where it goes. The table drives both readers, `swathectl
/// keys` and the check of the manual.
struct Directive {
    Scope scope;
    std::string_view toml_key;     ///< "" = not in TOML
    std::string_view unit_section; ///< "Unit", "Socket", "Service", "X-Swathe"; "" = not in unit files
    std::string_view unit_key;     ///< systemd's name, or ours in [X-Swathe]
    ValueType type;
    Repeat repeat;
    std::string_view default_text;              ///< as the manual says it; "" = must be given
    std::string_view summary;                   ///< one line, no full stop
    std::vector<std::string_view> (*choices)(); ///< null, or the words that it takes
    bool (*set)(const Raw& raw, const ValueContext& context,
                const Recipient& target); ///< reads and stores; reports what is wrong

    [[nodiscard]] std::string_view name() const noexcept { return toml_key.empty() ? unit_key : toml_key; }
};

[[nodiscard]] std::span<const Directive> directives();

[[nodiscard]] const Directive* find_toml_directive(Scope scope, std::string_view key);

enum class UnitKind : std::uint8_t { socket, service };
[[nodiscard]] const Directive* find_unit_directive(UnitKind kind, std::string_view section, std::string_view key);

[[nodiscard]] std::string_view to_string(ValueType type) noexcept; ///< "time span", ...
[[nodiscard]] std::string_view
to_string(Scope scope) noexcept; ///< as TOML writes it: "[[listen]]", "[service]", "the top level"

/// Does a unit file's value consist of words that are read one by one, each with its own place?
[[nodiscard]] bool is_word_list(ValueType type) noexcept;

/// Are per cent signs a part of such values, so that there are no specifiers in them?
[[nodiscard]] bool has_per_cent_signs(ValueType type) noexcept;

/// Can more be appended to what the key has? In TOML that is written "+key".
[[nodiscard]] bool is_list(const Directive& directive) noexcept;

} // namespace swathe
