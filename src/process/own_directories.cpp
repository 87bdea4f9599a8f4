#include "process/own_directories.h"

#include "base/text.h"
#include "base/unique_fd.h"
#include "model/exec_context.h"

#include <array>
#include <cerrno>
#include <functional>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr mode_t kParentMode = 0755;

struct Kind {
    OwnDirectories ExecContext::*wanted;
    std::string BaseDirectories::*base;
    const char* variable;
    SpawnStep step;
};
constexpr std::array kKinds{
    Kind{&ExecContext::runtime_directory, &BaseDirectories::runtime, "RUNTIME_DIRECTORY", SpawnStep::runtime_directory},
    Kind{&ExecContext::state_directory, &BaseDirectories::state, "STATE_DIRECTORY", SpawnStep::state_directory},
    Kind{&ExecContext::cache_directory, &BaseDirectories::cache, "CACHE_DIRECTORY", SpawnStep::cache_directory},
    Kind{&ExecContext::logs_directory, &BaseDirectories::logs, "LOGS_DIRECTORY", SpawnStep::logs_directory},
    Kind{&ExecContext::configuration_directory, &BaseDirectories::configuration, "CONFIGURATION_DIRECTORY",
         SpawnStep::configuration_directory},
};

std::string path_of(const OwnDirectory& directory) { return directory.base + '/' + directory.name; }

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { (void)::closedir(directory); }
};

/// Calls `visit` with the name of each entry of `directory`, until one fails.
Status for_each_entry(UniqueFd directory, const std::function<Status(int at, const char* name)>& visit) {
    const std::unique_ptr<DIR, CloseDirectory> entries(::fdopendir(directory.get()));
    if (!entries) return system_failure("fdopendir");
    (void)directory.release(); // the stream's now
    for (;;) {
        errno = 0;
        const dirent* const entry = ::readdir(entries.get()); // NOLINT(concurrency-mt-unsafe): the stream is ours alone
        if (entry == nullptr) return errno == 0 ? Status{} : Status(system_failure("readdir"));
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        if (auto ok = visit(::dirfd(entries.get()), entry->d_name); !ok) return ok;
    }
}

struct Owner {
    uid_t uid;
    gid_t gid;
};

