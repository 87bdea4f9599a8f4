#pragma once

#include "config/socket_unit.h"
#include "config/value_context.h"
#include "model/listener.h"

namespace swathe {

/// Readers of what a socket is and of its options, systemd.socket(5); the form is value_context.h's.

bool read_socket_kind(const Raw& raw, const ValueContext& context, Listener& out);

/// `key = N`, from Min to Max; systemd's numbers may be hexadecimal.
bool read_priority(const Raw& raw, const ValueContext& context, std::optional<int>& out);
bool read_ip_tos(const Raw& raw, const ValueContext& context, std::optional<int>& out); ///< 0 to 255, or systemd's words
bool read_ip_ttl(const Raw& raw, const ValueContext& context, std::optional<int>& out);
bool read_mark(const Raw& raw, const ValueContext& context, std::optional<std::uint32_t>& out);
bool read_buffer(const Raw& raw, const ValueContext& context, std::optional<std::uint32_t>& out); ///< bytes, "64K"; 0 = none
bool read_keep_alive_span(const Raw& raw, const ValueContext& context, std::optional<Duration>& out); ///< 0 = the kernel's own
bool read_keep_alive_probes(const Raw& raw, const ValueContext& context, std::optional<int>& out);    ///< likewise
bool read_defer_accept(const Raw& raw, const ValueContext& context, std::optional<Duration>& out);    ///< likewise
bool read_congestion(const Raw& raw, const ValueContext& context, std::string& out);
bool read_timestamping(const Raw& raw, const ValueContext& context, Timestamping& out); ///< unit files: systemd's other words, too
bool read_device(const Raw& raw, const ValueContext& context, std::string& out);

bool read_unix_path(const Raw& raw, const ValueContext& context, std::string& out); ///< absolute, or "@NAME"; limits::kUnixPathBytes
bool read_node_mode(const Raw& raw, const ValueContext& context, mode_t& out);      ///< an octal string from "0000" to "0777"
bool read_symlinks(const Raw& raw, const ValueContext& context, std::vector<Placed<std::string>>& out);

/// ListenStream=, ListenDatagram=: a UNIX socket, or endpoints.
bool read_listen(const Raw& raw, const ValueContext& context, Protocol protocol, SocketUnit& out);
bool read_listen_seqpacket(const Raw& raw, const ValueContext& context, SocketUnit& out);

} // namespace swathe
