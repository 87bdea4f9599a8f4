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

} // namespace

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
