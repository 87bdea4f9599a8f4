#include "process/program.h"

#include "base/text.h"

#include <cerrno>

#include <sys/stat.h>

namespace swathe {
namespace {

Result<std::string> executable_at(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return system_failure(quoted(path));
    if (!S_ISREG(status.st_mode)) return failure(quoted(path) + " is not a regular file");
    if ((status.st_mode & 0111U) == 0) return failure(quoted(path) + " is not executable", EACCES);
    return path;
}

} // namespace

Result<std::string> find_program(const std::string& path) {
    if (!path.empty() && path.front() == '/') return executable_at(path);
    if (path.empty() || path.find('/') != path.npos) return failure(quoted(path) + " is neither an absolute path nor a bare file name");
    for (const std::string_view directory : split(kSearchPath, ':'))
        if (auto found = executable_at(std::string(directory) + '/' + path)) return found;
    return failure(quoted(path) + " is not in " + kSearchPath);
}

} // namespace swathe
