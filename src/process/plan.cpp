#include "process/spawn.h"

#include "base/text.h"
#include "model/expand.h"
#include "process/environment_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr std::size_t kFirstRecordBytes = 1024;
constexpr std::size_t kLongestRecordBytes = 1024UL * 1024; // of a user or group; one with all its members

struct User {
    std::string name, home, shell;
    uid_t uid = 0;
    gid_t gid = 0;
};

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

/// `who`: name or number.
Result<User> find_user(const std::string& who) {
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

Result<gid_t> find_group(const std::string& which) {
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

Result<std::string> executable_at(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return system_failure(quoted(path));
    if (!S_ISREG(status.st_mode)) return failure(quoted(path) + " is not a regular file");
    if ((status.st_mode & 0111U) == 0) return failure(quoted(path) + " is not executable", EACCES);
    return path;
}

/// COMPAT 2.12: absolute, or a bare name in systemd's compiled-in search path.
Result<std::string> find_program(const std::string& path) {
    if (!path.empty() && path.front() == '/') return executable_at(path);
    if (path.empty() || path.find('/') != path.npos) return failure(quoted(path) + " is neither an absolute path nor a bare file name");
    for (const std::string_view directory : split(kSearchPath, ':'))
        if (auto found = executable_at(std::string(directory) + '/' + path)) return found;
    return failure(quoted(path) + " is not in " + kSearchPath);
}

/// The environment before it is written down; a later value replaces an earlier one in its place.
class Environment {
public:
    void set(const std::string& name, const std::string& value) {
        const auto old = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.first == name; });
        if (old != entries_.end())
            old->second = value;
        else
            entries_.emplace_back(name, value);
    }
    [[nodiscard]] std::vector<std::string> written() const {
        std::vector<std::string> all;
        for (const auto& [name, value] : entries_) all.push_back(name + '=' + value);
        return all;
    }

private:
    std::vector<std::pair<std::string, std::string>> entries_;
};

/// systemd.exec(5), "Environment variables in spawned processes": a home of "/" and a shell that lets nobody in say nothing.
void add_user(Environment& env, const User& user) {
    env.set("USER", user.name);
    env.set("LOGNAME", user.name);
    if (!user.home.empty() && user.home != "/") env.set("HOME", user.home);
    const std::string shell = user.shell.substr(user.shell.rfind('/') + 1);
    if (!shell.empty() && shell != "nologin" && shell != "false" && shell != "true") env.set("SHELL", user.shell);
}

std::vector<std::string> environment_of(const Service& service, const std::optional<User>& user, const FileVariables& files,
                                        const RunFacts& facts) {
    Environment env;
    env.set("PATH", kSearchPath);
    if (const char* lang = std::getenv("LANG"); lang != nullptr) env.set("LANG", lang); // NOLINT(concurrency-mt-unsafe): nobody sets
    if (service.effective_notify_access() != NotifyAccess::none) env.set("NOTIFY_SOCKET", facts.notify_path);
    if (user) add_user(env, *user);
    for (const auto& [name, value] : facts.variables) env.set(name, value);
    for (const auto& [name, value] : service.environment) env.set(name, value);
    for (const auto& [name, value] : files.variables) env.set(name, value);
    return env.written();
}

Result<std::string> directory_of(const Service& service, const std::optional<User>& user) {
    if (!service.working_directory) return std::string("/");
    if (service.working_directory->value != "~") return service.working_directory->value;
    if (user) return user->home.empty() ? Result<std::string>(failure("user " + quoted(user->name) + " has no home")) : user->home;
    auto own = find_user(std::to_string(::geteuid()));
    if (!own) return Failure(std::move(own).error());
    return own->home;
}

/// systemd.exec(5), SupplementaryGroups=: besides those that the user is in; without a user, only these.
Status add_groups(const Service& service, std::vector<gid_t>& groups) {
    for (const auto& name : service.supplementary_groups) {
        auto gid = find_group(name.value);
        if (!gid) return Failure(std::move(gid).error().within("supplementary_groups").at(name.pos));
        if (std::find(groups.begin(), groups.end(), *gid) == groups.end()) groups.push_back(*gid);
    }
    return {};
}

Status plan_credentials(const Service& service, const std::optional<User>& user, SpawnPlan& plan) {
    if (service.group) {
        auto gid = find_group(service.group->value);
        if (!gid) return Failure(std::move(gid).error().within("group").at(service.group->pos));
        plan.gid = *gid;
    }
    std::vector<gid_t> groups;
    if (user) {
        if (!plan.gid) plan.gid = user->gid;
        plan.uid = user->uid;
        auto own = groups_of(*user, *plan.gid);
        if (!own) return Failure(std::move(own).error().within("user").at(service.user->pos));
        groups = std::move(*own);
    }
    if (auto ok = add_groups(service, groups); !ok) return ok;
    const bool is_already = user && ::geteuid() != 0 && user->uid == ::geteuid(); // and may not call setgroups
    if ((user && !is_already) || !service.supplementary_groups.empty()) plan.groups = std::move(groups);
    return {};
}

