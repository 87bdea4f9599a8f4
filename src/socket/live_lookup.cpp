#include "socket/live_lookup.h"

#include "socket/diag.h"
#include "socket/interfaces.h"
#include "socket/netlink.h"
#include "socket/process_names.h"

#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <fmt/format.h>

namespace swathe {
namespace {

void put_address(__be32 (&out)[4], const Address& address) {
    if (address.family == Family::ipv4) {
        out[0] = htonl(address.v4_bits());
        return;
    }
    std::uint8_t bytes[16];
    address.v6_bytes(bytes);
    std::memcpy(out, bytes, sizeof bytes);
}

/// Of TCP the request's "src" is our side; of UDP it is the sender's, "for historical reasons" (udp_diag.c).
DiagRequest request_of(const LiveQuestion& question) {
    DiagRequest request = diag_request(question.protocol, question.destination.address.family == Family::ipv4 ? AF_INET : AF_INET6);
    const bool swapped = question.protocol == Protocol::udp;
    const SocketAddress& src = swapped ? question.source : question.destination;
    const SocketAddress& dst = swapped ? question.destination : question.source;
    inet_diag_sockid& id = request.body.id;
    put_address(id.idiag_src, src.address);
    put_address(id.idiag_dst, dst.address);
    id.idiag_sport = htons(src.port);
    id.idiag_dport = htons(dst.port);
    id.idiag_if = question.ifindex;
    id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return request;
}

/// The errno of a lookup that found nothing is also that of a kernel that cannot look: a dump of sockets in no state tells them
/// apart, since only the latter refuses it.
Status check_handler(Netlink& netlink, const LiveQuestion& question) {
    DiagRequest request = diag_request(question.protocol, question.destination.address.family == Family::ipv4 ? AF_INET : AF_INET6);
    auto dumped = netlink.dump(request.header, [](const nlmsghdr&) {});
    if (dumped || dumped.error().errno_value == EINTR) return {};
    return Failure(std::move(dumped).error().within(
        fmt::format("the kernel's {0} lookup (is there a module {0}_diag?)", to_string(question.protocol))));
}

bool is_connected(Protocol protocol, unsigned state) {
    return protocol == Protocol::tcp ? state != TCP_LISTEN : state != TCP_CLOSE; // unconnected UDP is "closed"
}

Result<std::optional<LiveSocketFound>> ask(Netlink& netlink, const LiveQuestion& question) {
    DiagRequest request = request_of(question);
    std::optional<LiveSocketFound> found;
    auto asked = netlink.ask(request.header, [&](const nlmsghdr& header) {
        auto socket = read_socket(question.protocol, header);
        if (!socket) return;
        const inet_diag_msg& message = diag_message(header);
        const std::uint64_t cookie = (std::uint64_t{message.id.idiag_cookie[1]} << 32) | message.id.idiag_cookie[0];
        if (socket->ifindex != 0) socket->device = interface_name(socket->ifindex);
        found = LiveSocketFound{cookie, is_connected(question.protocol, message.idiag_state), std::move(*socket)};
    });
    if (asked) return found;
    if (asked.error().errno_value != ENOENT) return Failure(std::move(asked).error().within("the kernel's lookup"));
    if (auto able = check_handler(netlink, question); !able) return Failure(std::move(able).error());
    return std::optional<LiveSocketFound>{};
}

} // namespace

Result<std::optional<LiveSocketFound>> look_up_live(const LiveQuestion& question, const NetNamespace& ns) {
    std::optional<LiveSocketFound> found;
    auto done = ns.inside([&]() -> Status {
        auto netlink = Netlink::open(NETLINK_SOCK_DIAG);
        if (!netlink) return Failure(std::move(netlink).error());
        auto answer = ask(*netlink, question);
        if (!answer) return Failure(std::move(answer).error());
        found = std::move(*answer);
        return {};
    });
    if (!done) return Failure(std::move(done).error());
    return found;
}

void name_process(NativeSocket& socket) {
    if (socket.inode == 0) return; // a connection that nobody has accepted, or in TIME_WAIT
    const auto holders = find_socket_holders({socket.inode});
    if (holders.empty()) return;
    socket.pid = holders.begin()->second.pid;
    socket.process = holders.begin()->second.name;
}

} // namespace swathe
