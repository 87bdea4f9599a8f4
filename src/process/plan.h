#pragma once

#include "base/error.h"
#include "process/spawn_plan.h"

#include <string_view>
#include <utility>

namespace swathe {

struct Command;
struct Service;

/// What differs from one start of a command to the next.
struct RunFacts {
    std::string notify_path;                                    ///< $NOTIFY_SOCKET, for services that may notify
    std::vector<std::pair<std::string, std::string>> variables; ///< generated ones: MAINPID, WATCHDOG_USEC, SERVICE_RESULT, ...
};

/// Looks up what `service` and `command` name on this machine: program, user, groups, home; reads environment files; fills all but
/// `fds`. `key` is the one that has the command, for errors, which carry its place. Used by `check`, too.
[[nodiscard]] Result<SpawnPlan> plan_spawn(const Service& service, const Command& command, std::string_view key, const RunFacts& facts);

/// What else a start would refuse, for `check`: the working directory is looked at by the child alone, since a dead network file
/// system must not hang the daemon.
[[nodiscard]] Status check_plan(const SpawnPlan& plan, const Service& service);

/// All that plan_spawn() would refuse, not only the first: program, user and group.
[[nodiscard]] Diagnostics check_service(const Service& service);

/// Raises this process's soft limit of descriptors to the hard one: a socket for each listener counts. Children without limit_nofile
/// get the old one back, since programs that use select(2) or close all descriptors up to the limit rely on it being small.
void raise_descriptor_limit() noexcept;

} // namespace swathe
