#pragma once

#include "model/connection_context.h"
#include "socket/accepted.h"

#include <string>
#include <utility>
#include <vector>

namespace swathe {

/// What the instance of connection number `number` is called, as systemd 258 has it (COMPAT 2.2): what %i stands for.
[[nodiscard]] std::string instance_name(const ConnectionEnds& ends, std::uint64_t number);

/// What its processes are told of it. `of_source`: connections of its source that live, it included: $TCPCONNNUM. Pure.
/// systemd.exec(5), $REMOTE_ADDR; ucspi-tcp's environment(5).
[[nodiscard]] std::vector<std::pair<std::string, std::string>> connection_variables(const ConnectionEnds& ends, EnvironmentStyle style,
                                                                                     std::uint32_t of_source);

/// Who is on the other side, for the log: "192.0.2.1:5555", a path, or "uid 1000".
[[nodiscard]] std::string peer_of(const ConnectionEnds& ends);

} // namespace swathe
