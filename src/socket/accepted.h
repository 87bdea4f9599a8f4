#pragma once

#include "base/address.h"
#include "base/unique_fd.h"
#include "model/listener.h"

#include <optional>
#include <string>
#include <sys/types.h>

namespace swathe {

/// Whom a connection, or a connected datagram socket, connects.
struct ConnectionEnds {
    SocketKind kind = SocketKind::tcp;
    SocketAddress remote, local; ///< of an IP socket; `local` is what was dialled. IPv4-mapped addresses are IPv4 ones here
    std::string path;            ///< of a UNIX socket, the other side's: "/path", "@abstract"; "" = it has no name
    std::uint64_t cookie = 0;    ///< SO_COOKIE
    pid_t pid = 0;               ///< of a UNIX socket, who connected: SO_PEERCRED; 0 = nobody of this pid namespace
    uid_t uid = 0;
    std::uint64_t pidfd_id = 0;  ///< inode number of a pidfd of that process; 0 = the kernel does not tell
};

/// What accept(2) has come to.
struct AcceptedSocket {
    enum class Outcome : std::uint8_t {
        taken,
        nobody,    ///< nobody waits any more
        exhausted, ///< `error`: no descriptor or no memory for it; it still waits
        failed,    ///< `error`: the listener is none, or gives up one connection after the other
    };
    Outcome outcome = Outcome::nobody;
    UniqueFd fd; ///< NONBLOCK and CLOEXEC
    int error = 0;
};
/// The next one in the queue of `listener`, which is to be NONBLOCK. Those that gave up waiting are skipped.
[[nodiscard]] AcceptedSocket accept_next(int listener) noexcept;

/// Errors: ENOTCONN and its kin where the other side is gone already.
[[nodiscard]] Result<ConnectionEnds> ends_of(int fd, SocketKind kind);

/// Gives an accepted socket the options of its listener, as systemd does: the listener's own may have been changed by who else holds it.
[[nodiscard]] Status set_accepted_options(int fd, const Listener& listener, const ConnectionEnds& ends);

/// accept_next() must not wait: whoever else holds the listener may have made it blocking.
void make_non_blocking(int fd) noexcept;

/// Sends what there is room for, and does not wait.
void send_at_once(int fd, std::string_view text) noexcept;

/// What TCP has moved for whoever used the connection: tcp(7), TCP_INFO. Nothing: it is none.
struct TransferredBytes {
    std::uint64_t received = 0, sent = 0;
};
[[nodiscard]] std::optional<TransferredBytes> transferred(int fd) noexcept;

} // namespace swathe
