#include "socket/diag.h"

#include "socket/netlink.h"

#include <cstring>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <libmnl/libmnl.h>

namespace swathe {
namespace {

SocketAddress address_of(const inet_diag_msg& message) {
    sockaddr_storage raw{};
    if (message.idiag_family == AF_INET) {
        auto& in4 = reinterpret_cast<sockaddr_in&>(raw);
        in4.sin_family = AF_INET;
        in4.sin_port = message.id.idiag_sport;
        in4.sin_addr.s_addr = message.id.idiag_src[0];
    } else {
        auto& in6 = reinterpret_cast<sockaddr_in6&>(raw);
        in6.sin6_family = AF_INET6;
        in6.sin6_port = message.id.idiag_sport;
        std::memcpy(in6.sin6_addr.s6_addr, message.id.idiag_src, sizeof in6.sin6_addr);
    }
    return SocketAddress::from_sockaddr(raw).value();
}

bool v6_only(const nlmsghdr& header) {
    bool only = false;
    for_each_attribute(header, sizeof(inet_diag_msg), [&](const nlattr& attribute) {
        if (mnl_attr_get_type(&attribute) == INET_DIAG_SKV6ONLY && mnl_attr_get_payload_len(&attribute) >= 1)
            only = mnl_attr_get_u8(&attribute) != 0;
    });
    return only;
}

} // namespace

DiagRequest diag_request(Protocol protocol, int family) noexcept {
    DiagRequest request;
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.body.sdiag_family = static_cast<std::uint8_t>(family);
    request.body.sdiag_protocol = protocol == Protocol::tcp ? IPPROTO_TCP : IPPROTO_UDP;
    return request;
}

const inet_diag_msg& diag_message(const nlmsghdr& message) noexcept {
    return *static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&message));
}

std::optional<NativeSocket> read_socket(Protocol protocol, const nlmsghdr& header) {
    if (header.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return std::nullopt;
    const inet_diag_msg& message = diag_message(header);
    if (message.idiag_family != AF_INET && message.idiag_family != AF_INET6) return std::nullopt;
    NativeSocket socket;
    socket.protocol = protocol;
    socket.address = address_of(message);
    socket.v6_only = message.idiag_family == AF_INET6 && v6_only(header);
    socket.ifindex = message.id.idiag_if;
    socket.inode = message.idiag_inode;
    return socket;
}

} // namespace swathe
