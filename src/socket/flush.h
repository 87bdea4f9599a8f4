#pragma once

#include "base/address.h"

namespace swathe {

/// Accepts and closes the connections that wait in a listening socket, or reads the datagrams of another one and throws them away, as
/// many as wait now or `kMostFlushed`: whoever sends faster must not hold us.
void flush(int fd, Protocol protocol) noexcept;
inline constexpr int kMostFlushed = 65536;

} // namespace swathe
