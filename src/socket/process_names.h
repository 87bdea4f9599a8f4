#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <unordered_map>
#include <unordered_set>

namespace swathe {

/// A process that holds a socket: the one with the lowest pid, so the parent of a pool rather than a worker.
struct SocketHolder {
    pid_t pid = 0;
    std::string name; ///< /proc/PID/comm; whatever is not printable ASCII shows as '?', for every process names itself
};

/// How many descriptors of all processes are looked at, so that the search ends: about a second's worth.
inline constexpr std::size_t kMostDescriptors = 1'000'000;

/// Who holds the sockets with these inodes, by one walk over /proc/PID/fd. Processes that vanish or may not be looked into are
/// passed over; inodes of nobody (kernel sockets, other pid namespaces) are missing in the answer.
[[nodiscard]] std::unordered_map<std::uint64_t, SocketHolder> find_socket_holders(std::unordered_set<std::uint64_t> inodes);

/// Inodes of the sockets that this process holds now.
[[nodiscard]] std::unordered_set<std::uint64_t> own_sockets();
[[nodiscard]] std::unordered_set<std::uint64_t> sockets_of(pid_t pid); ///< that process; none if it may not be looked into

inline constexpr int kMostGenerations = 32; ///< that descends_from() looks at

/// Is this process, or one that it descends from, called `name` and root's?
[[nodiscard]] bool descends_from(pid_t pid, std::string_view name);

} // namespace swathe
