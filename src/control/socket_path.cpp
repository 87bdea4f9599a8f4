#include "control/socket_path.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr int kBacklog = 64; // connections that wait for accept; more of them block in connect(2)

/// Does anybody listen at `address`? A full backlog is somebody, too.
bool answers(const sockaddr_un& address) {
    const UniqueFd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!probe) return true; // not known: do not take it away
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
    return errno != ECONNREFUSED && errno != ENOENT;
}

Status remove_stale(const std::string& path, const sockaddr_un& address) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) < 0) return errno == ENOENT ? Status{} : system_failure(path);
    if (!S_ISSOCK(st.st_mode)) return failure(path + ": exists and is not a socket", EEXIST);
    if (answers(address)) return failure(path + ": another daemon answers there", EADDRINUSE);
    if (::unlink(path.c_str()) < 0 && errno != ENOENT) return system_failure("unlink " + path);
    return {};
}

/// The group is given before the right to connect, and the socket is born without any: there is no moment in between.
Status open_to_group(const std::string& path, gid_t group) {
    if (::fchownat(AT_FDCWD, path.c_str(), static_cast<uid_t>(-1), group, AT_SYMLINK_NOFOLLOW) < 0)
        return system_failure("chown " + path);
    if (::chmod(path.c_str(), 0660) < 0) return system_failure("chmod " + path);
    return {};
}

} // namespace

Result<sockaddr_un> unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.find('\0') != path.npos) return failure("socket path missing");
    if (path.size() >= sizeof address.sun_path) // with its NUL
        return failure(path + ": longer than the " + std::to_string(sizeof address.sun_path - 1) + " bytes of a socket path",
                       ENAMETOOLONG);
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

Result<ListeningPath> ListeningPath::open(const std::string& path, std::optional<gid_t> group) {
    const auto address = unix_address(path);
    if (!address) return Failure(address.error());
    if (auto ok = remove_stale(path, *address); !ok) return Failure(std::move(ok).error());

    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return system_failure("socket");
    if (::fchmod(fd.get(), 0600) < 0) return system_failure("fchmod"); // unix(7): bind(2) gives the path this mode
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) < 0) return system_failure("bind " + path);

    ListeningPath listening(std::move(fd), path);
    struct stat st {};
    if (::lstat(path.c_str(), &st) < 0) return system_failure(path);
    listening.device_ = st.st_dev;
    listening.inode_ = st.st_ino;
    if (group)
        if (auto ok = open_to_group(path, *group); !ok) return Failure(std::move(ok).error());
    if (::listen(listening.fd(), kBacklog) < 0) return system_failure("listen " + path);
    return listening;
}

ListeningPath::~ListeningPath() {
    struct stat st {};
    if (!fd_ || ::lstat(path_.c_str(), &st) < 0) return;
    if (st.st_dev == device_ && st.st_ino == inode_) (void)::unlink(path_.c_str());
}

} // namespace swathe
