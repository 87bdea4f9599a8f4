#pragma once

#include "base/error.h"
#include "process/seccomp_filter.h"

#include <string>

namespace swathe {

/// The programs of restrict_address_families, restrict_namespaces, restrict_realtime, restrict_suid_sgid, memory_deny_write_execute and
/// lock_personality, which look at the arguments of system calls: as far as `context` has them, appended to `out`.
/// Of an architecture whose socket(2) and shmat(2) are parts of another call (32-bit x86), they deny these whatever the arguments are.
[[nodiscard]] Status add_denials(const ExecContext& context, FilterPrograms& out);

/// All that they depend on.
[[nodiscard]] std::string fingerprint_of_denials(const ExecContext& context);

} // namespace swathe
