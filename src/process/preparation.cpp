#include "process/preparation.h"

#include "process/ignored_signals.h"
#include "process/invocation_id.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <sys/stat.h>

namespace swathe {
namespace {

constexpr std::size_t kPidDigits = 11; // and a NUL

bool is_set(const std::vector<std::string>& env, std::string_view name) {
    return std::any_of(env.begin(), env.end(), [&](const std::string& entry) {
        return entry.size() > name.size() && entry[name.size()] == '=' && entry.compare(0, name.size(), name) == 0;
    });
}

bool is_fd_name(std::string_view name) {
    return name.size() <= kLongestFdName &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c < '\x7f' && c != ':'; });
}

using Prepare = tl::expected<void, SpawnError>;

Result<InheritedFd> inherited(const PassedFd& passed) {
    if (passed.is_connection) return InheritedFd{passed.fd, true};
    struct stat status {};
    if (::fstat(passed.fd, &status) != 0) return system_failure("descriptor");
    return InheritedFd{passed.fd, S_ISSOCK(status.st_mode), passed.in_use};
}

Prepare prepare_fds(const SpawnPlan& plan, Prepared& prepared) {
    for (const PassedFd& passed : plan.fds) {
        auto fd = inherited(passed);
        if (!fd) return spawn_failure(SpawnStep::fds, "descriptor " + passed.name, fd.error().errno_value);
        if (!is_fd_name(passed.name)) return spawn_failure(SpawnStep::fds, "not a name for a descriptor", EINVAL);
        prepared.fds.push_back(*fd);
    }
    return {};
}

/// Requires that prepare_fds() has been.
Prepare prepare_stream(const SpawnPlan& plan, const StreamSource& source, int log_fd, const Prepared& prepared, StreamSetup& out) {
    using From = StreamSetup::From;
    switch (source.kind) {
    case StreamSource::Kind::null: out.from = From::null; return {};
    case StreamSource::Kind::input: out.from = From::input; return {};
    case StreamSource::Kind::output: out.from = From::output; return {};
    case StreamSource::Kind::log:
        out = {log_fd < 0 ? From::daemon : From::fd, nullptr, 0, {log_fd, false}};
        return {};
    case StreamSource::Kind::path:
        out = {From::path, source.target.c_str(), source.flags, {}};
        return {};
    case StreamSource::Kind::socket:
        if (prepared.fds.size() != 1 || !prepared.fds.front().is_socket)
            return spawn_failure(SpawnStep::fds,
                                 fmt::format("a standard stream is to be the one socket; there are {} descriptors", prepared.fds.size()),
                                 EINVAL);
        out = {From::fd, nullptr, 0, prepared.fds.front()};
        return {};
    case StreamSource::Kind::named: break;
    }
    for (std::size_t i = 0; i < plan.fds.size(); ++i)
        if (plan.fds[i].name == source.target) {
            out = {From::fd, nullptr, 0, prepared.fds[i]};
            return {};
        }
    return spawn_failure(SpawnStep::fds, "a standard stream is to be the descriptor " + source.target, ENOENT);
}

