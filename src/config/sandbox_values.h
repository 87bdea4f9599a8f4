#pragma once

#include "config/value_context.h"
#include "model/choices.h"
#include "model/service.h"

#include <vector>

namespace swathe {

/// Readers of what a service is kept away from; the form is value_context.h's. In a unit file a line has any number of words by
/// systemd's quoting rules; in TOML a string is such a line, and a list has one in each string, but for paths: one a string.

/// Absolute paths; "-" in front: may be missing, "+": below root_directory. At most limits::kSandboxPaths in all.
bool read_sandbox_paths(const Raw& raw, const ValueContext& context, std::vector<SandboxPath>& out);

/// Names of system calls and "@groups"; "~" in front of a line: its words are denied, and may be "NAME:ERROR". At most
/// limits::kSystemCalls words in all. Whether a call is known is seen at the start: it depends on the kernel's headers.
bool read_syscall_filter(const Raw& raw, const ValueContext& context, SystemCallFilter& out);

/// A name of errno(3), a number from 1 to 4095, or "kill".
bool read_syscall_error(const Raw& raw, const ValueContext& context, SystemCallFilter& out);

bool read_architectures(const Raw& raw, const ValueContext& context, SystemCallFilter& out); ///< architecture_names()

/// A boolean or another word of the choice.
bool read_protect_system(const Raw& raw, const ValueContext& context, ProtectSystem& out);
bool read_protect_home(const Raw& raw, const ValueContext& context, ProtectHome& out);

} // namespace swathe
