#include "socket/descriptors.h"

#include "base/unique_fd.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace swathe {
namespace {

/// Our own, which must not become those of a child.
int table() noexcept {
    static UniqueFd opened;
    if (!opened) opened.reset(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)); // there may have been none left
    return opened.get();
}

/// Since Linux 6.2 the size of that directory is how many are open (fs/proc/fd.c, proc_fd_getattr()); 0 before.
std::size_t open_now() noexcept {
    struct stat status {};
    return table() >= 0 && ::fstat(table(), &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
}

/// Nothing but opening them tells where that size is unknown, or where some are open that a limit lowered since does not count.
bool can_open(std::size_t count) noexcept {
    if (count == 0) return true;
    const UniqueFd one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return one && can_open(count - 1);
}

} // namespace

bool has_descriptors(std::size_t count) noexcept {
    rlimit limit{};
    const std::size_t open = open_now();
    if (open > 0 && ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && open + count <= limit.rlim_cur) return true;
    return can_open(count);
}

} // namespace swathe
