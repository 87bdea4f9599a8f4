#include "process/child_sandbox.h"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// In the daemon's memory, as child_setup.cpp. Libc has no names for the newer calls everywhere.

namespace swathe {
namespace {

constexpr unsigned kWholeTree = AT_EMPTY_PATH | AT_RECURSIVE;

/// The path `path` of the service whose root is `root`: no symbolic link leads out. O_PATH.
int open_in(int root, const char* path) noexcept {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT;
    return static_cast<int>(::syscall(SYS_openat2, root, path, &how, sizeof how));
}

int open_host(const char* path) noexcept { return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC)); }

void close_fd(int fd) noexcept { (void)::syscall(SYS_close, fd); }

/// Closes `fd` and keeps errno.
long closing(int fd, long result) noexcept {
    const int error = errno;
    close_fd(fd);
    errno = error;
    return result;
}

int copy_tree(int fd) noexcept {
    return static_cast<int>(::syscall(SYS_open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | kWholeTree));
}

long put_tree(int tree, int target) noexcept {
    return ::syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

long set_attributes(int tree, std::uint64_t attributes, bool recursive) noexcept {
    mount_attr change{};
    change.attr_set = attributes;
    return ::syscall(SYS_mount_setattr, tree, "", recursive ? kWholeTree : AT_EMPTY_PATH, &change, sizeof change);
}

/// What is mounted on the machine still comes in; nothing goes out.
long stop_propagation() noexcept {
    mount_attr change{};
    change.propagation = MS_SLAVE;
    return ::syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &change, sizeof change);
}

long set_option(int context, const char* name, std::size_t name_bytes, const char* value) noexcept {
    char key[16] = {};
    for (std::size_t i = 0; i < name_bytes && i + 1 < sizeof key; ++i) key[i] = name[i];
    return ::syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}

/// `options`: "NAME=VALUE", any number with "," between.
long set_options(int context, const char* options) noexcept {
    while (*options != '\0') {
        std::size_t equals = 0;
        while (options[equals] != '=') ++equals;
        char value[32] = {};
        const char* from = options + equals + 1;
        for (std::size_t i = 0; *from != '\0' && *from != ',' && i + 1 < sizeof value; ++i) value[i] = *from++;
        if (set_option(context, options, equals, value) < 0) return -1;
        options = *from == ',' ? from + 1 : from;
    }
    return 0;
}

/// A new file system of `type`, with `options` and `more`, as a tree.
int new_file_system(const char* type, const char* options, const char* more, std::uint64_t attributes) noexcept {
    const auto context = static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
    if (context < 0) return -1;
    if (set_options(context, options) < 0 || set_options(context, more) < 0 ||
        ::syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0)
        return static_cast<int>(closing(context, -1));
    const long tree = ::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
    return static_cast<int>(closing(context, tree));
}

int new_tmpfs(const char* options, std::uint64_t attributes) noexcept { return new_file_system("tmpfs", options, "size=4m", attributes); }

/// The root of the service, and what its steps work on.
struct View {
    int root;
    int null; ///< the machine's /dev/null
    int* trees;
};

/// An empty directory covers one; anything else becomes a device that its mount does not let anyone open.
long hide(const View& view, int target) noexcept {
    constexpr std::uint64_t kSealed = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    struct statx status {};
    if (::syscall(SYS_statx, target, "", AT_EMPTY_PATH, STATX_TYPE, &status) < 0) return -1;
    const bool is_directory = (status.stx_mode & S_IFMT) == S_IFDIR;
    const int cover = is_directory ? new_tmpfs("mode=0000", kSealed) : copy_tree(view.null);
    if (cover < 0) return -1;
    if (!is_directory && set_attributes(cover, kSealed, false) < 0) return closing(cover, -1);
    return closing(cover, put_tree(cover, target));
}

bool needs_tree(MountStep::Kind kind) noexcept {
    using enum MountStep::Kind;
    return kind == put || kind == restrict || kind == directory || kind == device || kind == link;
}

