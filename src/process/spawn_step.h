#pragma once

#include "base/error.h"

#include <string>

namespace swathe {

struct SpawnPlan;

/// A step of a child's set-up, with the exit status that systemd gives its failure (systemd.exec(5), "Process exit codes").
enum class SpawnStep : int {
    none = 0,
    chdir = 200,
    nice = 201,
    fds = 202,
    exec = 203,
    limits = 205,
    oom_score_adjust = 206,
    standard_input = 208,
    standard_output = 209,
    chroot = 210,
    io_scheduling = 211,
    cpu_scheduling = 214,
    cpu_affinity = 215,
    group = 216,
    user = 217,
    capabilities = 218,
    cgroup = 219,
    standard_error = 222,
    network = 225,
    name_space = 226,
    no_new_privileges = 227,
    seccomp = 228,
    address_families = 229,
    runtime_directory = 233,
    state_directory = 238,
    cache_directory = 239,
    logs_directory = 240,
    configuration_directory = 241,
};
[[nodiscard]] const char* to_string(SpawnStep step) noexcept; ///< "CHDIR", "EXEC", ...

/// What `step` was to do for `plan`: the key and its value. `detail` says which of several: the limit (RLIMIT_...), the
/// capability, -1 for all ambient ones together.
[[nodiscard]] std::string describe(const SpawnPlan& plan, SpawnStep step, int detail);

/// Why no child came to be.
struct SpawnError {
    SpawnStep step = SpawnStep::none; ///< none: it did not come to any step: clone itself failed
    Error error;
    [[nodiscard]] std::string to_string() const { return error.to_string(); }
};

/// As a failure to be returned.
[[nodiscard]] tl::unexpected<SpawnError> spawn_failure(SpawnStep step, std::string message, int errno_value);

} // namespace swathe
