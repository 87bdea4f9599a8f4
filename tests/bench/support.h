#pragma once

#include "base/error.h"
#include "base/unique_fd.h"
#include "classify/tables.h"
#include "socket/net_namespace.h"

#include <chrono>
#include <string>
#include <vector>

/// What all benchmarks need. A benchmark that cannot go on says why and exits with 1.
namespace swathe::bench {

[[noreturn]] void die(const std::string& why);
template <class T> T need(Result<T> result) {
    if (!result) die(result.error().to_string());
    return std::move(*result);
}
void need(const Status& status);

/// The command line that all benchmarks have.
struct Options {
    bool json = false;
    bool quick = false; ///< shows that it runs, not what it costs
    std::uint32_t max_rules = 1'000'000;
};
[[nodiscard]] Options parse(int argc, char** argv);

[[nodiscard]] double median(std::vector<double> values);

template <class F> double milliseconds(F&& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

void stay_on_one_cpu();

/// Moves the calling thread into a network namespace of its own with lo up, which ends with the benchmark.
[[nodiscard]] NetNamespace fresh_namespace();

/// One service with one listener: whom all rules of rule_shapes.h name.
[[nodiscard]] Config one_listener();
/// The tables of rules whose listener has slot 0. There is no interface.
[[nodiscard]] Tables tables_of(const RuleSet& rules, const Config& config);

/// A SOCKMAP with `socket_fd` in slot 0.
[[nodiscard]] UniqueFd sockmap_of(int socket_fd);
void put_socket(int map_fd, int socket_fd);

/// What the kernel charges for a map, by /proc/self/fdinfo.
[[nodiscard]] std::size_t kernel_bytes(int map_fd);
/// The same for all maps of a program that hold its tables, i.e. arrays but those of the compiler.
[[nodiscard]] std::size_t kernel_bytes_of_tables(int program_fd);

} // namespace swathe::bench
