#pragma once

#include "model/listener.h"
#include "socket/directory.h"

#include <memory>

namespace swathe {

/// Whom the file of a UNIX socket is to belong to; -1 = whom it belongs to.
struct NodeOwner {
    uid_t uid = static_cast<uid_t>(-1);
    gid_t gid = static_cast<gid_t>(-1);
};

/// The file of a UNIX socket, and the symbolic links to it. Destroying it removes them if the listener says `remove_on_stop`, and if they
/// are still its own: another socket may have taken the path.
class UnixNode {
public:
    /// Finds what was just bound at `where`, in its directory as it was then.
    [[nodiscard]] static Result<std::unique_ptr<UnixNode>> adopt(Location where, const std::string& path);
    UnixNode(const UnixNode&) = delete;
    UnixNode& operator=(const UnixNode&) = delete;
    ~UnixNode();

    /// Owner, mode and links as the listener says; links of an earlier one stay. At first and at a reload.
    [[nodiscard]] Status follow(const Listener& listener, const NodeOwner& owner);

private:
    UnixNode(Location where, std::string path) : where_(std::move(where)), path_(std::move(path)) {}
    [[nodiscard]] bool is_there() const noexcept;
    [[nodiscard]] Status link_from(const std::string& link, mode_t directory_mode);
    void unlink_from(const std::string& link) const;

    Location where_;
    std::string path_;
    UniqueFd file_; // O_PATH: its inode cannot be given to another file meanwhile
    std::vector<std::string> links_;
    bool remove_ = false;
};

} // namespace swathe
