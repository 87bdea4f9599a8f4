#include "daemon/bpffs.h"

#include <filesystem>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <fmt/format.h>

namespace swathe {
namespace {

bool is_bpffs(const std::string& path) {
    struct statfs fs {};
    return ::statfs(path.c_str(), &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

} // namespace

Result<bool> ensure_bpffs(const std::string& path) {
    if (is_bpffs(path)) return false;
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return failure(fmt::format("mkdir {}", path), error.value());
    if (::mount("bpf", path.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
        return system_failure(fmt::format("mount bpf on {}", path));
    return true;
}

} // namespace swathe
