#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// What a configuration may not exceed. Each stands in swathe.service(5), "LIMITS", and has a test at the edge.
namespace swathe::limits {

inline constexpr std::size_t kFileBytes = 16U << 20; ///< one configuration file
inline constexpr std::size_t kLineBytes =
    1U << 20; ///< one line of a unit file, continuations joined (systemd's LONG_LINE_MAX)
inline constexpr std::size_t kKeyParts = 16; ///< parts of one dotted key or table header in TOML: "a.b.c" has three
inline constexpr std::size_t kServiceNameBytes = 247;  ///< so that NAME.service is a file name
inline constexpr std::size_t kListenerNameBytes = 255; ///< sd_listen_fds(3), FDNAME_MAX
inline constexpr std::size_t kListenerSockets = 65536; ///< of all services together: the slots of the SOCKMAP
inline constexpr std::size_t kAddresses =
    4U << 20; ///< address ranges of all listeners and rules together, with holes and guards, each as the prefixes that it is cut into
inline constexpr std::size_t kAddressFileBytes = 256U << 20; ///< a file that addresses_file or from_file names
inline constexpr std::size_t kAddressFileLines = 8U << 20;   ///< comments and blank lines included
inline constexpr std::size_t kAddressLineBytes = 1024;       ///< comment included
inline constexpr std::size_t kAddressFileErrors = 100;       ///< the rest is not read
inline constexpr std::size_t kEnvironment = 1024; ///< variables of one service
inline constexpr std::size_t kArguments = 1024;   ///< words of one command line
inline constexpr std::size_t kCommands = 256;     ///< commands of one key
inline constexpr std::size_t kServiceNames = 1024; ///< services that one key of a service names
inline constexpr std::size_t kConditions = 256;    ///< and assertions, of one service
inline constexpr std::uint32_t kWorkers = 256;    ///< instances of one service side by side
inline constexpr std::size_t kWordBytes =
    (128U << 10) - 1;                           ///< one argument or variable: execve(2), MAX_ARG_STRLEN without its NUL
inline constexpr std::size_t kPathBytes = 4095; ///< PATH_MAX without its NUL
inline constexpr std::size_t kFileNameBytes = 255;  ///< NAME_MAX: a network namespace
inline constexpr std::size_t kUnixPathBytes = 107;  ///< of a UNIX socket: unix(7), sun_path without its NUL
inline constexpr std::size_t kSymlinks = 64;        ///< of one listener
inline constexpr std::size_t kSocketBufferBytes = (1U << 30) - 1; ///< the kernel doubles it into an int (net/core/sock.c)
inline constexpr std::size_t kCongestionBytes = 15; ///< TCP_CA_NAME_MAX without its NUL
inline constexpr std::size_t kDescriptionBytes = 1024;
inline constexpr std::size_t kInterfaceNameBytes = 15; ///< IFNAMSIZ without its NUL
inline constexpr std::size_t kUserNameBytes = 31;      ///< utmp's, as useradd(8) has it
inline constexpr std::size_t kEnvironmentFiles = 64;   ///< of one service; process/environment_file.h limits what is in them
inline constexpr std::size_t kSandboxPaths = 256;      ///< read_only_paths of one service, and likewise its kin
inline constexpr std::size_t kSystemCalls = 2048;      ///< words of one system_call_filter
inline constexpr std::size_t kOwnDirectories = 64;     ///< of one service and kind: runtime_directory, ...
inline constexpr unsigned kProcessors = 8192;          ///< a processor's number is below; CONFIG_NR_CPUS's largest value
inline constexpr std::size_t kAccounts = 1024;         ///< supplementary_groups of one service
inline constexpr std::uint64_t kWeight = 10000;            ///< cpu_weight and io_weight: kernel, Documentation/admin-guide/cgroup-v2.rst
inline constexpr std::uint32_t kCpuQuotaPercent = 1000000; ///< of one processor: ten thousand of them
inline constexpr std::size_t kLogRingBytes = 64U << 20; ///< log_ring_bytes of one service
inline constexpr std::uint32_t kRate = 1000000;         ///< connection_rate in its period, and connection_burst
inline constexpr auto kShortestRatePeriod = std::chrono::milliseconds(1);
inline constexpr auto kLongestRatePeriod = std::chrono::hours(24);
inline constexpr std::size_t kDayTimes = 64;            ///< access_times of one service
inline constexpr std::size_t kBannerBytes = 4096;       ///< banner of one service
inline constexpr double kLeastLoad = 0.01, kLoad = 1000000; ///< max_load
inline constexpr std::int64_t kCount = 2147483647;     ///< a number of things: int
inline constexpr std::size_t kDiagnostics = 1000;      ///< errors that are shown, and warnings likewise

} // namespace swathe::limits
