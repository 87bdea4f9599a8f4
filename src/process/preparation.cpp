#include "process/preparation.h"

#include "process/invocation_id.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fmt/format.h>
#include <sys/stat.h>

namespace swathe {
namespace {

bool is_set(const std::vector<std::string>& env, std::string_view name) {
    return std::any_of(env.begin(), env.end(), [&](const std::string& entry) {
        return entry.size() > name.size() && entry[name.size()] == '=' && entry.compare(0, name.size(), name) == 0;
    });
}

bool is_fd_name(std::string_view name) {
    return name.size() <= kLongestFdName &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c < '\x7f' && c != ':'; });
}

tl::expected<void, SpawnError> prepare_fds(const SpawnPlan& plan, Prepared& prepared) {
    for (const PassedFd& passed : plan.fds) {
        struct stat status {};
        if (::fstat(passed.fd, &status) != 0) return spawn_failure(SpawnStep::fds, "descriptor " + passed.name, errno);
        if (!is_fd_name(passed.name)) return spawn_failure(SpawnStep::fds, "not a name for a descriptor", EINVAL);
        prepared.fds.push_back({passed.fd, S_ISSOCK(status.st_mode)});
    }
    return {};
}

std::string joined_names(const std::vector<PassedFd>& fds) {
    std::string names;
    for (const PassedFd& passed : fds) {
        if (&passed != &fds.front()) names += ':';
        names += passed.name;
    }
    return names;
}

/// What the plan sets wins over what is generated here (systemd's order, COMPAT 2.13).
tl::expected<void, SpawnError> prepare_env(const SpawnPlan& plan, Prepared& prepared) {
    prepared.env = plan.env;
    const auto generate = [&](const char* name, const std::string& value) {
        if (!is_set(plan.env, name)) prepared.env.push_back(fmt::format("{}={}", name, value));
    };
    auto id = new_invocation_id();
    if (!id) return tl::unexpected<SpawnError>(SpawnError{SpawnStep::none, std::move(id).error()});
    generate("INVOCATION_ID", *id);
    if (plan.fds.empty()) return {};
    generate("LISTEN_FDS", std::to_string(plan.fds.size()));
    generate("LISTEN_FDNAMES", joined_names(plan.fds));
    if (!is_set(plan.env, "LISTEN_PID")) prepared.listen_pid = "LISTEN_PID=" + std::string(11, '\0');
    return {};
}

char* as_argument(const std::string& text) noexcept {
    return const_cast<char*>(text.c_str()); // execve(2) takes them as such and writes to none
}

} // namespace

tl::expected<void, SpawnError> prepare(const SpawnPlan& plan, Prepared& prepared) {
    if (auto ok = prepare_fds(plan, prepared); !ok) return ok;
    if (auto ok = prepare_env(plan, prepared); !ok) return ok;
    if (plan.oom_score_adjust) prepared.oom_score_adjust = std::to_string(*plan.oom_score_adjust);
    for (const std::string& word : plan.argv) prepared.argv.push_back(as_argument(word));
    for (const std::string& entry : prepared.env) prepared.envp.push_back(as_argument(entry));
    if (!prepared.listen_pid.empty()) prepared.envp.push_back(prepared.listen_pid.data());
    prepared.argv.push_back(nullptr);
    prepared.envp.push_back(nullptr);
    return {};
}

ChildSetup setup_of(const SpawnPlan& plan, Prepared& prepared) {
    ChildSetup setup;
    setup.path = plan.path.c_str();
    setup.argv = prepared.argv.data();
    setup.envp = prepared.envp.data();
    if (!prepared.listen_pid.empty()) setup.listen_pid = prepared.listen_pid.data() + std::strlen("LISTEN_PID=");
    setup.cgroup = plan.cgroup_fd;
    setup.fds = prepared.fds.data();
    setup.fd_count = static_cast<unsigned>(prepared.fds.size());
    setup.set_groups = plan.groups.has_value();
    setup.set_gid = plan.gid.has_value();
    setup.set_uid = plan.uid.has_value();
    if (plan.groups) setup.groups = plan.groups->data();
    if (plan.groups) setup.group_count = plan.groups->size();
    setup.gid = plan.gid.value_or(0);
    setup.uid = plan.uid.value_or(0);
    setup.limits = &plan.limits;
    setup.oom_score_adjust = prepared.oom_score_adjust;
    setup.nice = plan.nice;
    setup.no_new_privileges = plan.no_new_privileges;
    setup.umask = plan.umask;
    setup.working_directory = plan.working_directory.c_str();
    setup.working_directory_optional = plan.working_directory_optional;
    return setup;
}

} // namespace swathe
