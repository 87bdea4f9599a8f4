#include "control/access.h"

#include <algorithm>
#include <cerrno>
#include <grp.h>
#include <sys/socket.h>

namespace swathe {

Result<Peer> peer_of(int fd) {
    ucred creds{};
    socklen_t size = sizeof creds;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &size) < 0) return system_failure("SO_PEERCRED");

    Peer peer{creds.uid, std::vector<gid_t>(32)}; // grows to what the kernel says with ERANGE; NGROUPS_MAX is its limit
    for (;;) {
        size = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
        if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) == 0) break;
        if (errno != ERANGE || size <= peer.groups.size() * sizeof(gid_t)) return system_failure("SO_PEERGROUPS");
        peer.groups.resize(size / sizeof(gid_t));
    }
    peer.groups.resize(size / sizeof(gid_t));
    peer.groups.push_back(creds.gid);
    return peer;
}

Access access_of(const Peer& peer, uid_t own_uid, std::optional<gid_t> group) noexcept {
    if (peer.uid == 0 || peer.uid == own_uid) return Access::act;
    if (group && std::find(peer.groups.begin(), peer.groups.end(), *group) != peer.groups.end()) return Access::look;
    return Access::none;
}

bool has_room(const Crowd& crowd, Access access) noexcept {
    switch (access) {
    case Access::none: return false;
    case Access::look:
        return crowd.all < kMaxConnections && crowd.lookers < kMaxLookers && crowd.of_same_user < kMaxLookersPerUser;
    case Access::act: return crowd.all < kMaxConnections;
    }
    return false;
}

Result<std::optional<gid_t>> find_group(const std::string& name) {
    if (name.empty()) return std::optional<gid_t>{};
    std::vector<char> buffer(1024);
    for (;;) {
        group entry{};
        group* found = nullptr;
        const int error = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
        if (error == ERANGE && buffer.size() < (1U << 24)) {
            buffer.resize(buffer.size() * 2);
            continue;
        }
        if (found != nullptr) return std::optional<gid_t>{entry.gr_gid};
        // getgrnam_r(3): these, too, mean "not found", depending on the name service
        if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) return std::optional<gid_t>{};
        return failure("group " + name, error);
    }
}

} // namespace swathe
