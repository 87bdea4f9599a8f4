#include "ctl/new_file.h"

#include "base/unique_fd.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

constexpr mode_t kPermissions = 0777;

Status write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return system_failure("write");
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

Status fill(int fd, std::string_view text, mode_t mode) {
    if (auto ok = write_all(fd, text); !ok) return ok;
    if (::fchmod(fd, mode) < 0) return system_failure("fchmod");
    if (::fsync(fd) < 0) return system_failure("fsync");
    return {};
}

Status sync_directory(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return system_failure("open " + path);
    if (::fsync(fd.get()) < 0) return system_failure("fsync " + path);
    return {};
}

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? "." : path.substr(0, slash);
}

/// Fills `fd`, the file `temporary`, and puts it in the place of `path`.
Status move_into_place(int fd, const std::string& temporary, const std::string& path, std::string_view text, mode_t mode) {
    struct stat there {};
    if (::lstat(path.c_str(), &there) == 0 && S_ISREG(there.st_mode)) {
        mode = there.st_mode & kPermissions;
        if (::fchown(fd, there.st_uid, there.st_gid) < 0) return system_failure("fchown");
    }
    if (auto ok = fill(fd, text, mode); !ok) return ok;
    if (::rename(temporary.c_str(), path.c_str()) < 0) return system_failure("rename");
    return sync_directory(directory_of(path));
}

} // namespace

Status create_file(const std::string& path, std::string_view text, mode_t mode) {
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return system_failure("cannot be created");
    auto ok = fill(fd.get(), text, mode);
    if (ok) return sync_directory(directory_of(path));
    (void)::unlink(path.c_str()); // half a file is worse than none
    return ok;
}

Status replace_file(const std::string& path, std::string_view text, mode_t mode) {
    std::error_code error;
    std::filesystem::create_directories(directory_of(path), error);
    if (error) return failure("create " + directory_of(path), error.value());
    std::string temporary =
        fmt::format("{}/.swathe-XXXXXX", directory_of(path)); // hidden: no reader takes it for configuration
    const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!fd) return system_failure("create a file in " + directory_of(path));
    auto ok = move_into_place(fd.get(), temporary, path, text, mode);
    if (!ok) (void)::unlink(temporary.c_str());
    return ok;
}

mode_t mode_of(const std::string& path) {
    struct stat status {};
    const bool known = ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
    return known ? status.st_mode & kPermissions : kFileMode;
}

} // namespace swathe::ctl
