#pragma once

#include "base/error.h"
#include "base/unique_fd.h"
#include "model/cgroup_context.h"
#include "process/cgroup_settings.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// The control group of this daemon in a cgroup2 file system, and below it the one that holds those of its services:
///
///     OUR GROUP/supervisor               the daemon, if controllers are to be had: a group with processes enables none for those below
///     OUR GROUP/swathe[@LABEL]/          a directory of ours
///     OUR GROUP/swathe[@LABEL]/NAME.service
///
/// What cannot be had is missing, and why_not() and why_fewer() say why; nothing of it keeps a service from running that does not ask for
/// it. The end of this object removes what is empty, so the groups of services that go on running stay for the next daemon.
class CgroupTree {
public:
    /// Looks into /proc for the group of this process, and moves the process into "supervisor" if that is needed. `label` tells daemons
    /// in the same group apart: label_of().
    [[nodiscard]] static CgroupTree find(std::string_view label);
    /// The same with `group`, a directory, as the daemon's group. `top` is the topmost group that is visible.
    [[nodiscard]] static CgroupTree in(const std::string& group, std::string_view label, const std::string& top);
    [[nodiscard]] static CgroupTree none(std::string why_not);
    /// Of a daemon with this runtime directory: "" for the standard one.
    [[nodiscard]] static std::string label_of(std::string_view runtime_dir);

    [[nodiscard]] bool available() const noexcept { return static_cast<bool>(dir_); }
    [[nodiscard]] const std::string& why_not() const noexcept { return why_not_; } ///< "" if available
    [[nodiscard]] int dir() const noexcept { return dir_.get(); }                  ///< holds the services' groups; -1 if not available
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] const std::vector<std::string>& controllers() const noexcept { return controllers_; } ///< for the services' groups
    [[nodiscard]] bool has(std::string_view controller) const noexcept;
    [[nodiscard]] const std::string& why_fewer() const noexcept { return why_fewer_; } ///< why a controller is missing
    [[nodiscard]] const CgroupMachine& machine() const noexcept { return machine_; }

    /// For `status`: what is missing, and what that means. "" if everything is there.
    [[nodiscard]] std::string describe() const;
    /// Can a service with this context have what it asks for? The error names the first key that it cannot have, with its place.
    [[nodiscard]] Status check(const CgroupContext& context) const;

    /// Groups of services that are still there, with processes or without: at the start, what a predecessor left.
    [[nodiscard]] std::vector<std::string> groups() const;
    void remove_empty() noexcept; ///< of them, those without processes

    CgroupTree(CgroupTree&&) noexcept = default;
    CgroupTree& operator=(CgroupTree&&) = delete;
    ~CgroupTree();

private:
    CgroupTree() = default;
    void enable_controllers(int group, const std::string& group_path);
    [[nodiscard]] std::string free_group(int group, const std::string& group_path);

    std::string path_, name_; ///< of the directory that holds the services' groups
    UniqueFd parent_, dir_;
    std::vector<std::string> controllers_;
    std::string why_not_, why_fewer_;
    CgroupMachine machine_;
};

} // namespace swathe
