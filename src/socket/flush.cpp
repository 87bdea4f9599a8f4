#include "socket/flush.h"

#include "base/unique_fd.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>

namespace swathe {
namespace {

bool accept_one(int fd) noexcept {
    const UniqueFd one{::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    return one || errno == EINTR || errno == ECONNABORTED;
}

/// MSG_TRUNC: of a datagram that is read into nothing nothing stays. Descriptors that come with it are closed, since nothing takes them.
bool read_one(int fd) noexcept {
    return ::recv(fd, nullptr, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0 || errno == EINTR;
}

} // namespace

/// The service may have made it blocking: the flag is of the open socket, which we share. The next instance gets it as it is to be.
void flush(int fd, Protocol protocol) noexcept {
    if (const int flags = ::fcntl(fd, F_GETFL); flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return;
    for (int i = 0; i < kMostFlushed; ++i)
        if (!(protocol == Protocol::tcp ? accept_one(fd) : read_one(fd))) return;
}

} // namespace swathe
