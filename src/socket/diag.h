#pragma once

#include "socket/natives.h"

#include <optional>

#include <linux/inet_diag.h>
#include <linux/netlink.h>

namespace swathe {

/// A request of sock_diag(7) about TCP or UDP sockets.
struct DiagRequest {
    nlmsghdr header{};
    inet_diag_req_v2 body{};
};
[[nodiscard]] DiagRequest diag_request(Protocol protocol, int family) noexcept; ///< about sockets in no state at all

/// Reads one answer. Nothing: too short, or of a family that has no addresses. The process is not part of it.
[[nodiscard]] std::optional<NativeSocket> read_socket(Protocol protocol, const nlmsghdr& message);
/// The same message's fixed part. Requires that read_socket() understood it.
[[nodiscard]] const inet_diag_msg& diag_message(const nlmsghdr& message) noexcept;

} // namespace swathe
