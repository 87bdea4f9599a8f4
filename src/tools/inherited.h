#pragma once

#include <cstdint>
#include <optional>

namespace swathe::tools {

/// What a descriptor is good for, and so how the program was started.
enum class Kind : std::uint8_t {
    listener,   ///< LISTEN_FDS, or inetd's wait: a socket that listens
    connection, ///< inetd's nowait, or systemd's Accept=yes
    datagrams,  ///< LISTEN_FDS, or inetd's wait: a socket that anybody may send to
    flow,       ///< a datagram socket that is connected to one client
};
/// Nothing where it is no socket, errno says why, or where it is a stream that neither listens nor is connected (ENOTCONN).
[[nodiscard]] std::optional<Kind> kind_of(int fd) noexcept;

/// Descriptors `first` to `first + count - 1`.
struct Inherited {
    int first, count;
};
/// What sd_listen_fds(3) describes if it is there for this process, else standard input alone.
[[nodiscard]] Inherited inherited() noexcept;

} // namespace swathe::tools
