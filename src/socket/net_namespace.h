#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

#include <cstdint>
#include <functional>
#include <string>

namespace swathe {

inline constexpr const char* kNamedNamespaces = "/run/netns/"; ///< ip-netns(8); /var/run is a link to /run wherever 5.17 kernels run

/// A network namespace, held by a descriptor so that it cannot go away or be replaced under its name.
class NetNamespace {
public:
    [[nodiscard]] static Result<NetNamespace> current();
    /// ip-netns(8)'s NAME, or an absolute path. Errors: a name with '/' or "..", no such namespace.
    [[nodiscard]] static Result<NetNamespace> open(const std::string& name);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] std::uint64_t device() const noexcept { return device_; }
    [[nodiscard]] std::uint64_t inode() const noexcept { return inode_; }
    [[nodiscard]] const std::string& name() const noexcept { return name_; } ///< "" = the one the process was started in

    /// Runs `work` with the calling thread inside this namespace, and returns to the old one. Sockets opened inside stay
    /// inside. If returning fails the process must not go on: it aborts.
    /// `work` that is inside already runs at once, without privilege (else CAP_SYS_ADMIN); calls may be nested.
    [[nodiscard]] Status inside(const std::function<Status()>& work) const;

    /// The same namespace, whatever its name.
    friend bool operator==(const NetNamespace& a, const NetNamespace& b) noexcept {
        return a.device_ == b.device_ && a.inode_ == b.inode_;
    }

private:
    [[nodiscard]] static Result<NetNamespace> adopt(UniqueFd fd, std::string name);

    UniqueFd fd_;
    std::uint64_t device_ = 0;
    std::uint64_t inode_ = 0;
    std::string name_;
};

} // namespace swathe
