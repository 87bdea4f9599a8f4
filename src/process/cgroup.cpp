#include "process/cgroup.h"

#include "base/text.h"
#include "process/cgroup_files.h"
#include "process/cgroup_place.h"

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace swathe {
namespace {

constexpr const char* kControl = ".control";
constexpr std::size_t kMostNamed = 10;

/// Those that the kernel names in /sys/kernel/cgroup/delegate and that a user may use at all; missing ones are of no use to anybody.
constexpr std::array<const char*, 3> kDelegatedFiles{"cgroup.procs", "cgroup.threads", "cgroup.subtree_control"};

Status write_setting(int dir, const std::string& path, const CgroupSetting& setting) {
    bool written = false;
    for (const CgroupSetting::File& file : setting.files) {
        const Status ok = write_cgroup_file(dir, file.name, file.text);
        written = written || ok.has_value();
        if (!ok && ok.error().errno_value != ENOENT)
            return failure(fmt::format("{}: \"{}\" for {}/{}", setting.key, file.text, path, file.name), ok.error().errno_value);
    }
    if (written) return {};
    return failure(fmt::format("{}: this kernel has no {} in {}", setting.key, setting.files.front().name, path));
}

std::string name_of_process(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(file, name);
    return escaped(name);
}

} // namespace

Cgroup::Cgroup(UniqueFd parent, UniqueFd dir, std::string path, std::string name, bool is_new) noexcept
    : parent_(std::move(parent)), dir_(std::move(dir)), path_(std::move(path)), name_(std::move(name)), untouched_(is_new) {}

Result<Cgroup> Cgroup::create(const CgroupTree& tree, std::string_view service, unsigned instance) {
    const std::string name = cgroup_name(service, instance);
    const std::string path = fmt::format("{}/{}", tree.path(), name);
    (void)remove_cgroup(tree.dir(), name.c_str()); // an empty one may belong to another user by now, or have limits
    const bool is_new = ::mkdirat(tree.dir(), name.c_str(), 0755) == 0;
    if (!is_new && errno != EEXIST) return system_failure("mkdir " + path);
    auto parent = open_cgroup(tree.dir(), ".");
    if (!parent) return Failure(std::move(parent).error().within(tree.path()));
    auto dir = open_cgroup(tree.dir(), name.c_str());
    if (!dir) return Failure(std::move(dir).error().within(tree.path()));
    (void)write_cgroup_file(dir->get(), "cgroup.max.depth", std::to_string(kDeepestCgroup));
    return Cgroup(std::move(*parent), std::move(*dir), path, name, is_new);
}

bool Cgroup::may_hold(std::string_view cgroups) const noexcept { return names_cgroup(cgroups, name_); }

Status Cgroup::apply(const CgroupTree& tree, const CgroupContext& context) {
    if (auto ok = tree.check(context); !ok) return ok;
    if (!std::exchange(untouched_, false))
        for (const CgroupSetting& setting : defaults_beside(context))
            (void)write_setting(fd(), path_, setting); // there may be no such controller
    for (const CgroupSetting& setting : settings_of(context, tree.machine()))
        if (auto ok = write_setting(fd(), path_, setting); !ok) return Failure(std::move(ok).error().at(setting.pos));
    return {};
}

Status Cgroup::delegate(uid_t user, gid_t group) {
    delegated_ = true;
    if (::fchown(fd(), user, group) != 0) return system_failure("delegate: chown " + path_);
    for (const char* file : kDelegatedFiles)
        if (::fchownat(fd(), file, user, group, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
            return system_failure(fmt::format("delegate: chown {}/{}", path_, file));
    return {};
}

Result<int> Cgroup::control_fd() {
    if (!delegated_) return fd();
    if (control_) return control_.get();
    if (::mkdirat(fd(), kControl, 0755) != 0 && errno != EEXIST) return system_failure(fmt::format("mkdir {}/{}", path_, kControl));
    auto control = open_cgroup(fd(), kControl);
    if (!control) return Failure(std::move(control).error().within(path_));
    control_ = std::move(*control);
    return control_.get();
}

Result<std::vector<pid_t>> Cgroup::processes() const { return processes_below(fd()); }

Result<bool> Cgroup::is_empty() const {
    auto events = read_cgroup_file(fd(), "cgroup.events");
    if (!events) return Failure(std::move(events).error().within(path_));
    return value_in(*events, "populated") == 0U;
}

std::string Cgroup::left_over() const {
    const auto pids = processes().value_or(std::vector<pid_t>());
    std::string text;
    for (std::size_t i = 0; i < pids.size() && i < kMostNamed; ++i)
        text += fmt::format("{}{} ({})", i == 0 ? "" : ", ", pids[i], name_of_process(pids[i]));
    return pids.size() > kMostNamed ? text + fmt::format(" and {} more", pids.size() - kMostNamed) : text;
}

std::optional<std::uint64_t> Cgroup::oom_kills() const {
    const auto events = read_cgroup_file(fd(), "memory.events");
    return events ? value_in(*events, "oom_kill") : std::nullopt;
}

Status Cgroup::signal_all(int signal) const {
    auto ok = signal_cgroup(fd(), signal);
    return ok ? ok : Failure(std::move(ok).error().within(path_));
}

Status Cgroup::kill() const {
    auto ok = write_cgroup_file(fd(), "cgroup.kill", "1");
    if (!ok && ok.error().errno_value == ENOENT) ok = kill_cgroup_by_signals(fd());
    return ok ? ok : Failure(std::move(ok).error().within(path_));
}

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
    if (this == &other) return *this;
    remove();
    parent_ = std::move(other.parent_);
    dir_ = std::move(other.dir_);
    control_ = std::move(other.control_);
    path_ = std::move(other.path_);
    name_ = std::move(other.name_);
    untouched_ = other.untouched_;
    delegated_ = other.delegated_;
    return *this;
}

void Cgroup::remove() noexcept {
    if (dir_) (void)remove_cgroup(parent_.get(), name_.c_str());
}

Cgroup::~Cgroup() { remove(); }

} // namespace swathe
