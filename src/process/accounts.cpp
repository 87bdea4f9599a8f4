#include "process/accounts.h"

#include "base/text.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>

#include <grp.h>
#include <pwd.h>

namespace swathe {
namespace {

constexpr std::size_t kFirstRecordBytes = 1024;
constexpr std::size_t kLongestRecordBytes = 1024UL * 1024; // of a user or group; one with all its members

/// Calls a getXXnam_r-like function with a buffer that grows while it is too small. False with 0: no such entry.
template <class Record, class Look> Result<bool> look_up(Record& record, std::vector<char>& buffer, Look look) {
    for (buffer.resize(kFirstRecordBytes);; buffer.resize(buffer.size() * 4)) {
        Record* found = nullptr;
        const int error = look(&record, buffer.data(), buffer.size(), &found);
        if (found != nullptr) return true;
        if (error == EINTR) continue;
        if (error == ERANGE && buffer.size() < kLongestRecordBytes) continue;
        // getpwnam_r(3): "not found" comes as any of these
        if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) return false;
        return failure("look-up", error);
    }
}

/// A user or group number. -1 and 65535, its 16-bit form, mean "unchanged" to the kernel and are nobody's.
std::optional<std::uint32_t> as_id(const std::string& text) {
    std::uint32_t id = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, id);
    if (error != std::errc() || stop != end || id == UINT32_MAX || id == UINT16_MAX) return std::nullopt;
    return id;
}

} // namespace

Result<User> look_up_user(const std::string& who) {
    passwd record{};
    std::vector<char> buffer;
    const auto id = as_id(who);
    auto found = look_up(record, buffer, [&](passwd* out, char* space, std::size_t size, passwd** result) {
        return id ? ::getpwuid_r(*id, out, space, size, result) : ::getpwnam_r(who.c_str(), out, space, size, result);
    });
    if (!found) return Failure(std::move(found).error().within("user " + quoted(who)));
    if (!*found) return failure("no such user: " + quoted(who));
    return User{record.pw_name, record.pw_dir, record.pw_shell, record.pw_uid, record.pw_gid};
}

Result<gid_t> look_up_group(const std::string& which) {
    group record{};
    std::vector<char> buffer;
    const auto id = as_id(which);
    auto found = look_up(record, buffer, [&](group* out, char* space, std::size_t size, group** result) {
        return id ? ::getgrgid_r(*id, out, space, size, result) : ::getgrnam_r(which.c_str(), out, space, size, result);
    });
    if (!found) return Failure(std::move(found).error().within("group " + quoted(which)));
    if (!*found) return failure("no such group: " + quoted(which));
    return record.gr_gid;
}

Result<std::vector<gid_t>> groups_of(const User& user, gid_t gid) {
    std::vector<gid_t> groups(64);
    auto count = static_cast<int>(groups.size());
    while (::getgrouplist(user.name.c_str(), gid, groups.data(), &count) < 0) {
        if (groups.size() >= kMostGroups) return failure("user " + quoted(user.name) + " is in too many groups");
        groups.resize(std::max(static_cast<std::size_t>(count), groups.size() * 2)); // `count` is what it needs
        count = static_cast<int>(groups.size());
    }
    groups.resize(static_cast<std::size_t>(count));
    return groups;
}

} // namespace swathe