Prepare prepare_streams(const SpawnPlan& plan, Prepared& prepared) {
    const StreamSource* const sources[] = {&plan.input, &plan.output, &plan.error};
    const int logs[] = {-1, plan.output_fd, plan.error_fd};
    for (std::size_t i = 0; i < std::size(sources); ++i)
        if (auto ok = prepare_stream(plan, *sources[i], logs[i], prepared, prepared.streams[i]); !ok) return ok;
    if (takes_socket(plan)) prepared.fds.clear();
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

/// UnsetEnvironment= takes names, and assignments that hold for the same value.
bool is_unset(const SpawnPlan& plan, std::string_view name, std::string_view value) {
    return std::any_of(plan.unset_environment.begin(), plan.unset_environment.end(), [&](std::string_view entry) {
        return entry == name || (entry.starts_with(name) && entry.substr(name.size()) == fmt::format("={}", value));
    });
}

bool is_wanted(const SpawnPlan& plan, std::string_view name, std::string_view value = {}) {
    return !is_set(plan.env, name) && !is_unset(plan, name, value);
}

std::string room_for_pid(const SpawnPlan& plan, std::string_view name) {
    return is_wanted(plan, name) ? fmt::format("{}=", name) + std::string(kPidDigits, '\0') : std::string();
}

/// What the plan sets wins over what is generated here (systemd's order, COMPAT 2.13).
Prepare prepare_env(const SpawnPlan& plan, Prepared& prepared) {
    prepared.env = plan.env;
    const auto generate = [&](const char* name, const std::string& value) {
        if (is_wanted(plan, name, value)) prepared.env.push_back(fmt::format("{}={}", name, value));
    };
    if (is_wanted(plan, "INVOCATION_ID")) {
        auto id = new_invocation_id();
        if (!id) return tl::unexpected<SpawnError>(SpawnError{SpawnStep::none, std::move(id).error()});
        generate("INVOCATION_ID", *id);
    }
    prepared.exec_pid = room_for_pid(plan, "SYSTEMD_EXEC_PID");
    if (is_set(plan.env, "WATCHDOG_USEC")) prepared.watchdog_pid = room_for_pid(plan, "WATCHDOG_PID");
    if (prepared.fds.empty()) return {};
    generate("LISTEN_FDS", std::to_string(plan.fds.size()));
    generate("LISTEN_FDNAMES", joined_names(plan.fds));
    prepared.listen_pid = room_for_pid(plan, "LISTEN_PID");
    return {};
}

void prepare_cpu_mask(const SpawnPlan& plan, Prepared& prepared) {
    constexpr unsigned kBits = 8 * sizeof(unsigned long);
    if (plan.cpu_affinity.empty()) return;
    prepared.cpu_mask.resize(plan.cpu_affinity.back() / kBits + 1); // they are sorted
    for (const unsigned cpu : plan.cpu_affinity) prepared.cpu_mask[cpu / kBits] |= 1UL << (cpu % kBits);
}

Prepare make_directories(const SpawnPlan& plan) {
    for (const OwnDirectory& directory : plan.directories)
        if (auto made = make_directory(directory); !made) {
            Error error = std::move(made).error().within(describe(plan, directory.step, 0));
            return tl::unexpected<SpawnError>(SpawnError{directory.step, std::move(error)});
        }
    return {};
}

/// Where the digits of "NAME=" and room go.
char* digits_of(std::string& variable) noexcept { return variable.empty() ? nullptr : variable.data() + variable.find('=') + 1; }

char* as_argument(const std::string& text) noexcept {
    return const_cast<char*>(text.c_str()); // execve(2) takes them as such and writes to none
}

SandboxSetup sandbox_of(const SandboxPlan& plan, Prepared& prepared) {
    prepared.trees.assign(plan.mounts.slots, -1);
    SandboxSetup setup;
    if (plan.filters)
        for (const FilterProgram& filter : plan.filters->programs) { // seccomp(2) writes to none
            if (filter.key == "restrict_address_families") setup.address_family_filter = static_cast<int>(prepared.filters.size());
            prepared.filters.push_back({static_cast<unsigned short>(filter.code.size()), const_cast<sock_filter*>(filter.code.data())});
        }
    setup.own_network = plan.private_network;
    setup.own_hostname = plan.own_hostname;
    setup.own_mounts = plan.mounts.own_namespace;
    setup.mounts = plan.mounts.steps.data();
    setup.mount_count = plan.mounts.steps.size();
    setup.trees = prepared.trees.data();
    setup.root = plan.root_directory.empty() ? nullptr : plan.root_directory.c_str();
    setup.filters = prepared.filters.data();
    setup.filter_count = prepared.filters.size();
    return setup;
}

} // namespace

tl::expected<void, SpawnError> prepare(const SpawnPlan& plan, Prepared& prepared) {
    if (auto ok = prepare_fds(plan, prepared); !ok) return ok;
    if (auto ok = prepare_streams(plan, prepared); !ok) return ok;
    if (auto ok = prepare_env(plan, prepared); !ok) return ok;
    if (auto ok = make_directories(plan); !ok) return ok;
    prepare_cpu_mask(plan, prepared);
    if (plan.oom_score_adjust) prepared.oom_score_adjust = std::to_string(*plan.oom_score_adjust);
    for (const std::string& word : plan.argv) prepared.argv.push_back(as_argument(word));
    for (const std::string& entry : prepared.env) prepared.envp.push_back(as_argument(entry));
    for (std::string* const variable : {&prepared.listen_pid, &prepared.exec_pid, &prepared.watchdog_pid})
        if (!variable->empty()) prepared.envp.push_back(variable->data());
    prepared.argv.push_back(nullptr);
    prepared.envp.push_back(nullptr);
    return {};
}

ChildSetup setup_of(const SpawnPlan& plan, Prepared& prepared) {
    ChildSetup setup;
    setup.path = plan.path.c_str();
    setup.argv = prepared.argv.data();
    setup.envp = prepared.envp.data();
    setup.cgroup = plan.cgroup_fd;
    setup.pid_digits[0] = digits_of(prepared.listen_pid);
    setup.pid_digits[1] = digits_of(prepared.exec_pid);
    setup.pid_digits[2] = digits_of(prepared.watchdog_pid);
    std::copy(std::begin(prepared.streams), std::end(prepared.streams), std::begin(setup.streams));
    setup.fds = prepared.fds.data();
    setup.non_blocking = plan.non_blocking;
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
    setup.cpu_policy = plan.cpu_policy;
    setup.cpu_priority = plan.cpu_priority;
    setup.cpu_reset_on_fork = plan.cpu_reset_on_fork;
    if (!prepared.cpu_mask.empty()) setup.cpu_mask = prepared.cpu_mask.data();
    setup.cpu_mask_bytes = prepared.cpu_mask.size() * sizeof(unsigned long);
    setup.io_priority = plan.io_priority;
    setup.ignore_sigpipe = plan.ignore_sigpipe;
    setup.ignored_signals = ignored_signals();
    setup.bounding_set = plan.capability_bounding_set;
    setup.ambient_set = plan.ambient_capabilities;
    if (!plan.root_directory.empty()) setup.root_directory = plan.root_directory.c_str();
    setup.no_new_privileges = plan.no_new_privileges;
    setup.sandbox = sandbox_of(plan.sandbox, prepared);
    setup.umask = plan.umask;
    setup.working_directory = plan.working_directory.c_str();
    setup.working_directory_optional = plan.working_directory_optional;
    return setup;
}

} // namespace swathe