/// Gives what is below `directory` and `from`'s to `to`. What belongs to others is left: it may be a hard link to anything.
Status give_away(UniqueFd directory, const Owner& from, const Owner& to, dev_t device, unsigned depth) { // NOLINT(misc-no-recursion)
    if (depth == kDeepestTree) return failure("nested too deeply", ELOOP);
    return for_each_entry(std::move(directory), [&](int at, const char* name) -> Status {
        const UniqueFd entry(::openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
        struct stat status {};
        if (!entry || ::fstat(entry.get(), &status) != 0) return errno == ENOENT ? Status{} : Status(system_failure(quoted(name)));
        if (status.st_dev != device) return {};
        if (S_ISDIR(status.st_mode)) {
            UniqueFd below(::openat(entry.get(), ".", kDirectory));
            if (!below) return system_failure(quoted(name));
            if (auto ok = give_away(std::move(below), from, to, device, depth + 1); !ok) return ok;
        }
        if (status.st_uid == from.uid && ::fchownat(entry.get(), "", to.uid, to.gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0)
            return system_failure("chown " + quoted(name));
        return {};
    });
}

/// The owner of the top changes last: if something fails on the way, the next start tries again.
Status settle(UniqueFd top, const OwnDirectory& wanted) {
    struct stat status {};
    if (::fstat(top.get(), &status) != 0) return system_failure("fstat");
    if (!wanted.keeps_owner && (status.st_uid != wanted.uid || status.st_gid != wanted.gid)) {
        UniqueFd below(::openat(top.get(), ".", kDirectory));
        if (!below) return system_failure("open");
        const Owner from{status.st_uid, status.st_gid};
        const Owner to{wanted.uid, wanted.gid};
        if (auto ok = give_away(std::move(below), from, to, status.st_dev, 0); !ok) return ok;
        if (::fchown(top.get(), wanted.uid, wanted.gid) != 0) return system_failure("chown");
    }
    if ((status.st_mode & 07777U) != wanted.mode && ::fchmod(top.get(), wanted.mode) != 0) return system_failure("chmod");
    return {};
}

/// Enters the directory `name` of `at`. If it is not there, it is made with `mode`, whatever this process's umask says.
Result<UniqueFd> enter_or_make(const UniqueFd& at, const std::string& name, mode_t mode) {
    const bool made = ::mkdirat(at.get(), name.c_str(), mode) == 0;
    if (!made && errno != EEXIST) return system_failure("mkdir " + quoted(name));
    UniqueFd entered(::openat(at.get(), name.c_str(), kDirectory));
    if (!entered) return system_failure(quoted(name));
    if (made && ::fchmod(entered.get(), mode) != 0) return system_failure("chmod " + quoted(name));
    return entered;
}

UniqueFd open_base(const std::string& base) { return UniqueFd(::open(base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }

Status make_below(UniqueFd at, const OwnDirectory& directory) {
    const auto parts = split(directory.name, '/');
    for (const std::string_view& part : parts) {
        const bool last = &part == &parts.back();
        auto next = enter_or_make(at, std::string(part), last ? directory.mode & 0700U : kParentMode); // nobody else's before it is settled
        if (!next) return Failure(std::move(next).error());
        at = std::move(*next);
    }
    return settle(std::move(at), directory);
}

/// Removes `name` of `at` with what is in it.
Status remove_tree(int at, const char* name, dev_t device, unsigned depth) { // NOLINT(misc-no-recursion)
    if (::unlinkat(at, name, 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR) return system_failure(quoted(name));
    if (depth == kDeepestTree) return failure("nested too deeply", ELOOP);
    UniqueFd inside(::openat(at, name, kDirectory));
    struct stat status {};
    if (!inside || ::fstat(inside.get(), &status) != 0) return system_failure(quoted(name));
    if (status.st_dev != device) return failure(quoted(name) + " is a mount point", EBUSY);
    auto ok = for_each_entry(std::move(inside), [&](int below, const char* entry) { return remove_tree(below, entry, device, depth + 1); });
    if (!ok) return ok;
    if (::unlinkat(at, name, AT_REMOVEDIR) != 0 && errno != ENOENT) return system_failure(quoted(name));
    return {};
}

/// Only the last part of `name` is removed: its parents may be others', too (systemd.exec(5)).
Status remove_below(const std::string& base, const std::string& name) {
    UniqueFd at = open_base(base);
    const auto parts = split(name, '/');
    for (std::size_t i = 0; at && i + 1 < parts.size(); ++i) at = UniqueFd(::openat(at.get(), std::string(parts[i]).c_str(), kDirectory));
    struct stat status {};
    if (!at || ::fstat(at.get(), &status) != 0) return errno == ENOENT ? Status{} : Status(system_failure("open"));
    return remove_tree(at.get(), std::string(parts.back()).c_str(), status.st_dev, 0);
}

} // namespace

std::vector<OwnDirectory> own_directories_of(const ExecContext& context, uid_t uid, gid_t gid, const BaseDirectories& bases) {
    std::vector<OwnDirectory> all;
    for (const Kind& kind : kKinds)
        for (const auto& name : (context.*kind.wanted).names)
            all.push_back({bases.*kind.base, name.value, (context.*kind.wanted).mode, uid, gid,
                           kind.step == SpawnStep::configuration_directory, kind.step});
    return all;
}

std::vector<std::pair<std::string, std::string>> directory_variables(const ExecContext& context, const BaseDirectories& bases) {
    std::vector<std::pair<std::string, std::string>> variables;
    for (const Kind& kind : kKinds) {
        std::string paths;
        for (const auto& name : (context.*kind.wanted).names) paths += (paths.empty() ? "" : ":") + bases.*kind.base + '/' + name.value;
        if (!paths.empty()) variables.emplace_back(kind.variable, std::move(paths));
    }
    return variables;
}

Status make_directory(const OwnDirectory& directory) {
    UniqueFd base = open_base(directory.base);
    Status made = base ? make_below(std::move(base), directory) : Status(system_failure("open " + directory.base));
    if (!made) return Failure(std::move(made).error().within(path_of(directory)));
    return made;
}

Status remove_runtime_directories(const ExecContext& context, bool restarts, const BaseDirectories& bases) {
    Status result;
    const bool kept = context.runtime_directory_preserve == PreserveMode::yes ||
                      (context.runtime_directory_preserve == PreserveMode::restart && restarts);
    if (kept) return result;
    for (const auto& name : context.runtime_directory.names) {
        Status removed = remove_below(bases.runtime, name.value);
        if (!removed && result)
            result = Failure(std::move(removed).error().within("runtime_directory " + bases.runtime + '/' + name.value));
    }
    return result;
}

} // namespace swathe