long in_place(const View& view, const MountStep& step) noexcept {
    const int target = open_in(view.root, step.path.c_str());
    if (target < 0) return -1;
    return closing(target, step.kind == MountStep::Kind::hide ? hide(view, target) : put_tree(view.trees[step.slot], target));
}

long take(const View& view, const MountStep& step) noexcept {
    const int source = step.kind == MountStep::Kind::take ? open_in(view.root, step.path.c_str()) : open_host(step.path.c_str());
    if (source < 0) return -1;
    view.trees[step.slot] = static_cast<int>(closing(source, copy_tree(source)));
    return view.trees[step.slot];
}

long do_step(const View& view, const MountStep& step) noexcept {
    constexpr mode_t kDirectory = 0755, kDevice = S_IFCHR | 0666;
    const char* const path = step.path.c_str();
    int& tree = view.trees[step.slot];
    switch (step.kind) {
    case MountStep::Kind::take:
    case MountStep::Kind::take_host: return take(view, step);
    case MountStep::Kind::proc: return tree = new_file_system("proc", step.text.c_str(), "", step.flags);
    case MountStep::Kind::create: return tree = new_tmpfs(step.text.c_str(), step.flags);
    case MountStep::Kind::directory: return ::syscall(SYS_mkdirat, tree, path, kDirectory);
    case MountStep::Kind::device: return ::syscall(SYS_mknodat, tree, path, kDevice, step.flags);
    case MountStep::Kind::link: return ::syscall(SYS_symlinkat, step.text.c_str(), tree, path);
    case MountStep::Kind::put:
    case MountStep::Kind::hide: return in_place(view, step);
    case MountStep::Kind::restrict: return set_attributes(tree, step.flags, step.recursive);
    case MountStep::Kind::root: return set_attributes(view.root, step.flags, true);
    }
    return -1;
}

/// The root as a mount of its own, so that it can be made read-only.
int open_root(const char* root) noexcept {
    if (root == nullptr) return open_host("/");
    const int directory = open_host(root);
    if (directory < 0) return -1;
    const int tree = copy_tree(directory);
    if (tree < 0) return static_cast<int>(closing(directory, -1));
    const long placed = put_tree(tree, directory);
    (void)closing(directory, 0);
    if (placed < 0) return static_cast<int>(closing(tree, -1));
    return tree; // refers to the mount, wherever that is
}

} // namespace

long enter_own_network() noexcept {
    if (::syscall(SYS_unshare, CLONE_NEWNET) < 0) return -1;
    const auto any = static_cast<int>(::syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); // netdevice(7): of any family
    if (any < 0) return -1;
    ifreq request{};
    request.ifr_name[0] = 'l';
    request.ifr_name[1] = 'o';
    request.ifr_flags = IFF_UP;
    return closing(any, ::syscall(SYS_ioctl, any, SIOCSIFFLAGS, &request));
}

long enter_own_hostname() noexcept { return ::syscall(SYS_unshare, CLONE_NEWUTS); }

long enter_own_mounts(const SandboxSetup& setup, int& failed) noexcept {
    failed = -1;
    (void)::syscall(SYS_umask, 0);
    if (::syscall(SYS_unshare, CLONE_NEWNS) < 0 || stop_propagation() < 0) return -1;
    const View view{open_root(setup.root), open_host("/dev/null"), setup.trees};
    if (view.root < 0 || view.null < 0) return -1;
    for (std::size_t i = 0; i < setup.mount_count; ++i) {
        const MountStep& step = setup.mounts[i];
        if (needs_tree(step.kind) && setup.trees[step.slot] < 0) continue; // there was nothing to take
        if (do_step(view, step) >= 0 || (step.optional && (errno == ENOENT || errno == ENOTDIR))) continue;
        failed = static_cast<int>(i);
        return -1;
    }
    return 0;
}

long install_filters(const SandboxSetup& setup, int& number) noexcept {
    for (std::size_t i = 0; i < setup.filter_count; ++i) {
        number = static_cast<int>(i);
        const auto install = [&] { return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &setup.filters[i]); };
        if (install() >= 0) continue;
        if (errno != EACCES) return -1;
        if (::syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || install() < 0) return -1;
    }
    return 0;
}

} // namespace swathe
