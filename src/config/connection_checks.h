#pragma once

#include "config/service_checks.h"

#include <string_view>

namespace swathe {

/// Checks what the keys about connections say together with all others. In units, what means nothing without Accept=yes, or with it, is
/// told and put back to its default; in TOML it is an error. Requires that all values could be read. Returns false after errors.
bool check_connections(Service& service, const ServiceText& text, Report& report);

/// Has the key of [service] no meaning unless `accept` is on?
[[nodiscard]] bool needs_accept(std::string_view key) noexcept;
/// Does a unit that says it beside Accept=yes say it for nothing?
[[nodiscard]] bool yields_to_accept(std::string_view key) noexcept;

/// Which IPv6 addresses are one source for systemd: systemd.socket(5), MaxConnectionsPerSource=.
inline constexpr std::uint8_t kSystemdSourcePrefix = 128;
/// Does a unit's default for source_prefix_ipv6 apply, which is systemd's: does it have MaxConnectionsPerSource=?
[[nodiscard]] bool counts_as_systemd(const std::vector<const Block*>& blocks) noexcept;

} // namespace swathe
