#pragma once

#include "config/value_context.h"

#include <optional>
#include <string_view>
#include <sys/resource.h>

namespace swathe {

/// What the number of a limit counts, and so how it may be written (systemd.exec(5), LimitCPU= and following).
enum class LimitUnit : std::uint8_t {
    count,
    bytes,        ///< with suffixes: parse_size()
    seconds,      ///< a time span, rounded up; bare numbers are seconds
    microseconds, ///< a time span; bare numbers are microseconds
    nice,         ///< "+N" or "-N" is a nice value; a bare number 0 to 40 is 20 minus the nice value, 0 being taken as 1
};

/// N, "SOFT:HARD" or "infinity"; soft <= hard.
bool read_limit(const Raw& raw, const ValueContext& context, LimitUnit unit, std::optional<rlimit>& out);

/// A number of bytes: "4096", "64K", "1.5G", "1G 512M". Suffixes B, K, M, G, T, P, E to the base 1024, each smaller than
/// the one before it. Nothing: not of this form, or 2^64 - 1 and more.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// parse_size(), or an integer of TOML; 0 to limits::kLogRingBytes.
bool read_ring_bytes(const Raw& raw, const ValueContext& context, std::uint32_t& out);

} // namespace swathe
