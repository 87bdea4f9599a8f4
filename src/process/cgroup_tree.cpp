#include "process/cgroup_tree.h"

#include "base/text.h"
#include "process/cgroup_files.h"
#include "process/cgroup_place.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace swathe {
namespace {

constexpr std::string_view kSupervisor = "supervisor";
constexpr std::array<std::string_view, 4> kControllers{"cpu", "io", "memory", "pids"};

std::string text_of(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Names separated by spaces or newlines. A file that cannot be read has none.
std::vector<std::string> words_in(int dir, const char* file) {
    std::vector<std::string> words;
    const std::string text = read_cgroup_file(dir, file).value_or("");
    for (const std::string_view line : split(text, '\n'))
        for (const std::string_view word : split(line, ' '))
            if (!word.empty()) words.emplace_back(word);
    return words;
}

bool has_word(const std::vector<std::string>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

/// Those of `wanted` that the groups below `dir` have after this. `error`: errno of one that could not be enabled, or 0.
std::vector<std::string> enable(int dir, const std::vector<std::string>& wanted, int& error) {
    const auto there = words_in(dir, "cgroup.subtree_control");
    std::vector<std::string> enabled;
    error = 0;
    for (const std::string& controller : wanted) {
        const auto ok = has_word(there, controller) ? Status() : write_cgroup_file(dir, "cgroup.subtree_control", "+" + controller);
        if (ok) enabled.push_back(controller);
        else error = ok.error().errno_value;
    }
    return enabled;
}

/// A daemon that was started in "supervisor", or moved there before, is in the group above.
std::string without_supervisor(const std::string& group) {
    const std::string ending = fmt::format("/{}", kSupervisor);
    return group.ends_with(ending) ? group.substr(0, group.size() - ending.size()) : group;
}

/// A group that an administrator made threaded cannot hold those of services.
bool holds_domains(int dir) {
    const std::string type = read_cgroup_file(dir, "cgroup.type").value_or("domain"); // the topmost group has no such file
    return trim(type.substr(0, type.find('\n'))) == "domain";
}

} // namespace

CgroupTree CgroupTree::find(std::string_view label) {
    const std::string mountinfo = text_of("/proc/self/mountinfo");
    const std::string cgroup = text_of("/proc/self/cgroup");
    const auto own = find_own_cgroup(mountinfo, cgroup);
    if (!own) return none(own.error().to_string());
    const auto top = find_own_cgroup(mountinfo, "0::/");
    return in(without_supervisor(*own), label, top.value_or(*own));
}

CgroupTree CgroupTree::in(const std::string& group, std::string_view label, const std::string& top) {
    auto parent = open_cgroup(AT_FDCWD, group.c_str());
    if (!parent) return none(parent.error().to_string());
    CgroupTree tree;
    tree.name_ = label.empty() ? "swathe" : fmt::format("swathe@{}", label);
    tree.path_ = fmt::format("{}/{}", group, tree.name_);
    if (::mkdirat(parent->get(), tree.name_.c_str(), 0755) != 0 && errno != EEXIST)
        return none(system_failure("mkdir " + tree.path_).value().to_string());
    auto dir = open_cgroup(parent->get(), tree.name_.c_str());
    if (!dir) return none(std::move(dir).error().within(group).to_string());
    tree.parent_ = std::move(*parent);
    if (!holds_domains(dir->get())) return none(fmt::format("{} is a threaded group", tree.path_));
    tree.dir_ = std::move(*dir);
    tree.machine_ = read_cgroup_machine(top);
    tree.enable_controllers(tree.parent_.get(), group);
    return tree;
}

CgroupTree CgroupTree::none(std::string why_not) {
    CgroupTree tree;
    tree.why_not_ = std::move(why_not);
    return tree;
}

std::string CgroupTree::label_of(std::string_view runtime_dir) {
    if (runtime_dir == "/run/swathe") return {};
    std::string label(runtime_dir.substr(runtime_dir.find_first_not_of('/') == runtime_dir.npos ? 0 : runtime_dir.find_first_not_of('/')));
    std::replace(label.begin(), label.end(), '/', '-');
    return label;
}

/// Makes the group of the daemon one without processes, as the kernel wants it of all but the topmost one before controllers are enabled
/// for those below ("no internal processes"). Before the first is: "cpu" and "pids" can be had with processes in the group, but make it a
/// threaded domain, and those below of no use. Returns why not, or "".
std::string CgroupTree::free_group(int group, const std::string& group_path) {
    if (!read_cgroup_file(group, "cgroup.type")) return {}; // the topmost one
    const auto pids = words_in(group, "cgroup.procs");
    if (pids.empty()) return {};
    if (std::any_of(pids.begin(), pids.end(), [](const std::string& pid) { return pid != std::to_string(::getpid()); }))
        return fmt::format("there are other processes than swathed in {}", group_path);
    if (::mkdirat(group, std::string(kSupervisor).c_str(), 0755) != 0 && errno != EEXIST)
        return system_failure(fmt::format("mkdir {}/{}", group_path, kSupervisor)).value().to_string();
    const auto moved = write_cgroup_file(group, "supervisor/cgroup.procs", "0");
    return moved ? "" : Error(moved.error()).within(group_path).to_string();
}

void CgroupTree::enable_controllers(int group, const std::string& group_path) {
    const auto there = words_in(group, "cgroup.controllers");
    std::vector<std::string> wanted;
    for (const std::string_view name : kControllers)
        if (has_word(there, name)) wanted.emplace_back(name);
    if (wanted.size() < kControllers.size()) why_fewer_ = fmt::format("{} does not have it", group_path);
    if (const std::string why = wanted.empty() ? "" : free_group(group, group_path); !why.empty()) {
        why_fewer_ = why;
        return;
    }
    int error = 0;
    const auto above = enable(group, wanted, error);
    if (error != 0 && why_fewer_.empty()) why_fewer_ = Error{group_path + "/cgroup.subtree_control", error, {}}.to_string();
    controllers_ = enable(dir(), above, error);
    if (error != 0 && why_fewer_.empty()) why_fewer_ = Error{path_ + "/cgroup.subtree_control", error, {}}.to_string();
}

bool CgroupTree::has(std::string_view controller) const noexcept { return has_word(controllers_, controller); }

std::string CgroupTree::describe() const {
    if (!available())
        return fmt::format("there are no control groups: {}; a process that leaves the process group of its service is not ended with it",
                           why_not_);
    std::vector<std::string_view> missing;
    std::copy_if(kControllers.begin(), kControllers.end(), std::back_inserter(missing), [&](std::string_view name) { return !has(name); });
    if (missing.empty()) return {};
    return fmt::format("control groups cannot limit {}: {}", fmt::join(missing, ", "), why_fewer_);
}

Status CgroupTree::check(const CgroupContext& context) const {
    for (const CgroupSetting& setting : settings_of(context, machine_)) {
        if (!available()) return failure_at(setting.pos, fmt::format("{}: there are no control groups: {}", setting.key, why_not_));
        if (!has(setting.controller))
            return failure_at(setting.pos,
                              fmt::format("{}: the {} controller is not available: {}", setting.key, setting.controller, why_fewer_));
    }
    return {};
}

std::vector<std::string> CgroupTree::groups() const { return available() ? subgroups_of(dir()) : std::vector<std::string>(); }

void CgroupTree::remove_empty() noexcept {
    for (const std::string& name : groups()) (void)remove_cgroup(dir(), name.c_str());
}

CgroupTree::~CgroupTree() {
    if (!available()) return;
    remove_empty();
    (void)::unlinkat(parent_.get(), name_.c_str(), AT_REMOVEDIR); // stays as long as a service runs
}

} // namespace swathe
