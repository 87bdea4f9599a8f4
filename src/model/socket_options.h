#pragma once

#include "base/clock.h"
#include "model/placed.h"

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace swathe {

/// The clock that stamps what is received. systemd.socket(5), Timestamping=.
enum class Timestamping : std::uint8_t { off, us, ns };

/// What systemd.socket(5) can set of a socket in the kernel. What is not given is as the kernel has it. Options that a kind of socket does
/// not know are not set there: socket/options.h.
struct SocketOptions {
    bool keep_alive = false;                         ///< SO_KEEPALIVE
    std::optional<Duration> keep_alive_time_sec;     ///< whole seconds, as the next one
    std::optional<Duration> keep_alive_interval_sec;
    std::optional<int> keep_alive_probes;
    bool no_delay = false;                           ///< TCP_NODELAY
    std::string tcp_congestion;                      ///< a congestion control algorithm; "" = the machine's
    std::optional<Duration> defer_accept_sec;        ///< whole seconds
    std::optional<int> priority;                     ///< SO_PRIORITY
    std::optional<std::uint32_t> receive_buffer;     ///< bytes; the kernel takes twice as many
    std::optional<std::uint32_t> send_buffer;
    std::optional<int> ip_tos;                       ///< 0 to 255; of IPv6 the traffic class
    std::optional<int> ip_ttl;                       ///< 1 to 255; of IPv6 the hop limit
    std::optional<std::uint32_t> mark;               ///< SO_MARK
    bool transparent = false;                        ///< IP_TRANSPARENT
    bool broadcast = false;                          ///< SO_BROADCAST
    Timestamping timestamping = Timestamping::off;
    std::string bind_to_device;                      ///< an interface; it is the listener's guard, too. "" = none
    bool reuse_port = false;                         ///< SO_REUSEPORT
    bool pass_credentials = false;                   ///< SO_PASSCRED; this one and the next three of UNIX sockets
    bool pass_pidfd = false;                         ///< SO_PASSPIDFD
    bool pass_security = false;                      ///< SO_PASSSEC
    bool accept_file_descriptors = true;             ///< SO_PASSRIGHTS

    [[nodiscard]] const SocketOptions& options() const noexcept { return *this; }
    friend bool operator==(const SocketOptions&, const SocketOptions&) = default;
};

enum class UnixType : std::uint8_t { stream, datagram, seqpacket };

/// A UNIX socket in the place of an IP one: bound and activated, and never steered to. systemd.socket(5).
struct UnixSocket {
    std::optional<UnixType> unix_type; ///< nothing = an IP socket; the rest means nothing then
    std::string path;                  ///< absolute, or "@NAME" of an abstract one
    mode_t socket_mode = 0666;
    mode_t directory_mode = 0755;      ///< of directories that are missing
    std::optional<Placed<std::string>> socket_user, socket_group; ///< nothing = the daemon's, or the user's group
    bool remove_on_stop = false;
    std::vector<Placed<std::string>> symlinks; ///< absolute; they lead to `path`

    [[nodiscard]] bool is_unix() const noexcept { return unix_type.has_value(); }
    [[nodiscard]] bool is_abstract() const noexcept { return path.starts_with('@'); }
    [[nodiscard]] bool has_same_file(const UnixSocket& other) const noexcept; ///< owner, mode, links; not the path
};

} // namespace swathe
