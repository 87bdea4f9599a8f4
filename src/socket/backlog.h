#pragma once

#include "base/address.h"

#include <cstdint>

namespace swathe {

/// How much waits in the kernel: connections that nobody has accepted yet (a listening socket), or bytes of memory that
/// unread datagrams take up, their bookkeeping included (a UDP socket); of a UNIX socket 1 if anything waits. 0 if it cannot be told.
[[nodiscard]] std::uint32_t queued(int fd, Protocol protocol) noexcept;

/// The longest accept queue that the kernel grants this listening socket: listen(2)'s backlog cut to net.core.somaxconn. 0 if it cannot be
/// told.
[[nodiscard]] std::uint32_t queue_limit(int fd) noexcept;

/// Of a stream socket: is it in LISTEN? shutdown(2) by any process that has it ends that. True if it cannot be told.
[[nodiscard]] bool is_listening(int fd) noexcept;

/// The inode in "socket:[INODE]", by which sock_diag names the socket. Errors: not a socket.
[[nodiscard]] Result<std::uint64_t> socket_inode(int fd);

} // namespace swathe
