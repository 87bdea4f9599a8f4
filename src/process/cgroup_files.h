#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

/// Files and directories of a cgroup2 file system: kernel, Documentation/admin-guide/cgroup-v2.rst. `dir` is a directory's descriptor,
/// borrowed.
namespace swathe {

/// How deep groups may lie below that of a service; the kernel is told so (cgroup.max.depth).
inline constexpr unsigned kDeepestCgroup = 32;

[[nodiscard]] Result<UniqueFd> open_cgroup(int dir, const char* path); ///< a directory

/// The whole of a file; at most 1 MB of it. Errors: errno of open or read, and the file's name.
[[nodiscard]] Result<std::string> read_cgroup_file(int dir, const char* name);
/// In one write, as the kernel wants it; makes no file. Errors likewise; ENOENT where the kernel has no such file.
[[nodiscard]] Status write_cgroup_file(int dir, const char* name, std::string_view text);

/// /proc/PID/cgroup; "" if there is no such process. Nothing: it cannot be read.
[[nodiscard]] std::optional<std::string> cgroups_of(pid_t pid);
/// Does it name a group `name`, or one below it? cgroups(7): "ID:CONTROLLERS:/PATH", a line for each hierarchy.
[[nodiscard]] bool names_cgroup(std::string_view cgroups, std::string_view name) noexcept;

/// N of the line "KEY N" of a file such as cgroup.events.
[[nodiscard]] std::optional<std::uint64_t> value_in(std::string_view text, std::string_view key);

/// The names of the groups directly below.
[[nodiscard]] std::vector<std::string> subgroups_of(int dir);

/// Calls for the group and all below it, at most kDeepestCgroup levels; a group comes after those below it.
void for_each_cgroup(int dir, const std::function<void(int dir)>& call);

/// All processes of the group and those below, by pid in this process's namespace; one that ended or moved meanwhile may be missing or
/// superfluous. Errors: the group's own list cannot be read.
[[nodiscard]] Result<std::vector<pid_t>> processes_below(int dir);

/// Removes `name` and all groups below it, unless there is a process in one: who runs there may have made the others for later. True: it
/// is gone.
bool remove_cgroup(int parent, const char* name);

/// Sends `signal` to every process of the group and those below, to each once, and to who is forked meanwhile. Through a pidfd of which it
/// is known that its process was in the group. Errors: the list of processes cannot be read, no descriptor is left, or a process may not
/// be signalled; the others are.
[[nodiscard]] Status signal_cgroup(int dir, int signal);

/// Ends every process by SIGKILL where there is no cgroup.kill (before Linux 5.14): freezes, so that none can fork away, and thaws.
[[nodiscard]] Status kill_cgroup_by_signals(int dir);

} // namespace swathe
