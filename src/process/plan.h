#pragma once

#include "base/error.h"
#include "process/accounts.h"
#include "process/environment_file.h"
#include "process/spawn_plan.h"
#include "process/spawn_step.h"

#include <string_view>
#include <utility>

namespace swathe {

struct Command;
struct Service;

/// What differs from one start of a command to the next.
struct RunFacts {
    std::string notify_path;                                    ///< $NOTIFY_SOCKET, for services that may notify
    std::vector<std::pair<std::string, std::string>> variables; ///< generated ones: MAINPID, WATCHDOG_USEC, SERVICE_RESULT, ...
    BaseDirectories bases{};
    std::string tmp{}, var_tmp{}; ///< of the run's PrivateTmp, for services with private_tmp
    std::optional<uid_t> dynamic_uid{}; ///< of the run's DynamicUser, for services that need one
};

/// What a command's start needs to know of this machine: a plan that lacks `env` and `argv`, and what these are made of.
struct SpawnGrounds {
    SpawnPlan plan;
    std::optional<User> user;
    FileVariables files;
};

/// For plans that are looked at and not started.
[[nodiscard]] RunFacts facts_of_check(const Service& service);

/// Looks up what `service` and `command` name on this machine: program, user, groups, home; reads environment files; fills all but
/// `fds`, `output_fd` and `error_fd`. `key` is the one that has the command, for errors, which carry its place. A "+" before the command
/// frees it from user, root directory, limits, capabilities and no_new_privileges, a "!" from the user alone. Used by `check`, too.
/// An error has the step that would have failed in the child if it had been left to it, as under systemd; an environment file has none.
[[nodiscard]] tl::expected<SpawnPlan, SpawnError> plan_spawn(const Service& service, const Command& command, std::string_view key,
                                                             const RunFacts& facts);

/// The two halves of it. The first asks accounts and files, and of `facts` only for a private /tmp and a dynamic user; the second asks
/// nobody.
[[nodiscard]] tl::expected<SpawnGrounds, SpawnError> look_up_grounds(const Service& service, const Command& command, std::string_view key,
                                                                     const RunFacts& facts);
[[nodiscard]] SpawnPlan plan_on(SpawnGrounds grounds, const Service& service, const Command& command, const RunFacts& facts);

/// What else a start would refuse, for `check`: the working directory is looked at by the child alone, since a dead network file
/// system must not hang the daemon.
[[nodiscard]] Status check_plan(const SpawnPlan& plan, const Service& service);

/// All that plan_spawn() and spawn() would refuse and that is known without a start, not only the first: programs, user, groups, streams
/// that no inherited socket can be.
[[nodiscard]] Diagnostics check_service(const Service& service);

} // namespace swathe
