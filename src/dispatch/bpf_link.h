#pragma once

#include "base/unique_fd.h"
#include "base/error.h"

#include <cstdint>

namespace swathe {

/// The attachment of a program to a network namespace, pinned or not.
class BpfLink {
public:
    struct Info {
        std::uint32_t id = 0;
        std::uint32_t program_id = 0;
        std::uint32_t netns_inode = 0; ///< 0 = detached, or the namespace is gone
    };

    /// Attaches as the last program of the namespace. Errors: E2BIG, 64 programs are attached already.
    [[nodiscard]] static Result<BpfLink> attach(int program_fd, int netns_fd);

    /// Opens the link pinned at `path`. Nothing: no pin there, or one that is of no use for this namespace any more, which is then
    /// removed. Errors: something else than an sk_lookup link is pinned there.
    [[nodiscard]] static Result<std::optional<BpfLink>> open_pinned(const std::string& path, int netns_fd);
    /// The same, whatever namespace it is for.
    [[nodiscard]] static Result<std::optional<BpfLink>> open_pinned(const std::string& path);

    /// Replaces the program in one step; the position among the namespace's programs stays. Errors: ENOLINK, detached meanwhile.
    [[nodiscard]] Status update(int program_fd);
    [[nodiscard]] Result<Info> info() const;

    /// Pins to `path`, 0600, and makes its directory 0700 if there is none. Refuses a directory that others may write to or own.
    [[nodiscard]] Status pin(const std::string& path) const;
    [[nodiscard]] Status detach(); ///< for all who hold it

private:
    UniqueFd fd_;
};

} // namespace swathe
