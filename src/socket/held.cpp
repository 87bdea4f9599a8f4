#include "socket/held.h"

#include "socket/backlog.h"
#include "socket/diag.h"
#include "socket/netlink.h"
#include "socket/process_names.h"

#include <algorithm>
#include <charconv>
#include <dirent.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe {
namespace {

std::optional<HeldSocket> read_held(Protocol protocol, const nlmsghdr& message) {
    const auto socket = read_socket(protocol, message);
    if (!socket) return std::nullopt;
    HeldSocket held{socket->address, socket->v6_only, socket->ifindex != 0, socket->inode, 0};
    const inet_diag_sockid& id = diag_message(message).id;
    held.cookie = std::uint64_t{id.idiag_cookie[1]} << 32 | id.idiag_cookie[0];
    return held;
}

/// Those with this port and family, whoever has them. Called inside their namespace.
Result<std::vector<HeldSocket>> dump_bound(const UnitSocket& wanted) {
    auto netlink = Netlink::open(NETLINK_SOCK_DIAG);
    if (!netlink) return Failure(std::move(netlink).error());
    DiagRequest request = diag_request(wanted.protocol, wanted.address.address.family == Family::ipv4 ? AF_INET : AF_INET6);
    request.body.idiag_states = 1U << (wanted.protocol == Protocol::tcp ? TCP_LISTEN : TCP_CLOSE); // unconnected UDP is "closed"
    request.body.id.idiag_sport = htons(wanted.address.port);
    return dump_all<HeldSocket>(*netlink, request.header, [&](const nlmsghdr& message, auto& out) {
        if (auto held = read_held(wanted.protocol, message)) out.push_back(*held);
    });
}

/// The number under which a process has the socket with this inode.
Result<int> descriptor_of(pid_t holder, std::uint64_t inode) {
    const std::string directory = fmt::format("/proc/{}/fd", holder);
    struct Close {
        void operator()(DIR* open) const noexcept { (void)::closedir(open); }
    };
    const std::unique_ptr<DIR, Close> open(::opendir(directory.c_str()));
    if (!open) return system_failure(directory);
    const std::string wanted = fmt::format("socket:[{}]", inode);
    while (const dirent* entry = ::readdir(open.get())) {
        char target[64];
        const ssize_t size = ::readlinkat(::dirfd(open.get()), entry->d_name, target, sizeof target);
        if (size < 0 || std::string_view(target, static_cast<std::size_t>(size)) != wanted) continue;
        const std::string_view name = entry->d_name;
        int number = -1;
        if (std::from_chars(name.data(), name.data() + name.size(), number).ec == std::errc()) return number;
    }
    return failure("it has been closed");
}

template <class T> Result<T> option(int fd, int level, int name, const char* what) {
    T value{};
    socklen_t size = sizeof value;
    if (::getsockopt(fd, level, name, &value, &size) < 0) return system_failure(what);
    return value;
}

/// By then the number may be another descriptor's. The cookie is the socket's alone: all that was found out about it still holds.
Status check_identity(int fd, const HeldSocket& socket, Protocol protocol) {
    const auto kind = option<int>(fd, SOL_SOCKET, SO_PROTOCOL, "SO_PROTOCOL");
    if (!kind) return Failure(kind.error());
    if (*kind == IPPROTO_MPTCP) return failure("it is a socket of MPTCP, to which nothing can be steered");
    if (*kind != (protocol == Protocol::tcp ? IPPROTO_TCP : IPPROTO_UDP)) return failure("it has been closed");
    const auto cookie = option<std::uint64_t>(fd, SOL_SOCKET, SO_COOKIE, "SO_COOKIE");
    if (!cookie) return Failure(cookie.error());
    if (*cookie != socket.cookie) return failure("it has been closed");
    return {};
}

} // namespace

bool HeldSocket::takes(Family family) const noexcept {
    if (address.address.family == family) return true;
    return family == Family::ipv4 && address.address == Address::any(Family::ipv6) && !v6_only;
}

Result<HeldSocket> choose_held(const std::vector<HeldSocket>& bound, const std::unordered_set<std::uint64_t>& held,
                               const UnitSocket& wanted) {
    std::vector<HeldSocket> found;
    for (const HeldSocket& socket : bound)
        if (socket.address == wanted.address && held.contains(socket.inode)) found.push_back(socket);
    const std::string name = fmt::format("{} {}", to_string(wanted.protocol), wanted.address.to_string());
    if (found.empty()) return failure(fmt::format("no socket of its is bound to {} in this network namespace", name));
    if (found.size() > 1) return failure(fmt::format("several sockets of its are bound to {}", name));
    if (found.front().for_device) return failure(fmt::format("its socket on {} is bound to a device", name));
    return found.front();
}

Result<HeldSocket> find_held(pid_t holder, const UnitSocket& wanted, const NetNamespace& ns) {
    std::vector<HeldSocket> bound;
    auto done = ns.inside([&]() -> Status {
        auto all = dump_bound(wanted);
        if (!all) return Failure(std::move(all).error());
        bound = std::move(*all);
        return {};
    });
    if (!done) return Failure(std::move(done).error());
    return choose_held(bound, sockets_of(holder), wanted);
}

Result<UniqueFd> duplicate_held(pid_t holder, const HeldSocket& socket, Protocol protocol) {
    const auto number = descriptor_of(holder, socket.inode);
    if (!number) return Failure(number.error());
    const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, holder, 0))); // glibc 2.36 declares neither for C++
    if (!process) return system_failure("pidfd_open");
    UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), *number, 0))); // CLOEXEC
    if (!fd && errno == EBADF) return failure("it has been closed");
    if (!fd) return system_failure("pidfd_getfd");
    if (auto same = check_identity(fd.get(), socket, protocol); !same) return Failure(std::move(same).error());
    return fd;
}

} // namespace swathe
