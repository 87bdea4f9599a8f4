#include "process/plan.h"

#include "base/text.h"
#include "model/expand.h"
#include "process/accounts.h"
#include "process/environment.h"
#include "process/environment_file.h"
#include "process/program.h"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

namespace swathe {
namespace {

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
