#pragma once

#include <string>
#include <sys/types.h>

/// Ways to start a program that the C library has, to measure spawn() against. All return once the program has been executed, and the
/// pid is the caller's to wait for. Anything that fails ends the benchmark.
namespace swathe::bench {

/// Descriptor 3 of the child is `passed`; -1 = it gets none. The environment is empty.
[[nodiscard]] pid_t vfork_exec(const std::string& path, const char* argument, int passed = -1);
[[nodiscard]] pid_t fork_exec(const std::string& path, const char* argument, int passed = -1);
[[nodiscard]] pid_t posix_spawn_exec(const std::string& path, const char* argument);

void wait_for(pid_t pid); ///< reaps it; it must have ended with status 0

/// bench_child, which lies beside the running program.
[[nodiscard]] std::string child_path();

} // namespace swathe::bench
