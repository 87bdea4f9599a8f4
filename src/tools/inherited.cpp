#include "tools/inherited.h"

#include <cerrno>
#include <cstdlib>
#include <sys/socket.h>
#include <unistd.h>

namespace swathe::tools {
namespace {

constexpr int kListenFdsStart = 3;

std::optional<int> option(int fd, int name) noexcept {
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0) return std::nullopt;
    return value;
}

bool has_peer(int fd) noexcept {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    return ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

long number(const char* name) noexcept {
    const char* text = std::getenv(name);
    return text == nullptr ? 0 : std::strtol(text, nullptr, 10);
}

} // namespace

std::optional<Kind> kind_of(int fd) noexcept {
    const std::optional<int> type = option(fd, SO_TYPE);
    if (!type) return std::nullopt;
    if (*type == SOCK_DGRAM) return has_peer(fd) ? Kind::flow : Kind::datagrams;
    if (option(fd, SO_ACCEPTCONN).value_or(0) != 0) return Kind::listener;
    // A client that has gone already is no mistake of ours: the first read tells.
    if (has_peer(fd) || option(fd, SO_ERROR).value_or(0) != 0) return Kind::connection;
    return std::nullopt;
}

Inherited inherited() noexcept {
    const long count = number("LISTEN_FDS");
    if (number("LISTEN_PID") != ::getpid() || count <= 0) return {STDIN_FILENO, 1};
    return {kListenFdsStart, static_cast<int>(count)};
}

} // namespace swathe::tools
