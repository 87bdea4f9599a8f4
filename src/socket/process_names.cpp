#include "socket/process_names.h"

#include "base/unique_fd.h"

#include <algorithm>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace swathe {
namespace {

struct CloseDir {
    void operator()(DIR* dir) const noexcept { (void)::closedir(dir); }
};
using Dir = std::unique_ptr<DIR, CloseDir>;

template <class Number> bool parse_number(std::string_view text, Number& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size();
}

std::vector<pid_t> list_processes() {
    std::vector<pid_t> pids;
    const Dir proc{::opendir("/proc")};
    while (const dirent* entry = proc ? ::readdir(proc.get()) : nullptr) {
        pid_t pid = 0;
        if (parse_number(entry->d_name, pid)) pids.push_back(pid);
    }
    std::sort(pids.begin(), pids.end());
    return pids;
}

/// The inode in "socket:[INODE]"; 0 = not a socket.
std::uint64_t socket_inode_at(int dir, const char* name) {
    char target[64];
    const ssize_t n = ::readlinkat(dir, name, target, sizeof target);
    if (n <= 0) return 0;
    std::string_view text(target, static_cast<std::size_t>(n));
    constexpr std::string_view kHead = "socket:[";
    if (text.substr(0, kHead.size()) != kHead || text.back() != ']') return 0;
    text = text.substr(kHead.size(), text.size() - kHead.size() - 1);
    std::uint64_t inode = 0;
    return parse_number(text, inode) ? inode : 0;
}

std::string read_comm(pid_t pid) {
    const UniqueFd fd{::open(fmt::format("/proc/{}/comm", pid).c_str(), O_RDONLY | O_CLOEXEC)};
    char text[64];
    const ssize_t n = fd ? ::read(fd.get(), text, sizeof text) : -1;
    if (n <= 0) return "?";
    std::string name(text, static_cast<std::size_t>(n));
    if (name.back() == '\n') name.pop_back();
    std::replace_if(name.begin(), name.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    return name;
}

/// The number behind `key` in /proc/PID/status, where no name can fake a line: its control characters are escaped.
template <class Number> bool read_number(std::string_view status, std::string_view key, Number& out) {
    const std::size_t at = status.find(key);
    if (at == status.npos) return false;
    const std::string_view rest = status.substr(at + key.size());
    return parse_number(rest.substr(0, rest.find_first_of("\t\n")), out);
}

} // namespace

std::unordered_set<std::uint64_t> own_sockets() { return sockets_of(::getpid()); }

std::unordered_set<std::uint64_t> sockets_of(pid_t pid) {
    std::unordered_set<std::uint64_t> inodes;
    const Dir fds{::opendir(fmt::format("/proc/{}/fd", pid).c_str())};
    while (const dirent* entry = fds ? ::readdir(fds.get()) : nullptr)
        if (const std::uint64_t inode = socket_inode_at(::dirfd(fds.get()), entry->d_name); inode != 0) inodes.insert(inode);
    return inodes;
}

bool descends_from(pid_t pid, std::string_view name) {
    for (int generation = 0; generation < kMostGenerations && pid > 0; ++generation) {
        const UniqueFd fd{::open(fmt::format("/proc/{}/status", pid).c_str(), O_RDONLY | O_CLOEXEC)};
        char text[4096];
        const ssize_t n = fd ? ::read(fd.get(), text, sizeof text) : -1;
        if (n <= 0) return false;
        const std::string_view status(text, static_cast<std::size_t>(n));
        uid_t uid = 0;
        pid_t parent = 0;
        if (!read_number(status, "\nUid:\t", uid) || !read_number(status, "\nPPid:\t", parent)) return false;
        if (uid == 0 && read_comm(pid) == name) return true;
        pid = parent;
    }
    return false;
}

std::unordered_map<std::uint64_t, SocketHolder> find_socket_holders(std::unordered_set<std::uint64_t> inodes) {
    std::unordered_map<std::uint64_t, SocketHolder> holders;
    std::size_t looked_at = 0;
    for (const pid_t pid : list_processes()) {
        if (inodes.empty() || looked_at >= kMostDescriptors) break;
        const Dir fds{::opendir(fmt::format("/proc/{}/fd", pid).c_str())};
        std::string name;
        while (const dirent* entry = fds ? ::readdir(fds.get()) : nullptr) {
            if (++looked_at > kMostDescriptors) break;
            const std::uint64_t inode = socket_inode_at(::dirfd(fds.get()), entry->d_name);
            if (inode == 0 || inodes.erase(inode) == 0) continue;
            if (name.empty()) name = read_comm(pid);
            holders.emplace(inode, SocketHolder{pid, name});
        }
    }
    return holders;
}

} // namespace swathe
