#include "process/plan.h"

#include "base/text.h"
#include "model/capabilities.h"
#include "model/expand.h"
#include "process/accounts.h"
#include "process/descriptor_limit.h"
#include "process/dynamic_user.h"
#include "process/environment.h"
#include "process/environment_file.h"
#include "process/program.h"
#include "process/scheduling.h"
#include "process/streams.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>
#include <unistd.h>

namespace swathe {
namespace {

tl::unexpected<SpawnError> refused(SpawnStep step, Error error) { return tl::unexpected(SpawnError{step, std::move(error)}); }

Result<std::optional<User>> user_of(const Service& service, const RunFacts& facts) {
    if (auto name = dynamic_user_of(service)) {
        if (!facts.dynamic_uid) return failure_at(service.pos, fmt::format("dynamic_user: nobody holds {}", quoted(*name)));
        return std::optional(User{std::move(*name), "/", "/usr/sbin/nologin", *facts.dynamic_uid, *facts.dynamic_uid});
    }
    if (!service.user && !service.dynamic_user) return std::optional<User>();
    auto found = look_up_user(service.user ? service.user->value : service.name); // that one exists, whatever dynamic_user says
    if (!found) return Failure(std::move(found).error().within("user").at(service.user ? service.user->pos : service.pos));
    return std::optional<User>(std::move(*found));
}

Result<std::string> directory_of(const Service& service, const std::optional<User>& user) {
    if (!service.working_directory) return std::string("/");
    if (service.working_directory->value != "~") return service.working_directory->value;
    if (user) return user->home.empty() ? Result<std::string>(failure("user " + quoted(user->name) + " has no home")) : user->home;
    auto own = look_up_user(std::to_string(::geteuid()));
    if (!own) return Failure(std::move(own).error());
    return own->home;
}

/// systemd.exec(5), SupplementaryGroups=: besides those that the user is in; without a user, only these.
Status add_groups(const Service& service, std::vector<gid_t>& groups) {
    for (const auto& name : service.supplementary_groups) {
        auto gid = look_up_group(name.value);
        if (!gid) return Failure(std::move(gid).error().within("supplementary_groups").at(name.pos));
        if (std::find(groups.begin(), groups.end(), *gid) == groups.end()) groups.push_back(*gid);
    }
    return {};
}

/// Who a service's processes are. systemd.exec(5), User= and Group=.
struct Credentials {
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
    std::optional<std::vector<gid_t>> groups;
};

Result<Credentials> credentials_of(const Service& service, const std::optional<User>& user) {
    Credentials out;
    const bool is_own_group = service.group && dynamic_user_of(service) == service.group->value;
    if (service.group && !is_own_group) {
        auto gid = look_up_group(service.group->value);
        if (!gid) return Failure(std::move(gid).error().within("group").at(service.group->pos));
        out.gid = *gid;
    }
    std::vector<gid_t> groups;
    if (user) {
        if (!out.gid) out.gid = user->gid;
        out.uid = user->uid;
        auto own = groups_of(*user, *out.gid);
        if (!own) return Failure(std::move(own).error().within("user").at(service.user ? service.user->pos : service.pos));
        groups = std::move(*own);
    }
    if (auto ok = add_groups(service, groups); !ok) return Failure(std::move(ok).error());
    const bool is_already = user && ::geteuid() != 0 && user->uid == ::geteuid(); // and may not call setgroups
    if ((user && !is_already) || !service.supplementary_groups.empty()) out.groups = std::move(groups);
    return out;
}

/// What stays would be somebody else's as soon as the number is.
Status check_directories(const Service& service) {
    if (!dynamic_user_of(service)) return {};
    std::vector<std::pair<const char*, const OwnDirectories*>> stay{{"state_directory", &service.state_directory},
                                                                    {"cache_directory", &service.cache_directory},
                                                                    {"logs_directory", &service.logs_directory}};
    if (service.runtime_directory_preserve != PreserveMode::no) stay.emplace_back("runtime_directory", &service.runtime_directory);
    for (const auto& [key, own] : stay)
        if (!own->names.empty())
            return failure_at(own->names.front().pos,
                              fmt::format("{}: stays, and needs a user that does: with dynamic_user, one of passwd(5)", key));
    return {};
}

/// The directories are the service's even where the command is not.
Status plan_credentials(const Service& service, const Command& command, const std::optional<User>& user, const RunFacts& facts,
                        SpawnPlan& plan) {
    auto who = credentials_of(service, user);
    if (!who) return Failure(std::move(who).error());
    if (auto ok = check_directories(service); !ok) return ok;
    plan.directories = own_directories_of(service, who->uid.value_or(::geteuid()), who->gid.value_or(::getegid()), facts.bases);
    if (command.privileged || command.keep_user) return {};
    plan.uid = who->uid;
    plan.gid = who->gid;
    plan.groups = std::move(who->groups);
    return {};
}

/// The service's own directories, which no protection takes from it. The configuration is not for it to write.
std::vector<std::string> own_paths(const SpawnPlan& plan) {
    std::vector<std::string> paths;
    for (const OwnDirectory& directory : plan.directories)
        if (!directory.keeps_owner) paths.push_back(fmt::format("{}/{}", directory.base, directory.name));
    return paths;
}

Result<FileVariables> read_environment_files(const Service& service) {
    FileVariables files;
    for (const EnvironmentFile& file : service.environment_files)
        if (auto ok = read_environment_file(file, files); !ok)
            return Failure(std::move(ok).error().within("environment_file").at(file.pos));
    return files;
}

Status look_up_environment(const Service& service, SpawnGrounds& grounds) {
    auto files = read_environment_files(service);
    if (!files) return Failure(std::move(files).error());
    for (const std::string& warning : files->warnings) grounds.plan.warnings.push_back("environment_file: " + warning);
    grounds.files = std::move(*files);
    grounds.plan.unset_environment = service.unset_environment;
    return {};
}

Status plan_directory(const Service& service, const std::optional<User>& user, SpawnPlan& plan) {
    auto directory = directory_of(service, user);
    if (!directory) return Failure(std::move(directory).error().within("working_directory").at(service.working_directory->pos));
    plan.working_directory = std::move(*directory);
    plan.working_directory_optional = service.working_directory_optional;
    return {};
}

/// A command that is not confined stays in our root, and enters the same directory from there.
Status plan_root(const Service& service, const Command& command, SpawnPlan& plan) {
    if (!service.root_directory || service.root_directory->value == "/") return {};
    if (!plan.directories.empty()) // nobody mounts them there
        return failure_at(service.root_directory->pos, "root_directory: the service's own directories would not be seen below it");
    if (command.privileged)
        plan.working_directory.insert(0, service.root_directory->value);
    else
        plan.root_directory = service.root_directory->value;
    return {};
}

Status plan_program(const Command& command, std::string_view key, SpawnPlan& plan) {
    auto path = find_program(command.path, plan.root_directory);
    if (!path) return Failure(std::move(path).error().within(std::string(key)).at(command.pos));
    plan.path = std::move(*path);
    return {};
}

Status plan_capabilities(const Service& service, SpawnPlan& plan) {
    plan.capability_bounding_set = service.capability_bounding_set;
    if (const CapabilitySet dropped = dropped_capabilities(service); dropped != 0)
        plan.capability_bounding_set = plan.capability_bounding_set.value_or(~CapabilitySet{0}) & ~dropped;
    plan.ambient_capabilities = service.ambient_capabilities;
    const CapabilitySet missing = plan.ambient_capabilities & ~plan.capability_bounding_set.value_or(~CapabilitySet{0});
    if (missing == 0) return {};
    const auto first = static_cast<unsigned>(std::countr_zero(missing));
    return failure_at(service.pos, fmt::format("ambient_capabilities: {} is not in capability_bounding_set", capability_name(first)));
}

/// Mounts are tried by the child alone: what can go wrong here is a system call filter.
Status plan_sandbox(const Service& service, const RunFacts& facts, SpawnPlan& plan) {
    plan.no_new_privileges = service.no_new_privileges;
    auto sandbox = swathe::plan_sandbox(service, {facts.tmp, facts.var_tmp, own_paths(plan)});
    if (!sandbox) return Failure(std::move(sandbox).error());
    plan.sandbox = std::move(*sandbox);
    plan.warnings.insert(plan.warnings.end(), plan.sandbox.filters->warnings.begin(), plan.sandbox.filters->warnings.end());
    return {};
}

/// What keeps a service from doing harm, and a "+" off.
tl::expected<void, SpawnError> plan_confinement(const Service& service, const RunFacts& facts, SpawnPlan& plan) {
    plan.limits = service.limits;
    if (auto ok = plan_capabilities(service, plan); !ok) return refused(SpawnStep::capabilities, std::move(ok).error());
    if (auto ok = plan_sandbox(service, facts, plan); !ok) return refused(SpawnStep::seccomp, std::move(ok).error());
    return {};
}

} // namespace

RunFacts facts_of_check(const Service& service) {
    RunFacts facts;
    if (dynamic_user_of(service)) facts.dynamic_uid = DynamicUser::kFirst; // any
    return facts;
}

tl::expected<SpawnGrounds, SpawnError> look_up_grounds(const Service& service, const Command& command, std::string_view key,
                                                       const RunFacts& facts) {
    SpawnGrounds grounds;
    SpawnPlan& plan = grounds.plan;
    auto user = user_of(service, facts);
    if (!user) return refused(SpawnStep::user, std::move(user).error());
    if (auto ok = plan_credentials(service, command, *user, facts, plan); !ok) return refused(SpawnStep::group, std::move(ok).error());
    if (auto ok = plan_directory(service, *user, plan); !ok) return refused(SpawnStep::chdir, std::move(ok).error());
    if (auto ok = plan_root(service, command, plan); !ok) return refused(SpawnStep::chroot, std::move(ok).error());
    if (auto ok = plan_program(command, key, plan); !ok) return refused(SpawnStep::exec, std::move(ok).error());
    if (auto ok = look_up_environment(service, grounds); !ok) return refused(SpawnStep::none, std::move(ok).error());
    if (!command.privileged)
        if (auto ok = plan_confinement(service, facts, plan); !ok) return tl::unexpected(std::move(ok).error());
    if (!plan.limits[RLIMIT_NOFILE]) plan.limits[RLIMIT_NOFILE] = inherited_descriptor_limit();
    plan_streams(service, plan);
    plan_scheduling(service, plan);
    plan.non_blocking = service.non_blocking;
    plan.umask = service.umask;
    plan.oom_score_adjust = service.oom_score_adjust;
    plan.ignore_sigpipe = service.ignore_sigpipe;
    grounds.user = std::move(*user);
    return grounds;
}

SpawnPlan plan_on(SpawnGrounds grounds, const Service& service, const Command& command, const RunFacts& facts) {
    SpawnPlan plan = std::move(grounds.plan);
    plan.env = environment_of(service, grounds.user, grounds.files, facts);
    plan.argv = expand_words(command, [&](std::string_view name) { return value_of(plan.env, name); });
    return plan;
}

tl::expected<SpawnPlan, SpawnError> plan_spawn(const Service& service, const Command& command, std::string_view key,
                                               const RunFacts& facts) {
    auto grounds = look_up_grounds(service, command, key, facts);
    if (!grounds) return tl::unexpected<SpawnError>(std::move(grounds).error());
    return plan_on(std::move(*grounds), service, command, facts);
}

} // namespace swathe
