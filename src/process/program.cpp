#include "process/program.h"

#include "base/text.h"
#include "base/unique_fd.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

namespace swathe {
namespace {

Result<std::string> executable_at(const std::string& path, const std::string& root) {
    struct stat status {};
    if (stat_below(root, path, status) != 0) return system_failure(quoted(path));
    if (!S_ISREG(status.st_mode)) return failure(quoted(path) + " is not a regular file");
    if ((status.st_mode & 0111U) == 0) return failure(quoted(path) + " is not executable", EACCES);
    return path;
}

Result<std::string> found_at(const std::string& path, const std::string& root) {
    if (!path.empty() && path.front() == '/') return executable_at(path, root);
    if (path.empty() || path.find('/') != path.npos) return failure(quoted(path) + " is neither an absolute path nor a bare file name");
    for (const std::string_view directory : split(kSearchPath, ':'))
        if (auto found = executable_at(std::string(directory) + '/' + path, root)) return found;
    return failure(quoted(path) + " is not in " + kSearchPath);
}

} // namespace

int stat_below(const std::string& root, const std::string& path, struct stat& out) noexcept {
    if (root.empty()) return ::stat(path.c_str(), &out);
    const UniqueFd top(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!top) return -1;
    open_how how{}; // symbolic links, too, are followed inside of it
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT;
    const UniqueFd found(static_cast<int>(::syscall(SYS_openat2, top.get(), path.c_str(), &how, sizeof how)));
    return found ? ::fstat(found.get(), &out) : -1;
}

Result<std::string> find_program(const std::string& path, const std::string& root) {
    auto found = found_at(path, root);
    if (!found && !root.empty()) return Failure(std::move(found).error().within("below " + root));
    return found;
}

} // namespace swathe
