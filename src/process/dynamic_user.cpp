#include "process/dynamic_user.h"

#include "base/text.h"
#include "model/service.h"
#include "process/accounts.h"
#include "process/ipc_objects.h"

#include <cerrno>
#include <map>
#include <mutex>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace swathe {
namespace {

struct Held {
    std::mutex mutex;
    std::map<std::string, std::weak_ptr<const DynamicUser>> users;
};

Held& held() {
    static Held all;
    return all;
}

Status make_directory_of_locks(const std::string& path) {
    constexpr mode_t kMode = 0755;
    const std::string parent = path.substr(0, path.rfind('/'));
    for (const std::string& directory : {parent, path})
        if (::mkdir(directory.c_str(), kMode) < 0 && errno != EEXIST) return system_failure(directory);
    return {};
}

/// Where the search for a free number begins: FNV-1a, so that it is the same after a restart of the daemon.
uid_t first_choice(const std::string& name) noexcept {
    std::uint32_t hash = 2166136261U;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return DynamicUser::kFirst + hash % (DynamicUser::kLast - DynamicUser::kFirst + 1);
}

/// The file that stands for a number, locked; empty: somebody else has it. Who gives a number back removes the file, so that one
/// that was locked too late is no longer the one of that name.
UniqueFd lock_number(const std::string& path) {
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) < 0) return UniqueFd();
    struct stat status {};
    if (::fstat(file.get(), &status) < 0 || status.st_nlink == 0) return UniqueFd();
    return file;
}

bool is_an_account(uid_t uid) {
    const std::string number = std::to_string(uid);
    return look_up_user(number).has_value() || look_up_group(number).has_value();
}

} // namespace

Result<std::shared_ptr<const DynamicUser>> DynamicUser::hold(const std::string& name, const std::string& directory) {
    const std::scoped_lock lock(held().mutex);
    std::weak_ptr<const DynamicUser>& known = held().users[directory + '/' + name];
    if (auto user = known.lock()) return user;
    if (auto ok = make_directory_of_locks(directory); !ok) return Failure(std::move(ok).error());
    const uid_t first = first_choice(name);
    for (uid_t tried = 0; tried <= kLast - kFirst; ++tried) {
        const uid_t uid = kFirst + (first - kFirst + tried) % (kLast - kFirst + 1);
        const std::string path = fmt::format("{}/{}", directory, uid);
        UniqueFd file = lock_number(path);
        if (!file || is_an_account(uid)) continue;
        if (::ftruncate(file.get(), 0) < 0 || ::write(file.get(), name.data(), name.size()) < 0) return system_failure(path);
        const std::shared_ptr<const DynamicUser> user(new DynamicUser(uid, std::move(file), path));
        known = user;
        return user;
    }
    return failure(fmt::format("no number from {} to {} is free for user {}", kFirst, kLast, quoted(name)));
}

std::optional<std::string> dynamic_user_of(const Service& service) {
    if (!service.dynamic_user) return std::nullopt;
    const std::string& name = service.user ? service.user->value : service.name;
    const auto account = look_up_user(name);
    const bool absent = !account && account.error().errno_value == 0; // else it is not known whose name it is
    return absent ? std::optional(name) : std::nullopt;
}

DynamicUser::~DynamicUser() {
    (void)remove_ipc_objects(uid_);
    (void)::unlink(path_.c_str());
}

} // namespace swathe
