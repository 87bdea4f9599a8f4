#include "socket/unix_socket.h"

#include "socket/options.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fmt/format.h>

namespace swathe {
namespace {

Status bind_name(int fd, const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size()); // limits::kUnixPathBytes leaves room for the NUL
    const bool abstract = path.front() == '@';
    if (abstract) address.sun_path[0] = '\0';
    const std::size_t size = offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)) < 0) return system_failure("bind " + path);
    return {};
}

/// Gives the socket that has the path another name in its directory, and returns that: the new one may be refused yet.
Result<std::string> put_aside(const Location& where) {
    struct stat status {};
    if (::fstatat(where.directory.get(), where.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) return system_failure(where.name);
    if (!S_ISSOCK(status.st_mode)) return failure("what is there is no socket, and stays", EADDRINUSE);
    std::string aside = fmt::format(".{}.{}", where.name, status.st_ino);
    if (::renameat(where.directory.get(), where.name.c_str(), where.directory.get(), aside.c_str()) < 0) return system_failure("rename");
    return aside;
}

/// The umask takes away from the mode that a socket has before it is bound (net/unix/af_unix.c, unix_bind_bsd()), and adds nothing.
Result<std::unique_ptr<UnixNode>> bind_path(int fd, const Listener& listener, const NodeOwner& owner) {
    auto where = locate(listener.path, listener.directory_mode);
    if (!where) return Failure(std::move(where).error().within(listener.path));
    if (::fchmod(fd, listener.socket_mode) < 0) return system_failure("fchmod");
    auto bound = bind_name(fd, listener.path);
    std::string aside;
    if (!bound && bound.error().errno_value == EADDRINUSE) {
        auto put = put_aside(*where);
        if (!put) return Failure(std::move(put).error().within(listener.path));
        aside = std::move(*put);
        bound = bind_name(fd, listener.path);
    }
    if (!bound) {
        if (!aside.empty()) put_back(*where, aside);
        return Failure(std::move(bound).error());
    }
    auto node = UnixNode::adopt(std::move(*where), listener.path, std::move(aside));
    if (!node) return node;
    if (auto set = (*node)->follow(listener, owner); !set) return Failure(std::move(set).error());
    return node;
}

Status open_into(BoundSocket& bound, const Listener& listener, const NodeOwner& owner) {
    auto fd = new_socket(listener, {});
    if (!fd) return Failure(std::move(fd).error());
    bound.fd = std::move(*fd);
    if (auto set = set_options(bound.fd.get(), listener, {}); !set) return set;
    if (listener.is_abstract()) {
        if (auto named = bind_name(bound.fd.get(), listener.path); !named) return named;
    } else {
        auto node = bind_path(bound.fd.get(), listener, owner);
        if (!node) return Failure(std::move(node).error());
        bound.node = std::move(*node);
    }
    if (listener.protocol == Protocol::tcp && ::listen(bound.fd.get(), listener.backlog) < 0)
        return system_failure("listen " + listener.path);
    socklen_t size = sizeof bound.cookie;
    if (::getsockopt(bound.fd.get(), SOL_SOCKET, SO_COOKIE, &bound.cookie, &size) < 0) return system_failure("SO_COOKIE");
    return {};
}

} // namespace

Result<BoundSocket> open_unix_socket(const Listener& listener, const NetNamespace& ns, const NodeOwner& owner) {
    BoundSocket bound;
    if (auto opened = ns.inside([&] { return open_into(bound, listener, owner); }); !opened)
        return Failure(std::move(opened).error().at(listener.pos));
    return bound;
}

} // namespace swathe
