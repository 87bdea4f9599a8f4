#include "process/machine.h"

#include "base/unique_fd.h"
#include "process/accounts.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

namespace swathe {
namespace {

constexpr std::size_t kLongestText = 64UL * 1024;
constexpr int kAuditProtocol = 9; ///< NETLINK_AUDIT: that header is another layer's

utsname system_name() noexcept {
    utsname name{};
    (void)::uname(&name);
    return name;
}

class ThisMachine final : public Machine {
public:
    std::optional<File> file(const std::string& path, bool follow) const override {
        struct statx found {};
        const int flags = (follow ? 0 : AT_SYMLINK_NOFOLLOW) | AT_NO_AUTOMOUNT;
        if (::statx(AT_FDCWD, path.c_str(), flags, STATX_BASIC_STATS, &found) != 0) return std::nullopt;
        File file;
        file.mode = found.stx_mode;
        file.size = static_cast<off_t>(found.stx_size);
        file.modified = {found.stx_mtime.tv_sec, static_cast<long>(found.stx_mtime.tv_nsec)};
        file.is_mount_point = (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0; // since Linux 5.8
        struct statvfs system {};
        file.is_read_only = ::statvfs(path.c_str(), &system) == 0 && (system.f_flag & ST_RDONLY) != 0;
        return file;
    }

    std::optional<std::string> text(const std::string& path) const override {
        const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
        if (!fd) return std::nullopt;
        std::string all(kLongestText, '\0');
        std::size_t length = 0;
        while (length < all.size()) {
            const ssize_t count = ::read(fd.get(), all.data() + length, all.size() - length);
            if (count < 0) return std::nullopt;
            if (count == 0) break;
            length += static_cast<std::size_t>(count);
        }
        all.resize(length);
        return all;
    }

    std::vector<std::string> names_in(const std::string& directory) const override {
        const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), &::closedir);
        std::vector<std::string> names;
        while (stream != nullptr) {
            const dirent* const entry = ::readdir(stream.get());
            if (entry == nullptr) break;
            const std::string name(&entry->d_name[0]);
            if (name != "." && name != "..") names.push_back(name);
        }
        return names;
    }

    bool has_match(const std::string& pattern) const override {
        glob_t found{};
        const int failed = ::glob(pattern.c_str(), GLOB_NOSORT | GLOB_BRACE, nullptr, &found);
        const bool any = failed == 0 && found.gl_pathc > 0;
        ::globfree(&found);
        return any;
    }

    std::optional<std::string> variable(const std::string& name) const override {
        const char* const value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    }

    std::string host_name() const override { return std::string(system_name().nodename); }
    std::string kernel_release() const override { return std::string(system_name().release); }
    std::string hardware() const override { return std::string(system_name().machine); }

    std::string hypervisor() const override {
#if defined(__x86_64__) || defined(__i386__)
        unsigned a = 0, b = 0, c = 0, d = 0;
        constexpr unsigned kHypervisorBit = 1U << 31;
        constexpr unsigned kSignatureLeaf = 0x40000000; // kernel, Documentation/virt/kvm/x86/cpuid.rst
        if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kHypervisorBit) == 0) return {};
        __cpuid(kSignatureLeaf, a, b, c, d);
        std::array<char, 13> signature{};
        std::memcpy(&signature[0], &b, 4);
        std::memcpy(&signature[4], &c, 4);
        std::memcpy(&signature[8], &d, 4);
        return signature[0] == '\0' ? std::string("unknown") : std::string(signature.data());
#else
        return {};
#endif
    }

    unsigned processors() const override {
        cpu_set_t set;
        CPU_ZERO(&set);
        if (::sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(CPU_COUNT(&set));
        return static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN)); // more than fit into a set
    }

    std::uint64_t memory() const override {
        return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    }

    bool has_audit() const override { return UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, kAuditProtocol)).get() >= 0; }

    uid_t uid() const override { return ::geteuid(); }

    std::vector<gid_t> groups() const override {
        const int count = ::getgroups(0, nullptr);
        std::vector<gid_t> all(static_cast<std::size_t>(count < 0 ? 0 : count));
        const int got = ::getgroups(static_cast<int>(all.size()), all.data());
        all.resize(static_cast<std::size_t>(got < 0 ? 0 : got));
        all.push_back(::getegid());
        return all;
    }

    Result<uid_t> uid_of(const std::string& user) const override {
        return look_up_user(user).map([](const User& found) { return found.uid; });
    }
    Result<gid_t> gid_of(const std::string& group) const override { return look_up_group(group); }
};

} // namespace

const Machine& this_machine() noexcept {
    static const ThisMachine machine;
    return machine;
}

} // namespace swathe
