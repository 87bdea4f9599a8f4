#include "tools/datagrams.h"

#include "base/unique_fd.h"
#include "tools/answer.h"

#include <cerrno>
#include <sys/random.h>

namespace swathe::tools {
namespace {

constexpr int kDatagrams = 64; // then it is somebody else's turn
char buffer[65536];            // more than a datagram can have

std::size_t any_length() noexcept {
    std::uint32_t number = 0;
    (void)::getrandom(&number, sizeof number, GRND_NONBLOCK); // before the kernel has any: an empty answer, which RFC 864 allows
    return number % (kDatagramPattern + 1);
}

/// What answers a datagram whose bytes are in the buffer.
std::span<const char> answer_to(Service service, std::size_t size) noexcept {
    switch (service) {
    case Service::echo: return {buffer, size};
    case Service::chargen: return {kPattern.data(), any_length()};
    case Service::daytime:
    case Service::time: return {buffer, tell(service, ::time(nullptr), buffer)};
    case Service::discard: break;
    }
    return {};
}

std::uint16_t bound_port(int fd) noexcept {
    Endpoint own{};
    socklen_t size = sizeof own;
    return ::getsockname(fd, &own.any, &size) == 0 ? own.port() : std::uint16_t{0};
}

struct Received {
    ssize_t size;
    Endpoint from{};
    socklen_t from_size = 0;
    Asked asked;
};

Received receive(int fd) noexcept {
    alignas(cmsghdr) char control[512];
    Received got{};
    iovec piece{buffer, sizeof buffer};
    msghdr message{};
    message.msg_name = &got.from.any;
    message.msg_namelen = sizeof got.from;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    got.size = ::recvmsg(fd, &message, MSG_DONTWAIT);
    got.from_size = message.msg_namelen;
    if (got.size >= 0) got.asked = asked_by(message);
    return got;
}

/// -1 = errno says why.
ssize_t send_answer(int fd, std::uint16_t port, std::uint64_t network, const Received& got, std::span<const char> answer) noexcept {
    if (got.asked.at.family() == AF_UNSPEC)
        return ::sendto(fd, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL, &got.from.any, got.from_size);
    const std::uint16_t asked = got.asked.at.port();
    if (asked == port || asked == 0) return send_from(fd, got.asked, answer, got.from);
    const UniqueFd own(open_at(got.asked, network));
    if (!own) return -1;
    const Endpoint to = unmapped(got.from);
    return ::sendto(own.get(), answer.data(), answer.size(), MSG_DONTWAIT, &to.any, to.size());
}

/// Nothing answers a sender without a name, nor one that might answer our answer.
bool wants_answer(Service service, const Received& got, std::uint16_t port) noexcept {
    if (service == Service::discard || got.from_size <= sizeof(sa_family_t) || got.asked.to_many) return false;
    const bool has_ports = got.from.family() == AF_INET || got.from.family() == AF_INET6;
    const std::uint16_t asked = got.asked.at.port() != 0 ? got.asked.at.port() : port;
    return !has_ports || may_answer(got.from.port(), asked);
}

} // namespace

Datagrams::Datagrams(Service service, int fd) noexcept : service_(service), fd_(fd), port_(bound_port(fd)), network_(network_of(fd)) {
    ask_for_destination(fd);
}

void Datagrams::go_on(void (*complain)(const char* what, int error)) noexcept {
    for (int i = 0; i < kDatagrams; ++i) {
        const Received got = receive(fd_);
        if (got.size < 0) return; // nothing more, or an error of an earlier answer
        if (!wants_answer(service_, got, port_)) continue;
        const auto answer = answer_to(service_, static_cast<std::size_t>(got.size));
        if (send_answer(fd_, port_, network_, got, answer) >= 0 || errno == told_) continue;
        told_ = errno;
        complain("cannot answer from where the datagram was sent to", told_);
    }
}

bool go_on_with_flow(Service service, int fd) noexcept {
    Endpoint peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, &peer.any, &size) < 0) return false;
    const bool has_ports = peer.family() == AF_INET || peer.family() == AF_INET6;
    if (has_ports && service != Service::discard && !may_answer(peer.port(), bound_port(fd))) return false;
    for (int i = 0; i < kDatagrams; ++i) {
        const ssize_t got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got < 0) return errno == EAGAIN || errno == EINTR; // ECONNREFUSED: the client is gone
        if (service == Service::discard) continue;
        const auto answer = answer_to(service, static_cast<std::size_t>(got));
        if (::send(fd, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED) return false;
    }
    return true;
}

} // namespace swathe::tools
