#pragma once

#include "base/unique_fd.h"
#include "base/error.h"

#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

namespace swathe {

/// A listening AF_UNIX stream socket with a path; destroying it closes it and removes the path, if it is still its own.
class ListeningPath {
public:
    /// Mode 0660 for `group` where there is one, else 0600; never wider, not even for a moment. A socket at `path` on which
    /// nobody listens any more is replaced. Errors: somebody answers there (EADDRINUSE), it is no socket, the path is too long.
    [[nodiscard]] static Result<ListeningPath> open(const std::string& path, std::optional<gid_t> group);
    ListeningPath(ListeningPath&&) noexcept = default;
    ListeningPath& operator=(ListeningPath&&) = delete;
    ~ListeningPath();

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
    ListeningPath(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
    UniqueFd fd_;
    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

/// `path` as bind(2) and connect(2) want it. Errors: empty, or longer than sun_path.
[[nodiscard]] Result<sockaddr_un> unix_address(const std::string& path);

} // namespace swathe
