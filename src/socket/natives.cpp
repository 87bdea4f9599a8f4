#include "socket/natives.h"

#include "socket/diag.h"
#include "socket/interfaces.h"
#include "socket/netlink.h"
#include "socket/process_names.h"
#include "socket/sysctl.h"

#include <netinet/tcp.h>

#include <fmt/format.h>

namespace swathe {
namespace {

DiagRequest request_for(Protocol protocol, int family) {
    DiagRequest request = diag_request(protocol, family);
    request.body.idiag_states = 1U << (protocol == Protocol::tcp ? TCP_LISTEN : TCP_CLOSE); // unconnected UDP is "closed"
    return request;
}

void append_socket(Protocol protocol, const nlmsghdr& header, std::vector<NativeSocket>& out) {
    if (auto socket = read_socket(protocol, header); socket && socket->address.port != 0) out.push_back(std::move(*socket));
}

Result<std::vector<NativeSocket>> dump_sockets() {
    auto netlink = Netlink::open(NETLINK_SOCK_DIAG);
    if (!netlink) return Failure(std::move(netlink).error());
    std::vector<NativeSocket> all;
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
        for (const int family : {AF_INET, AF_INET6}) {
            DiagRequest request = request_for(protocol, family);
            auto part = dump_all<NativeSocket>(*netlink, request.header, [&](const nlmsghdr& header, auto& out) {
                append_socket(protocol, header, out);
            });
            if (!part) return Failure(std::move(part).error().within(fmt::format("list of {} sockets", to_string(protocol))));
            all.insert(all.end(), part->begin(), part->end());
        }
    }
    return all;
}

void mark_ephemeral(std::vector<NativeSocket>& sockets) {
    const auto ports = read_ephemeral_ports();
    if (!ports) return; // /proc/sys is hidden: then no socket is taken for a client's
    for (NativeSocket& socket : sockets) socket.ephemeral = socket.protocol == Protocol::udp && ports->contains(socket.address.port);
}

/// In the sockets' namespace.
void name_devices(std::vector<NativeSocket>& sockets) {
    for (NativeSocket& socket : sockets)
        if (socket.ifindex != 0) socket.device = interface_name(socket.ifindex);
}

void name_processes(std::vector<NativeSocket>& sockets) {
    std::unordered_set<std::uint64_t> inodes;
    for (const NativeSocket& socket : sockets)
        if (socket.inode != 0) inodes.insert(socket.inode);
    const auto holders = find_socket_holders(std::move(inodes));
    for (NativeSocket& socket : sockets) {
        const auto holder = holders.find(socket.inode);
        if (holder == holders.end()) continue;
        socket.pid = holder->second.pid;
        socket.process = holder->second.name;
    }
}

} // namespace

std::string NativeSocket::holder() const {
    return pid == 0 ? "an unknown process" : fmt::format("{} (pid {})", process, pid);
}

std::string NativeSocket::name() const {
    std::string text = fmt::format("{} {}", swathe::to_string(protocol), address.to_string());
    if (ifindex == 0) return text;
    return device.empty() ? fmt::format("{} (bound to interface {})", text, ifindex) : fmt::format("{} (bound to {})", text, device);
}

std::string NativeSocket::to_string() const { return fmt::format("{} on {}", holder(), name()); }

bool NativeSocket::is_wildcard() const noexcept { return address.address.bits == U128{}; }

bool NativeSocket::takes(const Address& destination) const noexcept {
    if (!is_wildcard()) return address.address == destination;
    return address.address.family == destination.family || (address.address.family == Family::ipv6 && !v6_only);
}

Result<std::vector<NativeSocket>> native_sockets(const NetNamespace& ns) {
    std::vector<NativeSocket> sockets;
    auto done = ns.inside([&]() -> Status {
        auto all = dump_sockets();
        if (!all) return Failure(std::move(all).error());
        sockets = std::move(*all);
        mark_ephemeral(sockets);
        name_devices(sockets);
        return {};
    });
    if (!done) return Failure(std::move(done).error());
    name_processes(sockets);
    return sockets;
}

} // namespace swathe
