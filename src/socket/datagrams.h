#pragma once

#include "socket/flow.h"

#include <functional>

namespace swathe {

/// Reads the datagrams that wait in the UDP socket of a listener, at most `most`, and gives them away in the order of their arrival. False:
/// it read so many, and there may be more. Whose asked address or client cannot be told, or cannot be answered (port 0), goes to `stray`.
bool read_datagrams(int listener, std::size_t most, const std::function<void(Datagram&&)>& take, const std::function<void()>& stray);

/// Reads what waits in a socket that is connected, at most `most`, without waiting.
[[nodiscard]] Payloads read_payloads(int fd, std::size_t most);

} // namespace swathe
