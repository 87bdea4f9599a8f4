#include "dispatch/bpf_link.h"

#include <cerrno>
#include <filesystem>

#include <bpf/bpf.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace swathe {
namespace {

Result<std::uint32_t> inode_of(int netns_fd) {
    struct stat status{};
    if (fstat(netns_fd, &status) < 0) return system_failure("stat network namespace");
    return static_cast<std::uint32_t>(status.st_ino);
}

/// BPF_OBJ_GET opens programs and maps as well; only the name of the anonymous inode tells.
bool is_link(int fd) {
    char name[64];
    const ssize_t length = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name);
    const std::string_view kind(name, length > 0 ? static_cast<std::size_t>(length) : 0);
    return kind == "anon_inode:bpf-link" || kind == "anon_inode:bpf_link"; // kernel/bpf/syscall.c has both spellings
}

/// The directory must be ours alone: whoever can write there could put his own link in place of ours.
Status make_private_directory(const std::string& path) {
    if (mkdir(path.c_str(), 0700) < 0 && errno != EEXIST) return system_failure("make directory " + path);
    struct stat status{};
    if (lstat(path.c_str(), &status) < 0) return system_failure("stat " + path);
    if (!S_ISDIR(status.st_mode)) return failure(path, ENOTDIR);
    if (status.st_uid != geteuid()) return failure(path + ": belongs to another user", EPERM);
    struct statfs filesystem{};
    if (statfs(path.c_str(), &filesystem) < 0) return system_failure("stat file system of " + path);
    if (static_cast<unsigned long>(filesystem.f_type) != BPF_FS_MAGIC) return failure(path + ": not on a BPF file system (mount -t bpf)");
    if (chmod(path.c_str(), 0700) < 0) return system_failure("change mode of " + path);
    return {};
}

} // namespace

Result<BpfLink> BpfLink::attach(int program_fd, int netns_fd) {
    BpfLink link;
    link.fd_.reset(bpf_link_create(program_fd, netns_fd, BPF_SK_LOOKUP, nullptr));
    if (link.fd_) return link;
    if (errno == E2BIG)
        return failure("attach the BPF program: the network namespace has 64 sk_lookup programs already, and takes no more; detach one "
                       "(bpftool link list shows them)");
    return system_failure("attach the BPF program");
}

Result<std::optional<BpfLink>> BpfLink::open_pinned(const std::string& path) {
    BpfLink link;
    link.fd_.reset(bpf_obj_get(path.c_str()));
    if (!link.fd_ && errno == ENOENT) return std::optional<BpfLink>();
    if (!link.fd_) return system_failure("open pinned link " + path);
    if (!is_link(link.fd_.get())) return failure(path + ": pinned, but no BPF link");

    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(link.fd_.get(), &info, &size) < 0) return system_failure("read pinned link " + path);
    if (info.type != BPF_LINK_TYPE_NETNS || info.netns.attach_type != BPF_SK_LOOKUP)
        return failure(path + ": pinned, but no sk_lookup link");
    return std::optional<BpfLink>(std::move(link));
}

Result<std::optional<BpfLink>> BpfLink::open_pinned(const std::string& path, int netns_fd) {
    const auto inode = inode_of(netns_fd);
    if (!inode) return Failure(inode.error());
    auto link = open_pinned(path);
    if (!link || !*link) return link;
    const auto found = (*link)->info();
    if (!found) return Failure(found.error());
    if (found->netns_inode == *inode) return link;
    if (unlink(path.c_str()) < 0) return system_failure("remove dead link " + path); // its namespace is gone, or it was detached
    return std::optional<BpfLink>();
}

Status BpfLink::update(int program_fd) {
    if (bpf_link_update(fd_.get(), program_fd, nullptr) < 0) return system_failure("switch the BPF program");
    return {};
}

Result<BpfLink::Info> BpfLink::info() const {
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(fd_.get(), &info, &size) < 0) return system_failure("read BPF link");
    return Info{info.id, info.prog_id, info.netns.netns_ino};
}

Status BpfLink::pin(const std::string& path) const {
    const std::string directory = std::filesystem::path(path).parent_path().string();
    if (auto made = make_private_directory(directory); !made) return made;
    if (bpf_obj_pin(fd_.get(), path.c_str()) < 0) return system_failure("pin link to " + path);
    if (chmod(path.c_str(), 0600) < 0) return system_failure("change mode of " + path);
    return {};
}

Status BpfLink::detach() {
    if (bpf_link_detach(fd_.get()) < 0 && errno != ENOLINK) return system_failure("detach the BPF program");
    fd_.reset();
    return {};
}

} // namespace swathe