/// The limit of descriptors that this process was started with, once raise_descriptor_limit() has changed it.
std::optional<rlimit>& inherited_limit() noexcept {
    static std::optional<rlimit> limit;
    return limit;
}

Result<FileVariables> read_environment_files(const Service& service) {
    FileVariables files;
    for (const EnvironmentFile& file : service.environment_files)
        if (auto ok = read_environment_file(file, files); !ok)
            return Failure(std::move(ok).error().within("environment_file").at(file.pos));
    return files;
}

/// What LISTEN_FDS and its kin will be is not known yet: to a command line they are unset.
std::optional<std::string> value_of(const std::vector<std::string>& env, std::string_view name) {
    for (auto entry = env.rbegin(); entry != env.rend(); ++entry) // later wins
        if (entry->size() > name.size() && entry->starts_with(name) && (*entry)[name.size()] == '=') return entry->substr(name.size() + 1);
    return std::nullopt;
}

} // namespace

Result<SpawnPlan> plan_spawn(const Service& service, const Command& command, std::string_view key, const RunFacts& facts) {
    SpawnPlan plan;
    auto path = find_program(command.path);
    if (!path) return Failure(std::move(path).error().within(std::string(key)).at(command.pos));
    plan.path = std::move(*path);

    std::optional<User> user;
    if (service.user) {
        auto found = find_user(service.user->value);
        if (!found) return Failure(std::move(found).error().within("user").at(service.user->pos));
        user = std::move(*found);
    }
    if (auto ok = plan_credentials(service, user, plan); !ok) return Failure(std::move(ok).error());

    auto directory = directory_of(service, user);
    if (!directory) return Failure(std::move(directory).error().within("working_directory").at(service.working_directory->pos));
    plan.working_directory = std::move(*directory);
    plan.working_directory_optional = service.working_directory_optional;
    auto files = read_environment_files(service);
    if (!files) return Failure(std::move(files).error());
    for (const std::string& warning : files->warnings) plan.warnings.push_back("environment_file: " + warning);
    plan.env = environment_of(service, user, *files, facts);
    plan.argv = expand_words(command, [&](std::string_view name) { return value_of(plan.env, name); });
    plan.umask = service.umask;
    plan.nice = service.nice;
    plan.oom_score_adjust = service.oom_score_adjust;
    plan.no_new_privileges = service.no_new_privileges;
    plan.limits = service.limits;
    if (!plan.limits[RLIMIT_NOFILE]) plan.limits[RLIMIT_NOFILE] = inherited_limit();
    return plan;
}

void raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max) return;
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) inherited_limit() = limit;
}

Diagnostics check_service(const Service& service) {
    Diagnostics found;
    const auto refuse = [&](Error error, const std::string& key, const SourcePos& pos) {
        found.push_back({Diagnostic::Severity::error, std::move(error).within(key).at(pos)});
    };
    for (const auto& [key, commands] : commands_of(service))
        for (const Command& command : *commands)
            if (auto path = find_program(command.path); !path) refuse(std::move(path).error(), std::string(key), command.pos);
    if (service.user)
        if (auto user = find_user(service.user->value); !user) refuse(std::move(user).error(), "user", service.user->pos);
    if (service.group)
        if (auto group = find_group(service.group->value); !group) refuse(std::move(group).error(), "group", service.group->pos);
    for (const auto& name : service.supplementary_groups)
        if (auto group = find_group(name.value); !group) refuse(std::move(group).error(), "supplementary_groups", name.pos);
    if (!found.empty()) return found;
    if (auto plan = plan_spawn(service, service.exec_start.front(), "exec_start", {}); !plan)
        found.push_back({Diagnostic::Severity::error, std::move(plan).error()});
    return found;
}

Status check_plan(const SpawnPlan& plan, const Service& service) {
    if (plan.working_directory_optional) return {};
    const SourcePos where = service.working_directory ? service.working_directory->pos : service.pos;
    struct stat status {};
    if (::stat(plan.working_directory.c_str(), &status) != 0) {
        if (errno == EACCES) return {}; // the service's user may see more
        return Failure(Error{"working_directory: " + quoted(plan.working_directory), errno, where});
    }
    if (!S_ISDIR(status.st_mode)) return failure_at(where, "working_directory: " + quoted(plan.working_directory) + " is not a directory");
    return {};
}

} // namespace swathe
