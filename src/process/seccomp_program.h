#pragma once

#include "base/error.h"

#include <cstdint>
#include <memory>
#include <vector>

#include <linux/filter.h>
#include <seccomp.h>

/// What libseccomp makes programs of. For seccomp_filter.cpp and seccomp_denials.cpp alone.
namespace swathe {

struct SystemCallFilter;

struct ReleaseFilter {
    void operator()(void* filter) const noexcept { ::seccomp_release(filter); }
};
using SeccompFilter = std::unique_ptr<void, ReleaseFilter>;

inline Failure seccomp_failure(const char* what, int error) { return failure(what, -error); }

/// A filter without rules for the native architecture alone; `foreign` is what happens to system calls of others.
[[nodiscard]] Result<SeccompFilter> new_native_filter(std::uint32_t rest, std::uint32_t foreign);

/// Those besides the native one whose programs a kernel for it may run as well: SCMP_ARCH_...
[[nodiscard]] std::vector<std::uint32_t> other_local_architectures();

/// Errors: longer than the kernel takes.
[[nodiscard]] Result<std::vector<sock_filter>> exported(const SeccompFilter& filter);

} // namespace swathe
