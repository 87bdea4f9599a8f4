#include "tools/answer.h"

#include "base/unique_fd.h"

#include <cstring>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 // asm-generic/socket.h
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78 // linux/in6.h
#endif
#ifndef IPV6_RECVORIGDSTADDR
#define IPV6_RECVORIGDSTADDR 74 // linux/in6.h
#define IPV6_ORIGDSTADDR IPV6_RECVORIGDSTADDR
#endif

namespace swathe::tools {
namespace {

void switch_on(int fd, int level, int option) noexcept {
    const int on = 1; // a family that the socket does not have refuses: then its messages do not come either
    (void)::setsockopt(fd, level, option, &on, sizeof on);
}

template <class T> T read_as(const cmsghdr& header) noexcept {
    T value;
    std::memcpy(&value, CMSG_DATA(&header), sizeof value);
    return value;
}

bool is_many(const in_pktinfo& info) noexcept {
    if (IN_MULTICAST(ntohl(info.ipi_addr.s_addr)) || info.ipi_addr.s_addr == INADDR_BROADCAST) return true;
    // For a subnet's broadcast the kernel proposes another source; none for what was queued before it was asked for messages.
    return info.ipi_spec_dst.s_addr != INADDR_ANY && info.ipi_spec_dst.s_addr != info.ipi_addr.s_addr;
}

void take_v4(const cmsghdr& header, Asked& asked) noexcept {
    asked.at.v4.sin_family = AF_INET;
    if (header.cmsg_type == IP_PKTINFO) {
        const auto info = read_as<in_pktinfo>(header);
        asked.at.v4.sin_addr = info.ipi_addr;
        asked.device = static_cast<unsigned>(info.ipi_ifindex);
        asked.to_many = is_many(info);
    } else if (header.cmsg_type == IP_ORIGDSTADDR) {
        asked.at.v4.sin_port = read_as<sockaddr_in>(header).sin_port;
    }
}

void take_v6(const cmsghdr& header, Asked& asked) noexcept {
    if (header.cmsg_type == IPV6_PKTINFO) {
        const auto info = read_as<in6_pktinfo>(header);
        if (IN6_IS_ADDR_V4MAPPED(&info.ipi6_addr)) return; // IPv4 to a dual-stack socket: IP_PKTINFO says it better
        asked.at.v6.sin6_addr = info.ipi6_addr;
        asked.device = info.ipi6_ifindex;
        asked.to_many = IN6_IS_ADDR_MULTICAST(&info.ipi6_addr);
        if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) asked.at.v6.sin6_scope_id = info.ipi6_ifindex;
    } else if (header.cmsg_type == IPV6_ORIGDSTADDR) {
        asked.at.v6.sin6_port = read_as<sockaddr_in6>(header).sin6_port;
    } else {
        return;
    }
    asked.at.v6.sin6_family = AF_INET6;
}

template <class Info> void put_info(msghdr& message, int level, int type, const Info& info) noexcept {
    message.msg_controllen = CMSG_SPACE(sizeof info);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
}

void put_source(msghdr& message, const Asked& asked) noexcept {
    if (asked.at.family() == AF_INET) {
        in_pktinfo info{};
        info.ipi_spec_dst = asked.at.v4.sin_addr;
        put_info(message, IPPROTO_IP, IP_PKTINFO, info);
    } else {
        in6_pktinfo info{};
        info.ipi6_addr = asked.at.v6.sin6_addr;
        info.ipi6_ifindex = asked.at.v6.sin6_scope_id;
        put_info(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
}

} // namespace

std::uint16_t Endpoint::port() const noexcept {
    if (family() == AF_INET) return ntohs(v4.sin_port);
    return family() == AF_INET6 ? ntohs(v6.sin6_port) : std::uint16_t{0};
}

Endpoint unmapped(const Endpoint& endpoint) noexcept {
    if (endpoint.family() != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&endpoint.v6.sin6_addr)) return endpoint;
    Endpoint plain{};
    plain.v4.sin_family = AF_INET;
    plain.v4.sin_port = endpoint.v6.sin6_port;
    std::memcpy(&plain.v4.sin_addr, endpoint.v6.sin6_addr.s6_addr + 12, 4);
    return plain;
}

Asked asked_by(const msghdr& message) noexcept {
    Asked asked;
    auto* all = const_cast<msghdr*>(&message); // CMSG_NXTHDR only reads
    for (cmsghdr* header = CMSG_FIRSTHDR(all); header != nullptr; header = CMSG_NXTHDR(all, header)) {
        if (header->cmsg_level == IPPROTO_IP) take_v4(*header, asked);
        if (header->cmsg_level == IPPROTO_IPV6) take_v6(*header, asked);
    }
    return asked;
}

void ask_for_destination(int fd) noexcept {
    for (const int option : {IP_PKTINFO, IP_RECVORIGDSTADDR}) switch_on(fd, IPPROTO_IP, option);
    for (const int option : {IPV6_RECVPKTINFO, IPV6_RECVORIGDSTADDR, IPV6_FREEBIND}) switch_on(fd, IPPROTO_IPV6, option);
}

ssize_t send_from(int fd, const Asked& asked, std::span<const char> answer, const Endpoint& to) noexcept {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))]{};
    iovec piece{const_cast<char*>(answer.data()), answer.size()};
    msghdr message{};
    message.msg_name = const_cast<sockaddr*>(&to.any);
    message.msg_namelen = to.size();
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    put_source(message, asked);
    return ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int open_at(const Asked& asked, std::uint64_t network) noexcept {
    const bool v4 = asked.at.family() == AF_INET;
    UniqueFd fd(::socket(asked.at.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd) return -1;
    if (network_of(fd.get()) != network) return errno = ENONET, -1;
    switch_on(fd.get(), v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_FREEBIND : IPV6_FREEBIND);
    switch_on(fd.get(), SOL_SOCKET, SO_REUSEADDR);
    if (::bind(fd.get(), &asked.at.any, asked.at.size()) < 0) return -1;
    return fd.release();
}

std::uint64_t network_of(int fd) noexcept {
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    return ::getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

} // namespace swathe::tools
