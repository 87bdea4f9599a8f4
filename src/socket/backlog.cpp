#include "socket/backlog.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace swathe {
namespace {

/// Of a socket in LISTEN the kernel reports the accept queue in the fields that count segments elsewhere: tcpi_unacked is its
/// length, tcpi_sacked its limit (net/ipv4/tcp.c, tcp_get_info).
std::optional<tcp_info> listen_info(int fd) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 || info.tcpi_state != TCP_LISTEN) return std::nullopt;
    return info;
}

/// SIOCINQ tells the size of the next datagram only, and 0 for an empty one.
std::uint32_t receive_memory(int fd) noexcept {
    std::uint32_t memory[SK_MEMINFO_VARS] = {};
    socklen_t size = sizeof memory;
    return ::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) < 0 ? 0 : memory[SK_MEMINFO_RMEM_ALLOC];
}

bool is_unix(int fd) noexcept {
    int domain = 0;
    socklen_t size = sizeof domain;
    return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

bool is_readable(int fd) noexcept {
    pollfd poll{fd, POLLIN, 0};
    return ::poll(&poll, 1, 0) == 1 && (poll.revents & POLLIN) != 0;
}

} // namespace

std::uint32_t queued(int fd, Protocol protocol) noexcept {
    if (is_unix(fd)) return is_readable(fd) ? 1 : 0;
    if (protocol == Protocol::udp) return receive_memory(fd);
    const auto info = listen_info(fd);
    return info ? info->tcpi_unacked : 0;
}

std::uint32_t queue_limit(int fd) noexcept {
    const auto info = listen_info(fd);
    return info ? info->tcpi_sacked : 0;
}

bool is_listening(int fd) noexcept {
    int listening = 1;
    socklen_t size = sizeof listening;
    (void)::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
    return listening != 0;
}

Result<std::uint64_t> socket_inode(int fd) {
    struct stat st {};
    if (::fstat(fd, &st) < 0) return system_failure("fstat");
    if (!S_ISSOCK(st.st_mode)) return failure("not a socket");
    return st.st_ino;
}

} // namespace swathe
