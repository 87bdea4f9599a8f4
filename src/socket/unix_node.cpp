#include "socket/unix_node.h"

#include "base/text.h"

#include <climits>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe {
namespace {

bool same_file(const struct stat& a, const struct stat& b) noexcept { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

std::optional<std::string> target_of(const Location& link) {
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(link.directory.get(), link.name.c_str(), target, sizeof target);
    if (size < 0) return std::nullopt;
    return std::string(target, static_cast<std::size_t>(size));
}

} // namespace

/// link(2), since it never takes another's place.
void put_back(const Location& where, const std::string& aside) noexcept {
    (void)::linkat(where.directory.get(), aside.c_str(), where.directory.get(), where.name.c_str(), 0);
    (void)::unlinkat(where.directory.get(), aside.c_str(), 0);
}

Result<std::unique_ptr<UnixNode>> UnixNode::adopt(Location where, const std::string& path, std::string aside) {
    auto node = std::unique_ptr<UnixNode>(new UnixNode(std::move(where), path, std::move(aside)));
    node->file_.reset(::openat(node->where_.directory.get(), node->where_.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!node->file_) return system_failure(path);
    struct stat own {}, named {};
    if (::fstat(node->file_.get(), &own) < 0 || ::stat(path.c_str(), &named) < 0) return system_failure(path);
    if (!S_ISSOCK(own.st_mode) || !same_file(own, named))
        return failure(fmt::format("{}: somebody has changed the way to it meanwhile", path));
    return node;
}

UnixNode::~UnixNode() {
    if (!kept_)
        take_back();
    else if (remove_ && is_there())
        remove();
}

void UnixNode::keep() noexcept {
    kept_ = true;
    if (!aside_.empty()) (void)::unlinkat(where_.directory.get(), aside_.c_str(), 0);
    aside_.clear();
}

void UnixNode::remove() const {
    for (const Link& link : links_) unlink_from(link, false);
    (void)::unlinkat(where_.directory.get(), where_.name.c_str(), 0);
}

/// Links that led here before are those of the socket that comes back.
void UnixNode::take_back() const {
    if (is_there()) {
        for (const Link& link : links_)
            if (link.before != path_) unlink_from(link, true);
        (void)::unlinkat(where_.directory.get(), where_.name.c_str(), 0);
    }
    if (!aside_.empty()) put_back(where_, aside_);
}

bool UnixNode::is_there() const noexcept {
    struct stat own {}, named {};
    return ::fstat(file_.get(), &own) == 0 && ::fstatat(where_.directory.get(), where_.name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           same_file(own, named);
}

Status UnixNode::follow(const Listener& listener, const NodeOwner& owner) {
    if (::fchownat(file_.get(), "", owner.uid, owner.gid, AT_EMPTY_PATH) < 0) return system_failure(fmt::format("{}: chown", path_));
    if (auto set = set_mode(file_.get(), listener.socket_mode); !set) return Failure(std::move(set).error().within(path_));
    remove_ = listener.remove_on_stop;
    for (const auto& link : listener.symlinks)
        if (auto linked = link_from(link.value, listener.directory_mode); !linked)
            return Failure(std::move(linked).error().within(fmt::format("symbolic link {}", link.value)));
    return {};
}

/// Another symbolic link gives way: an earlier configuration had it. Anything else stays.
Status UnixNode::link_from(const std::string& link, mode_t directory_mode) {
    auto where = locate(link, directory_mode);
    if (!where) return Failure(std::move(where).error());
    auto target = target_of(*where);
    if (target && *target != path_ && ::unlinkat(where->directory.get(), where->name.c_str(), 0) < 0) return system_failure("unlink");
    if (target != path_ && ::symlinkat(path_.c_str(), where->directory.get(), where->name.c_str()) < 0) return system_failure("symlink");
    links_.push_back({link, std::move(target)});
    return {};
}

void UnixNode::unlink_from(const Link& link, bool restore) const {
    const auto where = locate(link.path, std::nullopt);
    if (!where || target_of(*where) != path_) return;
    (void)::unlinkat(where->directory.get(), where->name.c_str(), 0);
    if (restore && link.before) (void)::symlinkat(link.before->c_str(), where->directory.get(), where->name.c_str());
}

} // namespace swathe
