#include "socket/net_namespace.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <utility>

#include <fmt/format.h>

namespace swathe {
namespace {

/// ip-netns(8) names a namespace by one file name.
bool is_plain_name(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos && name.find('\0') == name.npos;
}

/// Brings the thread back where it was. A daemon that serves in the wrong namespace is worse than none.
class Return {
public:
    explicit Return(int fd) noexcept : fd_(fd) {}
    Return(const Return&) = delete;
    Return& operator=(const Return&) = delete;
    ~Return() {
        if (::setns(fd_, CLONE_NEWNET) == 0) return;
        std::perror("cannot return to the network namespace");
        std::abort();
    }

private:
    int fd_;
};

} // namespace

Result<NetNamespace> NetNamespace::adopt(UniqueFd fd, std::string name) {
    NetNamespace ns;
    ns.fd_ = std::move(fd);
    ns.name_ = std::move(name);
    struct statfs fs {};
    if (::fstatfs(ns.fd(), &fs) < 0) return system_failure("statfs");
    if (fs.f_type != NSFS_MAGIC) return failure("not a namespace file");
    const int type = ::ioctl(ns.fd(), NS_GET_NSTYPE);
    if (type < 0) return system_failure("NS_GET_NSTYPE");
    if (type != CLONE_NEWNET) return failure("a namespace, but not of the network");
    struct stat st {};
    if (::fstat(ns.fd(), &st) < 0) return system_failure("fstat");
    ns.device_ = st.st_dev;
    ns.inode_ = st.st_ino;
    return ns;
}

Result<NetNamespace> NetNamespace::current() {
    UniqueFd fd{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)}; // per thread: setns(2) moves only one
    if (!fd) return system_failure("open /proc/thread-self/ns/net");
    auto ns = adopt(std::move(fd), "");
    if (!ns) return Failure(std::move(ns).error().within("/proc/thread-self/ns/net"));
    return ns;
}

Result<NetNamespace> NetNamespace::open(const std::string& name) {
    const bool path = !name.empty() && name.front() == '/' && name.find('\0') == name.npos;
    if (!path && !is_plain_name(name))
        return failure(fmt::format("network namespace \"{}\": expected a name of ip-netns(8), or an absolute path", name));
    const std::string file = path ? name : kNamedNamespaces + name;
    UniqueFd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)}; // not to hang on a FIFO
    if (!fd) return system_failure(fmt::format("network namespace {}: open {}", name, file));
    auto ns = adopt(std::move(fd), name);
    if (!ns) return Failure(std::move(ns).error().within(fmt::format("network namespace {}: {}", name, file)));
    return ns;
}

Status NetNamespace::inside(const std::function<Status()>& work) const {
    auto here = current();
    if (!here) return Failure(std::move(here).error());
    if (*here == *this) return work(); // needs no privilege
    if (::setns(fd(), CLONE_NEWNET) < 0) return system_failure(fmt::format("enter network namespace {}", name_));
    const Return back{here->fd()};
    return work();
}

} // namespace swathe
