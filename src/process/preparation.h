#pragma once

#include "process/child_setup.h"

#include <string>
#include <vector>

namespace swathe {

/// Everything of a ChildSetup that needs memory.
struct Prepared {
    std::vector<std::string> env;
    std::string listen_pid, exec_pid, watchdog_pid; ///< "NAME=" and room for digits; empty = none
    std::vector<unsigned long> cpu_mask;
    StreamSetup streams[3];
    std::string oom_score_adjust;
    std::vector<char*> argv, envp;
    std::vector<InheritedFd> fds;
    std::vector<int> trees;
    std::vector<sock_fprog> filters;
};

/// Errors: what `plan` names is not there. `plan` must outlive what was prepared.
[[nodiscard]] tl::expected<void, SpawnError> prepare(const SpawnPlan& plan, Prepared& prepared);

/// Both must stay until the child's exec.
[[nodiscard]] ChildSetup setup_of(const SpawnPlan& plan, Prepared& prepared);

} // namespace swathe
