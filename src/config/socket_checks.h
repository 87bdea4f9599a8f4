#pragma once

#include "config/settings.h"

#include <span>

namespace swathe {

/// Holds the keys of a [[listen]] table, or of a .socket unit with all its `listeners`, against what their sockets are. In TOML a key that
/// means nothing for the socket is an error. In a unit one must mean something for one of the sockets: else it is an error where it was to
/// narrow what is steered, a warning where systemd would set it without effect, and nothing where units of IP sockets often have it.
/// Reports; returns false after errors.
bool check_kinds(std::span<const Listener> listeners, const Block& block, Format format, Report& report);

/// Does a key of [[listen]] mean anything for a socket of this kind?
[[nodiscard]] bool is_for(std::string_view key, SocketKind kind) noexcept;

/// bind_to_device is the listener's guard as well: packets that the socket could not answer are not steered to it.
bool guard_device(Listener& listener, const Block& block, Format format, Report& report);

/// No two listeners have one UNIX socket: the later one would take the path from the other.
void check_unix_paths(const Config& config, Report& report);

} // namespace swathe
