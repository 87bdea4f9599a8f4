#pragma once

#include "model/listener.h"
#include "socket/directory.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace swathe {

/// Whom the file of a UNIX socket is to belong to; -1 = whom it belongs to.
struct NodeOwner {
    uid_t uid = static_cast<uid_t>(-1);
    gid_t gid = static_cast<gid_t>(-1);
};

/// Puts the file `aside`, in the directory of `where`, back in its place, or away if another has that by now.
void put_back(const Location& where, const std::string& aside) noexcept;

/// The file of a UNIX socket, and the symbolic links to it. Destroying it before keep() leaves the path and the links as they were found;
/// after that, it removes them if the listener says `remove_on_stop`. Both only if they are still its own: another socket may have taken
/// the path.
class UnixNode {
public:
    /// Finds what was just bound at `where`, in its directory as it was then. `aside`: the name there of what had the path before; "" =
    /// none.
    [[nodiscard]] static Result<std::unique_ptr<UnixNode>> adopt(Location where, const std::string& path, std::string aside);
    UnixNode(const UnixNode&) = delete;
    UnixNode& operator=(const UnixNode&) = delete;
    ~UnixNode();

    /// Owner, mode and links as the listener says; links of an earlier one stay. At first and at a reload.
    [[nodiscard]] Status follow(const Listener& listener, const NodeOwner& owner);

    void keep() noexcept; ///< it is in force: what had the path before goes

private:
    struct Link {
        std::string path;
        std::optional<std::string> before; ///< where it led; nothing: it was not there
    };

    UnixNode(Location where, std::string path, std::string aside)
        : where_(std::move(where)), path_(std::move(path)), aside_(std::move(aside)) {}
    void remove() const;
    void take_back() const;
    [[nodiscard]] bool is_there() const noexcept;
    [[nodiscard]] Status link_from(const std::string& link, mode_t directory_mode);
    void unlink_from(const Link& link, bool restore) const;

    Location where_;
    std::string path_;
    std::string aside_; // until keep()
    UniqueFd file_; // O_PATH: its inode cannot be given to another file meanwhile
    std::vector<Link> links_;
    bool remove_ = false;
    bool kept_ = false;
};

} // namespace swathe
