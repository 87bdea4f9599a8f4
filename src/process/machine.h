#pragma once

#include "base/error.h"

#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace swathe {

/// What conditions look at: the machine, and the daemon on it. All is looked up anew each time.
class Machine {
public:
    struct File {
        mode_t mode = 0;
        off_t size = 0;
        timespec modified{};
        bool is_mount_point = false;
        bool is_read_only = false; ///< of its file system
    };

    virtual ~Machine() = default;
    /// Nothing: there is no such file, or it is not to be seen. `follow`: of what a symbolic link leads to.
    [[nodiscard]] virtual std::optional<File> file(const std::string& path, bool follow) const = 0;
    /// The first 64 KiB; nothing: it cannot be read.
    [[nodiscard]] virtual std::optional<std::string> text(const std::string& path) const = 0;
    [[nodiscard]] virtual std::vector<std::string> names_in(const std::string& directory) const = 0; ///< without "." and ".."
    [[nodiscard]] virtual bool has_match(const std::string& pattern) const = 0;                      ///< glob(7)
    [[nodiscard]] virtual std::optional<std::string> variable(const std::string& name) const = 0;    ///< of the daemon's environment

    [[nodiscard]] virtual std::string host_name() const = 0;
    [[nodiscard]] virtual std::string kernel_release() const = 0;
    [[nodiscard]] virtual std::string hardware() const = 0;   ///< as uname(2) calls it: "x86_64"
    [[nodiscard]] virtual std::string hypervisor() const = 0; ///< who says to be one by CPUID: "KVMKVMKVM"; "" = nobody
    [[nodiscard]] virtual unsigned processors() const = 0;    ///< that the daemon may use
    [[nodiscard]] virtual std::uint64_t memory() const = 0;   ///< in bytes
    [[nodiscard]] virtual bool has_audit() const = 0;         ///< the kernel's

    [[nodiscard]] virtual uid_t uid() const = 0;                 ///< effective
    [[nodiscard]] virtual std::vector<gid_t> groups() const = 0; ///< effective and supplementary ones
    [[nodiscard]] virtual Result<uid_t> uid_of(const std::string& user) const = 0; ///< of a name
    [[nodiscard]] virtual Result<gid_t> gid_of(const std::string& group) const = 0;
};

[[nodiscard]] const Machine& this_machine() noexcept;

} // namespace swathe
