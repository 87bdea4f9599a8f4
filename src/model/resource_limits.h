#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <sys/resource.h>

namespace swathe {

/// Limits of a process, each at its RLIMIT_ number; nothing = as in the daemon.
using ResourceLimits = std::array<std::optional<rlimit>, RLIM_NLIMITS>;

/// The key in [service] that sets a limit.
struct ResourceLimitKey {
    int resource; ///< RLIMIT_...; the numbers differ between architectures
    std::string_view key;
};
inline constexpr std::array<ResourceLimitKey, RLIM_NLIMITS> kResourceLimitKeys{{
    {RLIMIT_CPU, "limit_cpu"},         {RLIMIT_FSIZE, "limit_fsize"},           {RLIMIT_DATA, "limit_data"},
    {RLIMIT_STACK, "limit_stack"},     {RLIMIT_CORE, "limit_core"},             {RLIMIT_RSS, "limit_rss"},
    {RLIMIT_NOFILE, "limit_nofile"},   {RLIMIT_AS, "limit_as"},                 {RLIMIT_NPROC, "limit_nproc"},
    {RLIMIT_MEMLOCK, "limit_memlock"}, {RLIMIT_LOCKS, "limit_locks"},           {RLIMIT_SIGPENDING, "limit_sigpending"},
    {RLIMIT_MSGQUEUE, "limit_msgqueue"}, {RLIMIT_NICE, "limit_nice"},           {RLIMIT_RTPRIO, "limit_rtprio"},
    {RLIMIT_RTTIME, "limit_rttime"},
}};

} // namespace swathe
